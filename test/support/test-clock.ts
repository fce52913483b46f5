import type { Clock, Timer } from '../../src/core/clock.ts';

/** A clock that stands still until a test moves it. */
export class TestClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #due = new Set<TestTimer>();

  now(): number {
    return this.#now;
  }

  after<T>(ms: number, run: (of: T) => void, of?: T): Timer {
    return new TestTimer(this, ms, () => run(of as T));
  }

  /** At once: a test looks at each step. */
  soon<T>(run: (of: T) => void, of: T): void {
    run(of);
  }

  /** Timers that have neither fired nor been cancelled: a closed thing leaves none. */
  get pending(): number {
    return this.#due.size;
  }

  /** Moves time on and runs what falls due, in order of time, then of setting; timers set meanwhile included. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: TestTimer | undefined;
      for (const timer of this.#due) {
        if (timer.at > end || (next !== undefined && !timer.before(next))) continue;
        next = timer;
      }
      if (next === undefined) break;
      this.#now = next.at;
      this.#due.delete(next);
      next.run();
    }
    this.#now = end;
  }

  /** For `TestTimer` alone. */
  schedule(timer: TestTimer, ms: number): void {
    timer.at = this.#now + Math.max(0, ms);
    timer.order = this.#order++;
    this.#due.add(timer);
  }

  /** For `TestTimer` alone. */
  forget(timer: TestTimer): void {
    this.#due.delete(timer);
  }
}

class TestTimer implements Timer {
  at = 0;
  order = 0;
  readonly run: () => void;
  readonly #clock: TestClock;
  #ms: number;

  constructor(clock: TestClock, ms: number, run: () => void) {
    if (Number.isNaN(ms)) throw new RangeError('a timer of NaN milliseconds');
    this.#clock = clock;
    this.#ms = ms;
    this.run = run;
    clock.schedule(this, ms);
  }

  before(other: TestTimer): boolean {
    return this.at < other.at || (this.at === other.at && this.order < other.order);
  }

  cancel(): void {
    this.#clock.forget(this);
  }

  restart(ms = this.#ms): void {
    this.#ms = ms;
    this.#clock.schedule(this, ms);
  }
}
