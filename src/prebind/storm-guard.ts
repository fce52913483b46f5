import type { Clock } from '../core/clock.ts';
import { TokenBucket } from '../core/limits.ts';
import { PrebindError } from './errors.ts';
import { wait } from './wait.ts';

/** Something that was made for a user: a session that a page is to attach to. */
export interface Handout {
  /** `waiting`: nobody is attached. `attached`: somebody was. `over`: it is no more. `unknown`: it is kept elsewhere. */
  readonly state: 'waiting' | 'attached' | 'over' | 'unknown';
  /** Resolves when it is no longer `waiting`. */
  readonly settled: Promise<void>;
}

/** Logins of one user that pass without a question, and how soon there may be another. */
const LOGINS = { burst: 6, perSecond: 0.1 };
/** The delays of answers that did not help the page, in order; the last one for all after it (ms). */
const DELAYS_MS = [2000, 4000, 8000, 15_000];
/** What ends within this was no use (ms). */
const SOON_MS = 10_000;
/** Requests of one user that wait at once. */
const MOST_WAITING = 64;
/** Users that are remembered though nothing is going on. */
const MOST_IDLE = 10_000;

interface User<T> {
  readonly logins: TokenBucket;
  strikes: number;
  waiting: number;
  last: { readonly handout: T; readonly proof: string; readonly at: number } | undefined;
  failed: boolean;
  /** The request before, which is answered first. */
  turn: Promise<void>;
}

/**
 * Keeps a page that cannot attach, and asks again and again, from becoming a storm of logins. Converse 14 asks 37 times a second
 * then, and never again after an HTTP error: so its answers are delayed, ever longer, and are the same session while nobody has
 * attached to it.
 */
export class StormGuard<T extends Handout> {
  readonly #clock: Clock;
  readonly #users = new Map<string, User<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Users that are remembered. */
  get size(): number {
    return this.#users.size;
  }

  /**
   * What `make` makes, or what was made for the same user and proof and nobody has used. One at a time for each user. Throws
   * what `make` does, `overload`, or the reason of `signal`.
   */
  async admit(user: string, proof: string, signal: AbortSignal, make: () => Promise<T>): Promise<T> {
    const one = this.#user(user);
    if (one.waiting >= MOST_WAITING) throw new PrebindError('overload', 'too many requests for one user');
    one.waiting += 1;
    const before = one.turn;
    let done: () => void = () => {};
    one.turn = new Promise((resolve) => (done = resolve));
    try {
      await before;
      signal.throwIfAborted();
      return await this.#serve(one, proof, signal, make);
    } finally {
      one.waiting -= 1;
      done();
    }
  }

  async #serve(user: User<T>, proof: string, signal: AbortSignal, make: () => Promise<T>): Promise<T> {
    const isQuick = user.logins.take();
    const { last } = user;
    user.strikes = this.#isTroubled(user) || !isQuick ? user.strikes + 1 : 0;
    if (user.strikes > 0) {
      const unused = last !== undefined && isUnused(last.handout) ? last.handout : undefined;
      const ms = DELAYS_MS[Math.min(user.strikes, DELAYS_MS.length) - 1] as number;
      await wait(this.#clock, ms, signal, unused?.settled);
      // The session went to somebody after all: this request is from another page.
      if (unused?.state === 'attached') user.strikes = 0;
    }
    if (last !== undefined && isUnused(last.handout) && last.proof === proof) {
      user.last = { ...last, at: this.#clock.now() };
      return last.handout;
    }
    user.failed = true;
    const handout = await make();
    user.failed = false;
    user.last = { handout, proof, at: this.#clock.now() };
    return handout;
  }

  /** The one of whom was heard longest ago, and who does not wait. */
  #forgetOne(except: User<T>): void {
    for (const [name, user] of this.#users) {
      if (user.waiting > 0 || user === except) continue;
      this.#users.delete(name);
      return;
    }
  }

  /** True where the last answer did not help. */
  #isTroubled({ last, failed }: User<T>): boolean {
    if (failed) return true;
    if (last === undefined) return false;
    const { state } = last.handout;
    return state === 'waiting' || (state === 'over' && this.#clock.now() - last.at < SOON_MS);
  }

  #user(name: string): User<T> {
    const known = this.#users.get(name);
    const user = known ?? {
      logins: new TokenBucket(LOGINS.burst, LOGINS.perSecond, this.#clock),
      strikes: 0,
      waiting: 0,
      last: undefined,
      failed: false,
      turn: Promise.resolve(),
    };
    this.#users.delete(name);
    this.#users.set(name, user);
    if (this.#users.size > MOST_IDLE) this.#forgetOne(user);
    return user;
  }
}

function isUnused({ state }: Handout): boolean {
  return state === 'waiting';
}
