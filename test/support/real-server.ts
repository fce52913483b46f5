import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a front (the gateway's, or a server's own) offers to web clients. */
export interface FrontUrls {
  readonly bosh: string;
  readonly websocket: string;
}

export interface Account {
  readonly user: string;
  readonly jid: string;
  readonly password: string;
}

export interface ServerOptions {
  readonly domain?: string;
  /**
   * How the server keeps passwords: `plain` lets it offer every SCRAM that it knows; `hashed`, what both do by default,
   * means SCRAM-SHA-1 with a salt that stays, on which Converse relies when a page is loaded again.
   */
  readonly passwords?: 'plain' | 'hashed';
}

/** An XMPP server that nobody here wrote, running for the tests on loopback. */
export interface RealServer {
  readonly name: string;
  readonly pid: number;
  readonly domain: string;
  /** Where it takes XMPP over TCP: STARTTLS required, its certificate signed by `caFile`. */
  readonly port: number;
  /** The same with TLS first. */
  readonly directPort: number;
  /** The same as `port`, behind a PROXY header; undefined where the server knows none. */
  readonly proxyPort?: number;
  /** From where a user is connected, as the server sees it. */
  addressOf?(user: string): Promise<string | undefined>;
  readonly caFile: string;
  /** The server's own BOSH and WebSocket. */
  readonly urls: FrontUrls;
  /** Makes two accounts that are in each other's roster and see each other's presence. */
  pair(tag: string): Promise<[Account, Account]>;
  /** A domain where everybody may be, by SASL ANONYMOUS. */
  readonly anonymousDomain: string;
  /** What the server has logged, to be shown when a test fails. */
  log(): string;
  stop(): Promise<void>;
}

/** For node:test's `skip`: a reason where a program is missing; in CI nothing is skipped, the test then fails. */
export function skipWithout(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !existsSync(program));
  return missing.length > 0 && !process.env['CI'] ? `not installed: ${missing.join(', ')}` : false;
}

export function requireProgram(program: string): void {
  if (!existsSync(program)) throw new Error(`not installed: ${program} (npm test installs it with apt)`);
}

/** Ports that are free now, below the range from which the system picks ports for outgoing connections. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    held.push(server);
    ports.push(port);
  }
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy());
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
}

/** Resolves when the program answers on all of `ports`; throws when it has ended or takes longer than 90 s. */
export async function untilListening(daemon: Daemon, ports: readonly number[]): Promise<void> {
  const end = performance.now() + 90_000;
  while (!(await Promise.all(ports.map(isListening))).every(Boolean)) {
    if (daemon.exited()) throw new Error('the program has ended');
    if (performance.now() > end) throw new Error(`the program does not listen on ${ports.join(' and ')}`);
    await delay(20);
  }
}

/** A program that ends with the test, whatever happens to the test. */
export interface Daemon {
  readonly pid: number;
  readonly output: () => string;
  readonly exited: () => boolean;
  stop(): Promise<void>;
}

const setpriv = '/usr/bin/setpriv';
const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) signalAll(child, 'SIGKILL');
}

/** The program, and all that it has started. */
function signalAll({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export interface DaemonOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
}

export function startDaemon(program: string, args: readonly string[], { cwd, env }: DaemonOptions): Daemon {
  // Where Linux allows it, the kernel ends the program even when this process is killed outright.
  const command = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--', program, ...args] : [program, ...args];
  const child = spawn(command[0] ?? program, command.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, to be ended as one: PHP's server leaves its workers behind.
    detached: true,
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-200_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let over = false;
  const ended = new Promise<void>((resolve) => {
    const settle = (): void => {
      over = true;
      running.delete(child);
      resolve();
    };
    child.once('error', (error) => {
      output += String(error);
      settle();
    });
    child.once('exit', settle);
  });
  if (running.size === 0) process.once('exit', killAll);
  running.add(child);
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited: () => over,
    async stop() {
      if (!over) signalAll(child, 'SIGTERM');
      const impatience = setTimeout(() => signalAll(child, 'SIGKILL'), 5_000);
      await ended;
      clearTimeout(impatience);
      signalAll(child, 'SIGKILL');
    },
  };
}
