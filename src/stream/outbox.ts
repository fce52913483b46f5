import type { Stanza } from '../core/ports.ts';

/** Hears whether an outbox is full. */
export interface OutboxOwner {
  onFull(full: boolean): void;
}

/**
 * What waits for the client, in order. Bounded by back-pressure: above `maxBytes` the server is no longer read, so no more can
 * gather than that, one read of its socket and one stanza (BOSH-PAY-14).
 */
export class Outbox {
  readonly #maxBytes: number;
  readonly #owner: OutboxOwner;
  #waiting: Stanza[] = [];
  #bytes = 0;
  #full = false;

  constructor(maxBytes: number, owner: OutboxOwner) {
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#full;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** What waits, left where it is. */
  peek(): readonly Stanza[] {
    return this.#waiting;
  }

  push(stanza: Stanza): void {
    // Mostly there is one at a time, and an array that is pushed to has room for 16 more.
    if (this.#waiting.length === 0) this.#waiting = [stanza];
    else this.#waiting.push(stanza);
    this.#changed(stanza.bytes);
  }

  /** Puts back what a lost answer had taken, before all that came since (BOSH-BRK-06). */
  putBack(stanzas: readonly Stanza[]): void {
    this.#waiting = [...stanzas, ...this.#waiting];
    this.#changed(stanzas.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  /** Whole elements up to `maxBytes`, and at least one where there is one (BOSH-PAY-10). */
  take(maxBytes: number): readonly Stanza[] {
    let count = 0;
    let bytes = 0;
    for (const stanza of this.#waiting) {
      if (count > 0 && bytes + stanza.bytes > maxBytes) break;
      count++;
      bytes += stanza.bytes;
    }
    if (count === 0) return [];
    const all = this.#waiting;
    const isAll = count === all.length;
    // The array itself, as a rule: an empty one that was full keeps its memory.
    if (isAll) this.#waiting = [];
    this.#changed(-bytes);
    return isAll ? all : all.splice(0, count);
  }

  #changed(bytes: number): void {
    this.#bytes += bytes;
    // Half of the bound as the lower mark, so that a slow reader does not start and stop the server at each stanza.
    const full = this.#full ? this.#bytes > this.#maxBytes / 2 : this.#bytes > this.#maxBytes;
    if (full === this.#full) return;
    this.#full = full;
    this.#owner.onFull(full);
  }
}
