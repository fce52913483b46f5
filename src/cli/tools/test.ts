import { ConfigError, suggestion } from '../../config/config-error.ts';
import { systemClock } from '../../core/clock.ts';
import type { Arguments } from '../arguments.ts';
import { readPassword } from '../password.ts';
import { basic } from './basic.ts';
import type { Who } from './client.ts';
import type { Outcome, Report } from './report.ts';
import { sendRecv } from './send-recv.ts';
import { Stress } from './stress.ts';
import { readUsers, type User } from './users.ts';

const DEFAULT_URL = 'http://localhost:5280/http-bind/';
const KINDS = ['basic', 'send-recv', 'stress'];
/** So long nothing may come before a message counts as lost: servers slow down who writes much. */
const SILENCE_MS = 15_000;
/** Between two lines of progress where no terminal shows them in place. */
const PROGRESS_MS = 5000;

type Values = Arguments['values'];

/** `sluice test ...`. The exit code: 0 where all went well, 1 where it did not. Throws `ConfigError`. */
export async function runTest({ topic, values }: Arguments): Promise<number> {
  if (topic === undefined || !KINDS.includes(topic)) {
    throw new ConfigError(topic ?? 'test', `is no test; ${suggestion(topic ?? '', KINDS, 'see sluice help test')}`);
  }
  const url = values.url ?? DEFAULT_URL;
  if (!URL.canParse(url) || !/^(https?|wss?):/.test(url)) {
    throw new ConfigError('--url', 'must be an address of BOSH (http, https) or WebSocket (ws, wss)');
  }
  const { json = false } = values;
  const report = new ConsoleReport(json);
  const outcome = await runKind(topic, url, values, report);
  report.finish({ test: topic, url, ...outcome });
  return outcome.ok ? 0 : 1;
}

async function runKind(kind: string, url: string, values: Values, report: Report): Promise<Outcome> {
  switch (kind) {
    case 'basic':
      return basic(url, await oneUser('test basic', values), report);
    case 'send-recv': {
      if (values.users === undefined) throw new ConfigError('test send-recv', 'needs --users FILE');
      const plan = { messages: count(values, 'messages', 10), rate: count(values, 'rate', 10) };
      return sendRecv(url, await readUsers(values.users), { ...plan, silenceMs: SILENCE_MS }, report);
    }
    default: {
      const plan = {
        sessions: count(values, 'sessions', 100),
        seconds: count(values, 'seconds', 30),
        rate: count(values, 'rate', 50),
        lastMs: SILENCE_MS,
      };
      return new Stress(url, await everybody(values), plan, report).run();
    }
  }
}

async function everybody(values: Values): Promise<readonly Who[]> {
  if (values.users !== undefined) return readUsers(values.users);
  if (values.jid !== undefined) return [await oneUser('test stress', values)];
  if (values.domain !== undefined) return [{ domain: values.domain }];
  throw new ConfigError('test stress', 'needs --users FILE, --jid JID or --domain DOMAIN');
}

async function oneUser(command: string, { jid, 'password-file': file }: Values): Promise<User> {
  if (jid === undefined || !/^[^@/]+@[^@/]/.test(jid)) throw new ConfigError(command, 'needs --jid user@example.org');
  const { SLUICE_TEST_PASSWORD: given } = process.env;
  const password = file === undefined && given ? given : await readPassword(command, jid, file);
  return { jid, password };
}

function count(values: Values, name: 'messages' | 'rate' | 'sessions' | 'seconds', usual: number): number {
  const text = values[name];
  if (text === undefined) return usual;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new ConfigError(`--${name}`, `must be a whole number above 0, not "${text}"`);
  return Number(text);
}

/** People read lines on standard output and progress on standard error; programs read JSON. */
class ConsoleReport implements Report {
  readonly #json: boolean;
  #last = -Infinity;
  #isShown = false;

  constructor(json: boolean) {
    this.#json = json;
  }

  line(text: string): void {
    this.#clear();
    if (!this.#json) process.stdout.write(`${text}\n`);
  }

  progress(text: () => string): void {
    const now = systemClock.now();
    const { isTTY } = process.stderr;
    if (now - this.#last < (isTTY ? 100 : PROGRESS_MS)) return;
    this.#last = now;
    process.stderr.write(isTTY ? `\r\x1b[K${text()}` : `${text()}\n`);
    this.#isShown = isTTY;
  }

  #clear(): void {
    if (this.#isShown) process.stderr.write('\r\x1b[K');
    this.#isShown = false;
  }

  finish(outcome: Outcome & { readonly test: string; readonly url: string }): void {
    this.#clear();
    const { ok, test, url } = outcome;
    process.stdout.write(this.#json ? `${JSON.stringify(outcome)}\n` : `${ok ? 'ok' : 'FAILED'}: ${test} at ${url}\n`);
  }
}
