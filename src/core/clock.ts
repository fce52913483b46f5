/** A timer that can be stopped, or set going again from now. */
export interface Timer {
  cancel(): void;
  /** Counts again from now, with the same delay unless another one is given (milliseconds). */
  restart(ms?: number): void;
}

/** The only source of time. Injected, so that tests move it by hand. */
export interface Clock {
  /** Milliseconds on a monotonic clock. */
  now(): number;
  after(ms: number, run: () => void): Timer;
  /**
   * When what runs now is done, and before anything else happens: for what gathers all that comes in one read. `of` is what it is
   * called with, so that no closure is needed.
   */
  soon<T>(run: (of: T) => void, of: T): void;
}

/** `setTimeout` fires at once above this delay (2^31 - 1 ms). */
const LONGEST_DELAY = 2_147_483_647;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout;
  #ms: number;
  readonly #run: () => void;

  constructor(ms: number, run: () => void) {
    this.#ms = ms;
    this.#run = run;
    this.#handle = setTimeout(run, Math.min(ms, LONGEST_DELAY));
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  restart(ms = this.#ms): void {
    // A cleared timeout ignores refresh(), and refresh() keeps the old delay: make it anew in both cases.
    clearTimeout(this.#handle);
    this.#ms = ms;
    this.#handle = setTimeout(this.#run, Math.min(ms, LONGEST_DELAY));
  }
}

/** The real clock. Nothing else in the project calls `setTimeout` or reads the time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => new SystemTimer(ms, run),
  soon: (run, of) => process.nextTick(run, of),
};
