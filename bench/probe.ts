/** Preloaded (`--import`) into the Node processes under test: tells of itself when it is asked over the IPC channel. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface ProbeAnswer {
  /** Milliseconds, above the resolution of the measurement. */
  readonly delayP99: number;
  readonly delayMax: number;
  /** In use after a full collection. */
  readonly heapKiB?: number;
}

export type ProbeQuestion = 'reset' | 'delay' | 'heap';

/** A timer of so many milliseconds is late by what is measured. */
const RESOLUTION = 10;

const delay = monitorEventLoopDelay({ resolution: RESOLUTION });

function heapKiB(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024;
}

process.on('message', (question: unknown) => {
  if (question === 'reset') {
    delay.reset();
    delay.enable();
    return;
  }
  if (question !== 'delay' && question !== 'heap') return;
  delay.disable();
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
  const answer: ProbeAnswer = {
    delayP99: ms(delay.percentile(99)),
    delayMax: ms(delay.max),
    ...(question === 'heap' && { heapKiB: heapKiB() }),
  };
  process.send?.({ probe: answer });
});
process.channel?.unref();
// Whoever measures is gone, and nobody else would stop this process.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
