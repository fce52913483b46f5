import { systemClock } from '../core/clock.ts';

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Runs `stop` at the first SIGINT or SIGTERM and exits 0 when it is done, or after `deadlineSeconds` in any case.
 * A second signal exits at once, as if the program had not caught it.
 */
export function stopOnSignal(deadlineSeconds: number, stop: (signal: string) => Promise<void>): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(128 + NUMBERS[signal]);
      stopping = true;
      systemClock.after(deadlineSeconds * 1000, () => process.exit(0));
      stop(signal).then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`sluice: cannot stop in order: ${String(error)}\n`);
          process.exit(1);
        },
      );
    });
  }
}
