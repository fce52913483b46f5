import { TimerQueue, type Queued } from './timer-queue.ts';

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
  /** Runs once, after so many milliseconds. `of` is what it is called with, so that no closure is needed. */
  after<T>(ms: number, run: (of: T) => void, of?: T): Timer;
  /** When what runs now is done, and before anything else happens: for what gathers all that comes in one read. */
  soon<T>(run: (of: T) => void, of: T): void;
}

/** `setTimeout` fires at once above this delay (2^31 - 1 ms). */
const LONGEST_DELAY = 2_147_483_647;

/** All that wait share one timer of Node's: a session has several, and each of Node's own takes as much memory as five of these. */
const queue = new TimerQueue<SystemTimer>();
let alarm: NodeJS.Timeout | undefined;
let alarmAt = Infinity;

function setAlarm(): void {
  const { soonest } = queue;
  // One that is too early looks again when it rings; but a program that waits for nothing may end.
  if (soonest >= alarmAt && soonest !== Infinity) return;
  clearTimeout(alarm);
  alarmAt = soonest;
  if (soonest === Infinity) return;
  alarm = setTimeout(ring, Math.min(Math.max(0, Math.ceil(soonest - performance.now())), LONGEST_DELAY));
}

function ring(): void {
  // Meanwhile none is set for each timer that is set again.
  alarmAt = -Infinity;
  const now = performance.now();
  try {
    for (let timer = queue.due(now); timer !== undefined; timer = queue.due(now)) timer.run();
  } finally {
    // Also where one has thrown: the others are still to come.
    alarmAt = Infinity;
    setAlarm();
  }
}

class SystemTimer implements Timer, Queued {
  place = -1;
  #ms: number;
  readonly #run: (of: unknown) => void;
  readonly #of: unknown;

  constructor(ms: number, run: (of: unknown) => void, of: unknown) {
    this.#ms = ms;
    this.#run = run;
    this.#of = of;
    this.restart();
  }

  /** For the queue's alarm alone. */
  run(): void {
    this.#run(this.#of);
  }

  cancel(): void {
    queue.remove(this);
    if (queue.soonest === Infinity) setAlarm();
  }

  restart(ms = this.#ms): void {
    this.#ms = ms;
    queue.set(this, performance.now() + ms);
    setAlarm();
  }
}

/** The real clock. Nothing else in the project calls `setTimeout` or reads the time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: <T>(ms: number, run: (of: T) => void, of?: T) => new SystemTimer(ms, run as (of: unknown) => void, of),
  soon: (run, of) => process.nextTick(run, of),
};
