/**
 * The clients of one run, in a process of their own. Started by `fork`, gets a `Plan`, answers with an `Outcome`. It also reads what
 * the process under test has cost, at the very moments between which it counts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Chat, Later } from './chat.ts';
import { traffic, type Route } from './links/link.ts';
import { cpuMsOf, pssKiBOf } from './process-cost.ts';
import type { Load } from './scenarios.ts';

export interface Plan {
  readonly route: Route;
  /** Of the process under test. */
  readonly pid: number;
  readonly load: Load;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface Outcome {
  /** Of the scenario's unit, between the two moments. */
  readonly count: number;
  readonly cpuMs: number;
  readonly elapsedMs: number;
  readonly requests: number;
  /** By all sessions, in KiB. */
  readonly pssKiB: number;
  readonly sessions: number;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly lost: number;
  readonly repeated: number;
  readonly disordered: number;
  readonly corrupt: number;
  /** Logins that were asked to come again. */
  readonly postponed: number;
  readonly failures: readonly string[];
}

const LOGINS_AT_ONCE = 50;
const LAST_MESSAGES_MS = 5000;
const LEAVING_MS = 500;
/** After many logins, before memory is measured: answers have left, and the collector has had its turn. */
const REST_MS = 5000;

const chats: Chat[] = [];
const failures: string[] = [];
let delays: number[] = [];
let postponed = 0;
let count = 0;
let isRunning = true;

function percentile(share: number): number | undefined {
  return delays[Math.min(delays.length - 1, Math.floor(delays.length * share))];
}

function onMessage(chat: Chat, delayMs: number, { kind, batch }: Load): void {
  count++;
  if (kind === 'fixed') delays.push(delayMs);
  if (kind === 'closed' && isRunning && chat.outstanding === 0) chat.send(batch);
}

/** One that is told to come again later does so, as clients do. */
async function login(plan: Plan, owner: number): Promise<Chat | undefined> {
  const { route, load } = plan;
  const purpose = load.kind === 'push' ? `push.${owner}.${load.perSecond}` : 'echo';
  for (;;) {
    const chat = new Chat(route, owner, load.bytes, (one, delayMs) => onMessage(one, delayMs, load));
    try {
      await chat.login(purpose, load.kind !== 'login' && load.kind !== 'storm');
      return chat;
    } catch (error) {
      chat.destroy();
      if (!(error instanceof Later)) {
        failures.push(`login: ${(error as Error).message}`);
        return undefined;
      }
      postponed++;
      await delay(error.seconds * 1000 * (1 + Math.random() / 4));
    }
  }
}

async function loginAll(plan: Plan, atOnce: number): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < plan.load.sessions) {
      const chat = await login(plan, next++);
      if (chat !== undefined) chats.push(chat);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, plan.load.sessions) }, work));
}

async function loginAndOut(plan: Plan): Promise<void> {
  for (let owner = 0; isRunning; owner++) {
    const chat = await login(plan, owner);
    if (chat === undefined) return;
    count++;
    chat.close();
    // Its last request is on its way.
    setTimeout(() => chat.destroy(), 1000);
  }
}

function startTraffic({ load }: Plan): void {
  if (load.kind === 'closed') for (const chat of chats) chat.send(load.batch);
  if (load.kind !== 'fixed') return;
  const interval = 1000 / load.perSecond;
  for (const chat of chats) {
    const tick = (): void => {
      if (!isRunning) return;
      chat.send(load.batch);
      setTimeout(tick, interval);
    };
    setTimeout(tick, Math.random() * interval);
  }
}

async function drain(): Promise<number> {
  const deadline = performance.now() + LAST_MESSAGES_MS;
  const left = (): number => chats.reduce((sum, { outstanding }) => sum + outstanding, 0);
  while (left() > 0 && performance.now() < deadline) await delay(20);
  return left();
}

async function leave(): Promise<void> {
  for (const chat of chats) chat.close();
  await delay(LEAVING_MS);
}

/** Each reason once, with how many had it. */
function summed(reasons: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].slice(0, 5).map(([reason, count]) => `${count} × ${reason}`);
}

const ask = (what: 'begin' | 'end'): void => void process.send?.({ mark: what });

async function run(plan: Plan): Promise<Outcome> {
  const { load, pid, seconds, warmupSeconds } = plan;
  const pssBefore = pssKiBOf(pid);
  const isLogin = load.kind === 'login' || load.kind === 'storm';
  if (!isLogin) await loginAll(plan, LOGINS_AT_ONCE);
  const many = load.sessions >= 1000 && !isLogin;
  if (many) await delay(REST_MS);
  const pssKiB = Math.max(0, pssKiBOf(pid) - pssBefore);
  if (load.kind === 'login') for (let i = 0; i < load.sessions; i++) void loginAndOut(plan);
  startTraffic(plan);
  if (load.kind !== 'storm') await delay(warmupSeconds * 1000);

  delays = [];
  ask('begin');
  const before = { cpu: cpuMsOf(pid), count, requests: traffic.requests, at: performance.now() };
  if (load.kind === 'storm') {
    await loginAll(plan, Infinity);
    count = chats.length;
  } else await delay(seconds * 1000);
  const cpuMs = cpuMsOf(pid) - before.cpu;
  const elapsedMs = performance.now() - before.at;
  const requests = traffic.requests - before.requests;
  const counted = load.kind === 'idle' ? chats.length : count - before.count;
  ask('end');
  delays.sort((a, b) => a - b);
  const [p50, p99] = [percentile(0.5), percentile(0.99)];

  isRunning = false;
  const lost = await drain();
  // Else the server goes on to push to them, and the next run pays for it.
  if (load.kind === 'push') await leave();
  const sum = (what: 'repeated' | 'disordered' | 'corrupt'): number =>
    chats.reduce((total, { checker }) => total + checker[what], 0);
  for (const { failure } of chats) if (failure !== undefined) failures.push(failure);
  return {
    ...{ count: counted, cpuMs, elapsedMs, requests, pssKiB, sessions: chats.length, p50, p99, lost, postponed },
    ...{ repeated: sum('repeated'), disordered: sum('disordered'), corrupt: sum('corrupt') },
    failures: summed(failures),
  };
}

process.once('message', (plan: Plan) => {
  void run(plan).then(
    (outcome) => process.send?.({ outcome }, () => process.exit()),
    (error: unknown) => process.send?.({ error: String(error) }, () => process.exit(1)),
  );
});
process.on('disconnect', () => process.exit());
