import type { Stanza } from '../core/ports.ts';
import { textOf } from './body.ts';

/** What a request says that comes with the rid of another. */
export type Says = 'nothing' | 'the same' | 'something else';

export function compare(payload: readonly Stanza[], first: readonly Stanza[]): Says {
  if (payload.length === 0 && first.length === 0) return 'nothing';
  return payload.length === 0 || textOf(payload) === textOf(first) ? 'the same' : 'something else';
}

/**
 * Tells a duplicated browser tab, which has copied sid and rid, from a client that repeats a request.
 *
 * The copy sends the next rid while the first tab's request is held; that is answered, the first tab sends the same rid, and so
 * on for ever. A client that repeats has given up its older connection; two tabs do it on living ones, rid after rid.
 */
export class TabWatch {
  #overlapping: number | undefined;
  #lastDoubled: number | undefined;
  #inARow = 0;

  /** A new request came while an older one was held for a living client. */
  overlaps(rid: number): void {
    this.#overlapping = rid;
  }

  /** True for a rid that came while an older request was held. */
  isOverlapping(rid: number): boolean {
    return this.#overlapping === rid;
  }

  /**
   * A held request is repeated while its older connection lives. True where the older one belongs to a copy: where the two say
   * different things, or say nothing for the third rid in a row: on a bad network, honest clients get to two. The same words
   * twice are a client's that repeats.
   */
  isCopy(rid: number, says: Says): boolean {
    if (this.#overlapping !== rid || says === 'the same') return false;
    this.#inARow = this.#lastDoubled === rid - 1 ? this.#inARow + 1 : 1;
    this.#lastDoubled = rid;
    return says === 'something else' || this.#inARow >= 3;
  }
}
