import type { Clock, Timer } from './clock.ts';

/**
 * A deadline that is moved with each request, and almost never reached: to put it off, or to take it away, touches no timer. The
 * timer looks when it fires whether the time has come.
 */
export class Deadline<T> {
  readonly #clock: Clock;
  readonly #run: (of: T) => void;
  readonly #of: T;
  #at = Infinity;
  #timer: Timer | undefined;
  /** When the timer fires; Infinity where it does not. */
  #firesAt = Infinity;

  /** `of` is what `run` is called with. */
  constructor(clock: Clock, run: (of: T) => void, of: T) {
    this.#clock = clock;
    this.#run = run;
    this.#of = of;
  }

  /** On the clock (ms); Infinity: never. */
  set(at: number): void {
    this.#at = at;
    if (at < this.#firesAt) this.#fireAt(at);
  }

  #fireAt(at: number): void {
    this.#firesAt = at;
    const ms = Math.max(0, at - this.#clock.now());
    if (this.#timer === undefined) this.#timer = this.#clock.after(ms, dueOf, this);
    else this.#timer.restart(ms);
  }

  /** For its timer alone. */
  due(): void {
    this.#firesAt = Infinity;
    const at = this.#at;
    if (at > this.#clock.now()) {
      if (at !== Infinity) this.#fireAt(at);
      return;
    }
    this.#at = Infinity;
    this.#run(this.#of);
  }

  /** For good: no timer is left. */
  cancel(): void {
    this.#at = this.#firesAt = Infinity;
    this.#timer?.cancel();
  }
}

function dueOf<T>(deadline: Deadline<T>): void {
  deadline.due();
}
