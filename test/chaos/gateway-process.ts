/**
 * The gateway of a chaos run, in a process of its own: its heap is measured apart. Started by `fork` with --expose-gc; says its port,
 * answers `measure`, ends with `stop` or with its parent.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { createGateway, type GatewayOptions } from '../../src/gateway.ts';

export interface Measurement {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly sessions: number;
  readonly streams: number;
  readonly sessionsInTotal: number;
  /** The longest that the process did not come to its events. */
  readonly stallMs: number;
  readonly errors: readonly string[];
  /** Why sessions ended that no client ended. */
  readonly endings: Readonly<Record<string, number>>;
}

const TIMES = {
  ...{ inactivitySeconds: 10, firstRequestSeconds: 5, creationWaitSeconds: 2, maxPauseSeconds: 10, pollingSeconds: 1 },
  ...{ keepAliveSeconds: 3600, drainSeconds: 0.5, closeSeconds: 2 },
};

const errors: string[] = [];
const endings: Record<string, number> = {};

async function measure(): Promise<Measurement> {
  for (let i = 0; i < 3; i++) {
    await setImmediate();
    (globalThis as { gc?: () => void }).gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  const stallMs = delay.max / 1e6;
  return { heapBytes: heapUsed, externalBytes: external, stallMs, errors, endings, ...gateway.stats() };
}

const options: GatewayOptions = {
  ...{ host: '127.0.0.1', port: 0, maxHold: 2 },
  ...TIMES,
  // Bursts need several answers.
  maxResponseBytes: 100_000,
  domains: { 'example.com': { host: '127.0.0.1', port: Number(process.argv[2]), tls: 'none' } },
  logger: {
    debug() {},
    info() {},
    warn() {},
    error: (fields, message) => void errors.push(`${message}: ${JSON.stringify(fields).slice(0, 500)}`),
  },
};
const gateway = createGateway(options);
gateway.events.on('stream-terminate', (_stream, end) => {
  if (end === undefined) return;
  const ending = `${end.code} ${end.detail ?? ''}`.trim();
  endings[ending] = (endings[ending] ?? 0) + 1;
});
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

process.on('message', (message) => {
  if (message === 'measure') void measure().then((measurement) => process.send?.(measurement));
  if (message === 'stop') void gateway.stop().then(() => process.disconnect());
});
process.on('disconnect', () => process.exit());
await gateway.start();
process.send?.({ port: gateway.port });
