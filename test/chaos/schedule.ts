/**
 * All that is random in a chaos run, drawn from its seed. Each draw has a key (session, request, attempt) and not a place in one
 * long sequence: so a session meets the same faults again whatever the sockets do meanwhile.
 */

/** mulberry32 over mixed keys. */
export class Random {
  #state = 0x9e3779b9;

  constructor(...keys: readonly number[]) {
    for (const key of keys) {
      this.#state = Math.imul(this.#state ^ key, 0x85ebca6b);
      this.#state = Math.imul(this.#state ^ (this.#state >>> 13), 0xc2b2ae35) + 0x6d2b79f5;
    }
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number, both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** Waiting times of events that know nothing of each other, with that mean. */
  gap(meanMs: number): number {
    return Math.min(6 * meanMs, -Math.log(1 - this.next()) * meanMs);
  }

  pick<T extends string>(weights: Readonly<Partial<Record<T, number>>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let at = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) if ((at -= weight) < 0) return name;
    return (entries[0] as [T, number])[0];
  }
}

/** What happens to one request on its way, or to its answer. */
export type FaultKind =
  | 'none'
  /** Comes late. */
  | 'delay-request'
  /** Comes after the session's next one. */
  | 'reorder'
  /** Never comes. */
  | 'lose-request'
  /** Breaks off in the middle of the request. */
  | 'cut-request'
  /** Breaks off while the answer is awaited. */
  | 'cut-between'
  /** A copy comes on another connection while the request is held; its answer is nobody's. The client gets the first one's. */
  | 'repeat-held'
  /** The same, and the client gets the copy's answer: a proxy that tries again. */
  | 'repeat-swap'
  /** A copy comes when the request was answered, and must be answered with the same bytes. */
  | 'repeat-after'
  /** The answer never comes. */
  | 'lose-answer'
  /** Breaks off in the middle of the answer. */
  | 'cut-answer'
  /** The answer comes late, perhaps after the session's next one. */
  | 'delay-answer';

/** How a connection ends: `silent`, it does not, and nothing comes any more. */
export type Ending = 'rst' | 'fin' | 'silent';

export interface Fault {
  readonly kind: FaultKind;
  readonly ms: number;
  /** Where a message is cut, as a part of its length. */
  readonly at: number;
  readonly how: Ending;
}

/** How a session behaves. */
export interface Traits {
  /**
   * `standard` does what XEP-0124 tells a client. `strophe` knows no type='error', asks again after 1.1 × wait, and is reloaded now
   * and then: it throws away what is unanswered and goes on with the next rid.
   */
  readonly variant: 'standard' | 'strophe';
  readonly hold: number;
  /** Seconds. */
  readonly wait: number;
  readonly acks: boolean;
  readonly keys: boolean;
  /** Mean time between two events of each side (ms). */
  readonly pace: number;
}

/** Sessions of the warm-up round have numbers from here: their creation goes well, for lost ones live on for some seconds. */
export const WARM_UP = 1_000_000;

export const NO_FAULT: Fault = { kind: 'none', ms: 0, at: 0, how: 'rst' };

const WEIGHTS = {
  none: 52,
  'delay-request': 7,
  reorder: 9,
  'lose-request': 4,
  'cut-request': 4,
  'cut-between': 6,
  'repeat-held': 3,
  'repeat-swap': 3,
  'repeat-after': 3,
  'lose-answer': 4,
  'cut-answer': 4,
  'delay-answer': 4,
} as const satisfies Record<FaultKind, number>;

const KEY = { traits: 1, fault: 2, size: 3, client: 4, server: 5, backOff: 6, life: 7, cut: 8, silence: 9 } as const;

export class Schedule {
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  traits(session: number): Traits {
    const random = new Random(this.seed, KEY.traits, session);
    const variant = random.chance(0.35) ? 'strophe' : 'standard';
    const hold = Number(random.pick({ 1: 78, 2: 14, 0: 8 }));
    const isStandard = variant === 'standard';
    return {
      variant,
      hold: isStandard ? hold : 1,
      wait: random.int(2, 4),
      acks: isStandard && random.chance(0.3),
      keys: random.chance(0.15),
      pace: random.chance(0.15) ? 3500 : random.int(200, 900),
    };
  }

  /** The `n`th request of a session, 0 is its creation, at its `attempt`th coming. The fourth time all goes well. */
  fault(session: number, n: number, attempt: number, { variant }: Traits): Fault {
    if (attempt >= 3 || (session >= WARM_UP && n === 0)) return NO_FAULT;
    const random = new Random(this.seed, KEY.fault, session, n, attempt);
    const kind = random.pick<FaultKind>(WEIGHTS);
    const fault = { kind, ms: random.int(1, 150), at: random.next(), how: random.chance(0.5) ? 'rst' : 'fin' } as const;
    // A creation that comes twice makes two sessions: that is no fault of anybody's.
    if (n === 0 && (kind.startsWith('repeat') || kind === 'reorder')) return NO_FAULT;
    // This client takes the answer to the older connection for the answer; from a copy's sender it cannot know better.
    if (variant === 'strophe' && kind === 'repeat-held') return { ...fault, kind: 'repeat-swap' };
    // Only a client with a time-out notices silence; the second request must come soon.
    const isSilent =
      variant === 'strophe' && n > 1 && random.chance(0.6) && attempt === this.#silentAttempt(session, n);
    if (isSilent && (kind === 'lose-request' || kind === 'lose-answer')) return { ...fault, how: 'silent' };
    if (kind === 'reorder' || kind === 'cut-between') return { ...fault, ms: random.int(5, 700) };
    return fault;
  }

  /** The one attempt at a request that may meet silence: with two, a client is away for longer than it may be, and is ended rightly. */
  #silentAttempt(session: number, n: number): number {
    return new Random(this.seed, KEY.silence, session, n).int(0, 2);
  }

  /** How a proxy ends its connection to the gateway where the schedule of faults does not say it. */
  ending(session: number, n: number): 'rst' | 'fin' {
    return new Random(this.seed, KEY.cut, session, n).chance(0.5) ? 'rst' : 'fin';
  }

  /** Bytes of text in one stanza: mostly little, sometimes 64 KB. */
  size(side: number, session: number, n: number): number {
    const random = new Random(this.seed, KEY.size, side, session, n);
    if (random.chance(0.9)) return random.int(1, 300);
    return random.chance(0.8) ? random.int(1000, 8000) : random.int(30_000, 65_000);
  }

  client(session: number): Random {
    return new Random(this.seed, KEY.client, session);
  }

  server(session: number): Random {
    return new Random(this.seed, KEY.server, session);
  }

  /** How long a client waits before it asks again (ms). */
  backOff(session: number, rid: number, attempt: number): number {
    return new Random(this.seed, KEY.backOff, session, rid, attempt).int(20, 60 + 120 * attempt);
  }

  /** How long a session lives (ms). */
  life(session: number): number {
    return new Random(this.seed, KEY.life, session).int(15_000, 40_000);
  }
}
