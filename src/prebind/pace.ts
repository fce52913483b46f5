import type { Clock } from '../core/clock.ts';
import { PrebindError } from './errors.ts';
import { wait } from './wait.ts';

/** A caller that would wait longer is refused instead (ms): proxies cut at 60 s. */
const LONGEST_MS = 15_000;
/** Logins that wait for one to end, of all callers together. */
const MOST_WAITING = 1000;
/** Seconds of its rate that a caller may use at once. */
const BURST_SECONDS = 5;

export interface PaceSettings {
  /** Of one caller. 0 sets no limit. */
  readonly loginsPerSecond: number;
  /** Of all callers together. */
  readonly maxLogins: number;
}

/** How fast logins may follow each other, and how many may run: the more are asked for, the longer each waits. */
export class Pace {
  readonly #settings: PaceSettings;
  readonly #clock: Clock;
  /** When a caller's next login is due; in the past while it asks for few. */
  readonly #due = new Map<string, number>();
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(settings: PaceSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Runs a login when it is its turn. Throws `overload` where that is too far away. */
  async run<T>(caller: string, signal: AbortSignal, login: () => Promise<T>): Promise<T> {
    const ms = this.#book(caller);
    if (ms > 0) await wait(this.#clock, ms, signal);
    await this.#enter(signal);
    try {
      return await login();
    } finally {
      this.#leave();
    }
  }

  #book(caller: string): number {
    const { loginsPerSecond } = this.#settings;
    if (loginsPerSecond === 0) return 0;
    const now = this.#clock.now();
    const due = Math.max(this.#due.get(caller) ?? -Infinity, now - BURST_SECONDS * 1000);
    if (due - now > LONGEST_MS) throw new PrebindError('overload', 'prebindLoginsPerSecond is reached');
    this.#due.set(caller, due + 1000 / loginsPerSecond);
    return due - now;
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (this.#running < this.#settings.maxLogins) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#queue.length >= MOST_WAITING) throw new PrebindError('overload', 'prebindMaxLogins is reached');
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#queue.splice(this.#queue.indexOf(enter), 1);
        reject(signal.reason as Error);
      };
      const enter = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#queue.push(enter);
    });
  }

  /** The place goes to whoever waits longest. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
