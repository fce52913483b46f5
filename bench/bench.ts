import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Route } from './links/link.ts';
import type { Outcome, Plan } from './load.ts';
import type { ProbeAnswer } from './probe.ts';
import type { Scenario } from './scenarios.ts';
import { end, startSink, told, type Running, type Target } from './targets.ts';

/** One target under one scenario, in one round. */
export interface Sample extends Outcome {
  readonly scenario: string;
  readonly unit: Scenario['unit'];
  readonly transport: Route['transport'];
  readonly target: string;
  readonly isFloor: boolean;
  readonly round: number;
  readonly probe: ProbeAnswer | undefined;
}

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly targets: readonly Target[];
  readonly transports: readonly Route['transport'][];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** At full speed, once for each process: at a few hundred messages a second V8 takes minutes to compile what is run often. */
  readonly settleSeconds: number;
  /** Where the sink listens; 0: anywhere. */
  readonly sinkPort?: number;
  /** The files that one process may have open, which is what bounds its sessions. */
  readonly descriptors: number;
  readonly progress?: (line: string) => void;
}

/** Runs all, interleaved: what disturbs one target in a round disturbs the others too. */
export async function bench(options: BenchOptions): Promise<Sample[]> {
  const samples: Sample[] = [];
  const sink = await startSink(options.sinkPort);
  try {
    for (const scenario of options.scenarios) samples.push(...(await runScenario(scenario, sink.port, options)));
  } finally {
    await sink.stop();
  }
  return samples;
}

async function runScenario(scenario: Scenario, sinkPort: number, options: BenchOptions): Promise<Sample[]> {
  const transportsOf = (target: Target) => target.transports.filter((one) => options.transports.includes(one));
  const targets = options.targets.filter((target) => target.bears(scenario.load) && transportsOf(target).length > 0);
  const samples: Sample[] = [];
  const running = new Map<Target, Running>();
  const stop = async (target: Target): Promise<void> => {
    await running.get(target)?.stop();
    running.delete(target);
  };
  const start = async (target: Target): Promise<Running> => {
    const process = await target.start(sinkPort);
    running.set(target, process);
    if (!scenario.isFresh && options.settleSeconds > 0) await settle(process, transportsOf(target), scenario, options);
    return process;
  };
  try {
    for (let round = 0; round < options.rounds; round++) {
      // Nobody is always the first, or always after the same.
      const turn = round % targets.length;
      for (const target of [...targets.slice(turn), ...targets.slice(0, turn)]) {
        for (const transport of transportsOf(target)) {
          const process = running.get(target) ?? (await start(target));
          const { outcome, probe } = await runOnce(process, transport, scenario, options);
          const { name, isFloor } = target;
          const sample: Sample = {
            ...{ scenario: scenario.name, unit: scenario.unit, transport, target: name, isFloor, round, probe },
            ...outcome,
          };
          samples.push(sample);
          options.progress?.(lineOf(sample));
          if (scenario.isFresh) await stop(target);
        }
      }
    }
  } finally {
    for (const target of running.keys()) await stop(target);
  }
  return samples;
}

async function settle(
  process: Running,
  transports: readonly Route['transport'][],
  scenario: Scenario,
  options: BenchOptions,
): Promise<void> {
  const { load } = scenario;
  const full: Scenario = { ...scenario, load: { ...load, kind: load.kind === 'login' ? 'login' : 'closed' } };
  const brief = { ...options, warmupSeconds: 0, seconds: options.settleSeconds };
  for (const transport of transports) await runOnce(process, transport, full, brief);
}

/** What a process has open beside its sessions. */
const SPARE = 400;

/** Each session has a connection on either side; one that talks by BOSH has two to its client. */
function mostSessions(descriptors: number, transport: Route['transport'], kind: Scenario['load']['kind']): number {
  const each = transport === 'bosh' && kind !== 'idle' ? 3 : 2;
  return Math.floor((descriptors - SPARE) / each);
}

async function runOnce(
  { pid, routes, ask, reset }: Running,
  transport: Route['transport'],
  { load, unit }: Scenario,
  { seconds, warmupSeconds, descriptors }: BenchOptions,
): Promise<{ outcome: Outcome; probe: ProbeAnswer | undefined }> {
  const route = routes.find((one) => one.transport === transport);
  if (route === undefined) throw new Error(`no route for ${transport}`);
  const sessions = Math.min(load.sessions, mostSessions(descriptors, transport, load.kind));
  const plan: Plan = { route, pid, load: { ...load, sessions }, warmupSeconds, seconds };
  const child = fork(join(import.meta.dirname, 'load.ts'));
  try {
    let probe: Promise<ProbeAnswer | undefined> | undefined;
    child.on('message', (message: { mark?: 'begin' | 'end' }) => {
      if (message.mark === 'begin') reset();
      // A full collection costs time: only where there is nothing else to measure.
      if (message.mark === 'end') probe = ask(unit === 'session' ? 'heap' : 'delay');
    });
    const error = told<string>(child, 'error').then((text) => Promise.reject(new Error(text)));
    child.send(plan);
    const outcome = await Promise.race([told<Outcome>(child, 'outcome'), error]);
    error.catch(() => {});
    return { outcome, probe: await probe };
  } finally {
    await end(child);
  }
}

/** CPU time for each of the scenario's unit, in microseconds. */
export function costOf({ cpuMs, count }: Pick<Sample, 'cpuMs' | 'count'>): number {
  return (1000 * cpuMs) / count;
}

/** What is wrong with what came back; empty where nothing is. */
export function faultsOf(sample: Sample): string[] {
  const faults = (['lost', 'repeated', 'disordered', 'corrupt'] as const)
    .filter((what) => sample[what] > 0)
    .map((what) => `${sample[what]} ${what}`);
  return [...faults, ...sample.failures];
}

function lineOf(sample: Sample): string {
  const { scenario, round, transport, target, count, elapsedMs, requests, p50, p99, unit, pssKiB, sessions } = sample;
  const parts = [
    `${scenario} ${round + 1} ${transport} ${target}:`,
    unit === 'session'
      ? `${sessions} sessions, ${(pssKiB / sessions).toFixed(1)} KiB each`
      : `${Math.round(count / (elapsedMs / 1000))} ${unit}s/s, ${costOf(sample).toFixed(1)} µs each`,
    p50 === undefined || p99 === undefined ? '' : `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    sample.postponed > 0 ? `${sample.postponed} told to come again` : '',
    unit === 'message' ? `${(requests / count).toFixed(2)} requests a message` : '',
    ...faultsOf(sample),
  ];
  return parts.filter((part) => part !== '').join('  ');
}
