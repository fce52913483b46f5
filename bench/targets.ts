import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ejabberdProgram, startEjabberd } from '../test/support/ejabberd.ts';
import { prosodyProgram, startProsody } from '../test/support/prosody.ts';
import { freePorts, isListening, type RealServer } from '../test/support/real-server.ts';
import type { Route } from './links/link.ts';
import { SINK_DOMAIN } from './message.ts';
import type { ProbeAnswer, ProbeQuestion } from './probe.ts';
import type { Load } from './scenarios.ts';

/** A process under test. */
export interface Running {
  readonly pid: number;
  readonly routes: readonly Route[];
  /** What it says of itself; undefined where it is no Node process of ours. */
  readonly ask: (question: Exclude<ProbeQuestion, 'reset'>) => Promise<ProbeAnswer | undefined>;
  readonly reset: () => void;
  readonly stop: () => Promise<void>;
}

/** Something that can be measured. */
export interface Target {
  readonly name: string;
  readonly transports: readonly Route['transport'][];
  /** Does the least that can be done. */
  readonly isFloor: boolean;
  /** Why it cannot be measured here; undefined where it can. */
  readonly missing: string | undefined;
  /** Whether it can do that load at all. */
  readonly bears: (load: Load) => boolean;
  readonly start: (sinkPort: number) => Promise<Running>;
}

/** As the README's unit for systemd has it; for floors too. */
const env = { ...process.env, NODE_OPTIONS: '--max-semi-space-size=16' };

const here = import.meta.dirname;
const probe = pathToFileURL(join(here, 'probe.ts')).href;

/** A message of a child process that has that key. */
export function told<T>(child: ChildProcess, key: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const listen = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !(key in message)) return;
      child.off('message', listen);
      child.off('exit', gone);
      resolve((message as Record<string, unknown>)[key] as T);
    };
    const gone = (code: number | null): void => reject(new Error(`a process of the benchmark ended with ${code}`));
    child.on('message', listen);
    child.once('exit', gone);
  });
}

/** Ends a process, in an orderly way if it can. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), 8000);
  await ended;
  clearTimeout(impatience);
}

function runningNode(child: ChildProcess, routes: readonly Route[]): Running {
  return {
    pid: child.pid ?? 0,
    routes,
    ask(question) {
      const answer = told<ProbeAnswer>(child, 'probe');
      child.send(question);
      return answer;
    },
    reset: () => void child.send('reset'),
    stop: () => end(child),
  };
}

/** `port`: 0 is any. */
export async function startSink(port = 0): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const child = fork(join(here, 'sink.ts'), [String(port)]);
  return { port: await told<number>(child, 'port'), stop: () => end(child) };
}

function relay(kind: 'http' | 'ws' | 'tcp', transport: Route['transport']): Target {
  return {
    name: `${kind} relay`,
    transports: [transport],
    isFloor: true,
    missing: undefined,
    bears: () => true,
    async start(sinkPort) {
      const child = fork(join(here, 'relays.ts'), [kind, String(sinkPort)], { execArgv: ['--import', probe], env });
      const port = await told<number>(child, 'port');
      const scheme = transport === 'websocket' ? 'ws' : kind;
      return runningNode(child, [{ transport, dialect: 'blind', url: `${scheme}://127.0.0.1:${port}/`, domain: '' }]);
    },
  };
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`the process under test ended with ${child.exitCode}`);
    await delay(50);
  }
}

/** A built gateway in its own process, with default settings. `profile`: where V8 writes its CPU profile. */
export function gateway(name: string, dist: string, profile?: string): Target {
  const main = join(dist, 'cli', 'main.js');
  return {
    name,
    transports: ['bosh', 'websocket'],
    isFloor: false,
    missing: existsSync(main) ? undefined : `${main} is not there: npm run build`,
    bears: () => true,
    async start(sinkPort) {
      const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
      const [port = 0] = await freePorts(1);
      const file = join(folder, 'sluice.json');
      const domains = { [SINK_DOMAIN]: { host: '127.0.0.1', port: sinkPort, tls: 'none' } };
      await writeFile(file, JSON.stringify({ host: '127.0.0.1', port, drainSeconds: 0.5, domains }));
      const flags = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
      const args = [...flags, '--import', probe, main, 'serve', '--config', file];
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      await untilListening(child, port);
      const common = { dialect: 'xmpp', domain: SINK_DOMAIN } as const;
      const running = runningNode(child, [
        { ...common, transport: 'bosh', url: `http://127.0.0.1:${port}/http-bind` },
        { ...common, transport: 'websocket', url: `ws://127.0.0.1:${port}/xmpp-websocket` },
      ]);
      const stop = async (): Promise<void> => {
        await running.stop();
        await rm(folder, { recursive: true });
      };
      return { ...running, stop };
    },
  };
}

/** A server with BOSH and WebSocket of its own: there is nothing behind it. */
function server(name: string, program: string, start: () => Promise<RealServer>, apartMs = 1): Target {
  return {
    name,
    transports: ['bosh', 'websocket'],
    isFloor: false,
    missing: existsSync(program) ? undefined : `${program} is not installed`,
    bears: (load) => load.kind !== 'push',
    async start() {
      const own = await start();
      const { urls, anonymousDomain } = own;
      const common = { dialect: 'xmpp', domain: anonymousDomain, apartMs } as const;
      return {
        pid: own.pid,
        routes: [
          { ...common, transport: 'bosh', url: urls.bosh },
          { ...common, transport: 'websocket', url: urls.websocket },
        ],
        ask: () => Promise.resolve(undefined),
        reset() {},
        stop: () => own.stop(),
      };
    },
  };
}

/** Another connection manager that was started by hand, and sends the sessions of `domain` to the sink. */
export function started(name: string, urls: readonly string[], domain: string, pid: number): Target {
  const routes = urls.map((url): Route => ({
    transport: /^wss?:/.test(url) ? 'websocket' : 'bosh',
    dialect: 'xmpp',
    url,
    domain,
  }));
  return {
    name,
    transports: routes.map(({ transport }) => transport),
    isFloor: false,
    missing: existsSync(`/proc/${pid}`) ? undefined : `there is no process ${pid}`,
    bears: () => true,
    start: async () => ({ pid, routes, ask: async () => undefined, reset() {}, stop: async () => {} }),
  };
}

/** Floors first, then what is measured, then the peers. */
export function targets(dist: string, profile?: string): Target[] {
  return [
    relay('tcp', 'tcp'),
    relay('http', 'bosh'),
    relay('ws', 'websocket'),
    gateway('sluice', dist, profile),
    server('prosody', prosodyProgram, () => startProsody()),
    // COMPAT(ejabberd, 23.01): a session stalls for good when its requests overtake one another.
    server('ejabberd', ejabberdProgram, () => startEjabberd(), 10),
  ];
}
