import type { Clock } from '../core/clock.ts';

/** Waits, or rejects with the reason of `signal`. */
export function wait(clock: Clock, ms: number, signal: AbortSignal, sooner?: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
      resolve();
    };
    const abort = (): void => {
      timer.cancel();
      reject(signal.reason as Error);
    };
    const timer = clock.after(ms, finish);
    signal.addEventListener('abort', abort, { once: true });
    void sooner?.then(finish);
  });
}
