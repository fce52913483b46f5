import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosClient } from './client.ts';
import type { Measurement } from './gateway-process.ts';
import { ChaosProxy, type ProxyCounts } from './proxy.ts';
import { SessionRecord } from './record.ts';
import { Schedule, WARM_UP } from './schedule.ts';
import { ChaosServer } from './server.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly sessions: number;
  /** The whole run, warm-up and end included. */
  readonly seconds: number;
  readonly progress?: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly seconds: number;
  readonly sessions: number;
  readonly stanzas: { readonly fromClients: number; readonly fromServer: number };
  readonly counts: ProxyCounts;
  /** After the warm-up round, and at the end; no session lived at either time. */
  readonly before: Measurement;
  readonly after: Measurement;
  /** With seed, session and event log; empty where all went well. */
  readonly failures: readonly string[];
}

/** Time that an answer may take beyond its `wait`: what two busy processes on a small machine need. */
const TOLERANCE_MS = 1500;
/** What a heap may grow by though nothing leaks: code that was compiled since, caches of the engine. */
const MOST_GROWTH_BYTES = 2_500_000;
/** An ending session collects all that is under way, through the same faults: no stanza for so long, and it never ends. */
const STANDSTILL_MS = 20_000;
/** Sessions that nobody knows, whose creation was answered to nobody, die within `firstRequestSeconds`. */
const SETTLING_MS = 8000;
const SHOWN = 5;

class Gateway {
  readonly #process: ChildProcess;
  port = 0;

  constructor(upstreamPort: number) {
    this.#process = fork(join(import.meta.dirname, 'gateway-process.ts'), [String(upstreamPort)], {
      execArgv: ['--expose-gc'],
    });
  }

  async started(): Promise<void> {
    this.port = (await this.#hear<{ port: number }>()).port;
  }

  measure(): Promise<Measurement> {
    const measurement = this.#hear<Measurement>();
    this.#process.send('measure');
    return measurement;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.send('stop');
    await exit;
  }

  async #hear<T>(): Promise<T> {
    const gone = new AbortController();
    const dies = once(this.#process, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`the gateway's process ended (${String(code)})`);
    });
    try {
      const [message] = await Promise.race([once(this.#process, 'message'), dies]);
      return message as T;
    } finally {
      dies.catch(() => {});
      gone.abort();
    }
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #schedule: Schedule;
  readonly #records = new Map<number, SessionRecord>();
  readonly #failures: string[] = [];
  readonly #stanzas = { fromClients: 0, fromServer: 0 };
  readonly #start = performance.now();
  #sessions = 0;
  /** Each kind of failure is shown with the log of its first session. */
  readonly #shown = new Set<string>();

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#schedule = new Schedule(options.seed);
  }

  async run(): Promise<ChaosReport> {
    const find = (session: number): SessionRecord | undefined => this.#records.get(session);
    const server = new ChaosServer(find);
    const gateway = new Gateway(await server.start());
    await gateway.started();
    const proxy = new ChaosProxy(gateway.port, TOLERANCE_MS, find);
    const port = await proxy.start();
    const live = (number: number, ms: number): Promise<void> => this.#live(number, ms, proxy, port);
    const progress = setInterval(() => this.#progress(proxy), 5000).unref();
    try {
      const { sessions, seconds } = this.#options;
      await Promise.all(Array.from({ length: sessions }, (_, slot) => live(WARM_UP + slot, 1500)));
      const before = await this.#settled(gateway, server);
      // Ends are not the time of the chaos: they take as long as what is under way needs.
      const end = this.#start + seconds * 1000 - 3500;
      await Promise.all(Array.from({ length: sessions }, (_, slot) => this.#slot(slot, end, live)));
      const after = await this.#settled(gateway, server);
      this.#judge(before, after);
      return {
        ...{ seed: this.#options.seed, sessions: this.#sessions, stanzas: this.#stanzas, counts: proxy.counts },
        ...{ before, after, failures: this.#failures, seconds: (performance.now() - this.#start) / 1000 },
      };
    } finally {
      clearInterval(progress);
      await gateway.stop();
      await Promise.all([proxy.stop(), server.stop()]);
    }
  }

  /** One session after another, all at different times. */
  async #slot(slot: number, end: number, live: (number: number, ms: number) => Promise<void>): Promise<void> {
    const { sessions } = this.#options;
    await sleep((1000 * slot) / sessions);
    for (let number = slot; ; number += sessions) {
      const left = end - performance.now();
      const life = this.#schedule.life(number);
      // The last one takes what is left, so that none begins when there is no time.
      await live(number, Math.max(0, left < life + 12_000 ? left : life));
      if (end - performance.now() < 3000 || this.#failures.length > 0) return;
    }
  }

  async #live(number: number, ms: number, proxy: ChaosProxy, port: number): Promise<void> {
    const record = new SessionRecord(number, this.#schedule);
    this.#records.set(number, record);
    this.#sessions++;
    const client = new ChaosClient(record, proxy, port);
    const over = client.run();
    await Promise.race([sleep(ms, undefined, { ref: false }), over]);
    record.isEnding = true;
    record.onChange();
    record.movedAt = performance.now();
    let isOver = false;
    void over.then(() => (isOver = true));
    while (!isOver && performance.now() - record.movedAt < STANDSTILL_MS) await Promise.race([sleep(500), over]);
    const { sent, arrived } = record;
    if (record.failure === undefined && (!record.isComplete || !record.streamEnded)) {
      record.fail(`did not come to its end: sent ${JSON.stringify(sent)}, arrived ${JSON.stringify(arrived)}`);
    }
    client.stop();
    this.#stanzas.fromClients += arrived.client;
    this.#stanzas.fromServer += arrived.server;
    if (record.failure !== undefined) this.#failed(record);
    proxy.forget(number);
  }

  #failed({ number, traits, failure, lines }: SessionRecord): void {
    const title = `seed ${this.#options.seed}, session ${number} ${JSON.stringify(traits)}: ${failure}`;
    // What follows a failure is not worth its paper.
    const last = lines.findIndex((line) => line.includes('FAILED')) + 1;
    const log = lines.slice(Math.max(0, last - 80), last);
    const kind = failure?.replaceAll(/\d+/g, '') ?? '';
    const isNew = this.#shown.size < SHOWN && !this.#shown.has(kind);
    this.#shown.add(kind);
    this.#failures.push(isNew ? [title, ...log].join('\n') : title);
  }

  /** No session and no stream is left: measured then. */
  async #settled(gateway: Gateway, server: ChaosServer): Promise<Measurement> {
    const late = performance.now() + SETTLING_MS;
    for (;;) {
      const measurement = await gateway.measure();
      const isEmpty = measurement.sessions === 0 && measurement.streams === 0 && server.streams === 0;
      if (isEmpty || performance.now() > late) return measurement;
      await sleep(100);
    }
  }

  #judge(before: Measurement, after: Measurement): void {
    const { seed } = this.#options;
    if (after.sessions > 0 || after.streams > 0) {
      this.#failures.push(`seed ${seed}: ${after.sessions} sessions and ${after.streams} streams are left`);
    }
    const grown = after.heapBytes - before.heapBytes;
    if (grown > MOST_GROWTH_BYTES) this.#failures.push(`seed ${seed}: the heap has grown by ${grown} bytes`);
    for (const error of after.errors) this.#failures.push(`seed ${seed}: the gateway logged an error: ${error}`);
  }

  #progress({ counts }: ChaosProxy): void {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(0);
    const { requests, repeats } = counts;
    this.#options.progress?.(
      `${seconds} s: ${this.#sessions} sessions, ${requests} requests, ${repeats} repeats, ${this.#failures.length} failures`,
    );
  }
}

/** Drives sessions through a bad network, from one seed. Throws only where the run itself cannot be done. */
export function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  return new Run(options).run();
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

/** The report for people. */
export function summary({ seed, seconds, sessions, stanzas, counts, before, after, failures }: ChaosReport): string {
  const faults = Object.entries(counts.faults).sort(([a], [b]) => a.localeCompare(b));
  const endings = Object.entries(after.endings).map(([why, count]) => `${why} ${count}`);
  return [
    `seed ${seed}: ${failures.length === 0 ? 'all is well' : `${failures.length} FAILURES`}, in ${seconds.toFixed(1)} s`,
    `  sessions  ${sessions}, at the gateway ${after.sessionsInTotal}; reloads ${counts.reloads}`,
    `  requests  ${counts.requests}; repeats ${counts.repeats}; passed by a later one ${counts.reordered}; answered with type='error' ${counts.errorBodies}`,
    `  stanzas   ${stanzas.fromClients} from clients, ${stanzas.fromServer} from the server, each once and in order`,
    `  faults    ${faults.map(([kind, count]) => `${kind} ${count}`).join(', ')}`,
    `  endings   by clients, and ${endings.join('; ')}`,
    `  longest   ${(counts.longestMs / 1000).toFixed(2)} s to an answer; the gateway stood still for ${after.stallMs.toFixed(0)} ms at most`,
    `  heap      ${mb(before.heapBytes)} after the warm-up, ${mb(after.heapBytes)} at the end (external ${mb(before.externalBytes)}, ${mb(after.externalBytes)})`,
  ].join('\n');
}
