import type { Schedule, Traits } from './schedule.ts';

export type Side = 'client' | 'server';

const MESSAGE = /<message\b[^>]*\bid=['"](client|server)-(\d+)-(\d+)['"][^>]*><body[^>]*>([^<]*)<\/body><\/message>/g;
const MOST_LINES = 400;

/** What one session did, what it was promised, and how it went: the judge of exactly once and in order. */
export class SessionRecord {
  readonly number: number;
  readonly schedule: Schedule;
  readonly traits: Traits;
  /** Stanzas by the side that sends them. */
  readonly sent: Record<Side, number> = { client: 0, server: 0 };
  readonly arrived: Record<Side, number> = { client: 0, server: 0 };
  failure: string | undefined;
  /** Nobody sends new stanzas any more. */
  isEnding = false;
  /** The client's terminate request is out: the stream may end. */
  isTerminating = false;
  /** The server's stream of this session has ended with its end tag. */
  streamEnded = false;
  onChange: () => void = () => {};
  /** The server sends something at once: at the moment at which a gateway finds it hardest to say what arrived. */
  provoke: () => void = () => {};
  /** When a stanza arrived last (performance.now()). */
  movedAt = performance.now();
  #repeats = 20;
  #repeatsAt = performance.now();
  readonly #start = performance.now();
  readonly #lines: string[] = [];

  constructor(number: number, schedule: Schedule) {
    this.number = number;
    this.schedule = schedule;
    this.traits = schedule.traits(number);
  }

  log(line: string): void {
    this.#lines.push(`${((performance.now() - this.#start) / 1000).toFixed(4).padStart(9)}  ${line}`);
    if (this.#lines.length > MOST_LINES) this.#lines.shift();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  fail(why: string): void {
    this.log(`FAILED: ${why}`);
    this.failure ??= why;
    this.onChange();
  }

  /** The next stanza of a side, as text. */
  make(side: Side): string {
    const n = this.sent[side]++;
    const xmlns = side === 'client' ? ` xmlns='jabber:client'` : '';
    return `<message${xmlns} id='${side}-${this.number}-${n}'><body>${this.#text(side, n)}</body></message>`;
  }

  #text(side: Side, n: number): string {
    const unit = `${side}-${this.number}-${n}.`;
    const size = this.schedule.size(side === 'client' ? 1 : 2, this.number, n);
    return unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
  }

  /** Stanzas of `side` reached the other one: each must be the next, and whole. Returns how many there were. */
  take(side: Side, text: string): number {
    let count = 0;
    for (const [, from, session, n, content] of text.matchAll(MESSAGE)) {
      const expected = this.arrived[side];
      if (from !== side || Number(session) !== this.number) {
        this.fail(`a stanza of another: ${from}-${session}-${n}`);
      } else if (Number(n) !== expected) {
        const what = Number(n) < expected ? 'came twice' : 'came before one that is missing';
        this.fail(`stanza ${n} of the ${side} ${what}: ${expected} was due`);
      } else if (content !== this.#text(side, expected)) {
        this.fail(`stanza ${n} of the ${side} is changed`);
      }
      this.arrived[side] = Number(n) + 1;
      count++;
    }
    if (count > 0) {
      this.movedAt = performance.now();
      this.onChange();
    }
    return count;
  }

  get isComplete(): boolean {
    return this.sent.client === this.arrived.client && this.sent.server === this.arrived.server;
  }

  /**
   * A gateway may limit repeats (BOSH-BRK-09): while too many have been, no fault may cause another. Stays well below the gateway's
   * own limit, for clients repeat more than one request at a time.
   */
  get mayRepeat(): boolean {
    this.#refill();
    return this.#repeats >= 4;
  }

  noteRepeat(): void {
    this.#refill();
    this.#repeats--;
  }

  #refill(): void {
    const now = performance.now();
    this.#repeats = Math.min(20, this.#repeats + ((now - this.#repeatsAt) / 1000) * 0.8);
    this.#repeatsAt = now;
  }
}
