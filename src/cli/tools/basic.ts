import { systemClock } from '../../core/clock.ts';
import { reasonOf } from '../../core/errors.ts';
import { randomId } from '../../core/id.ts';
import { PrebindError } from '../../prebind/errors.ts';
import { bodyOf, TestClient, type Who } from './client.ts';
import type { Outcome, Report } from './report.ts';
import type { User } from './users.ts';

const ECHO_MS = 10_000;

interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly detail?: string;
}

/** Logs in rightly and wrongly, and writes to itself. */
export async function basic(url: string, { jid, password }: User, report: Report): Promise<Outcome> {
  const [bare = ''] = jid.split('/');
  const stranger = `sluice-test-${randomId()
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')}@${bare.slice(bare.indexOf('@') + 1)}`;
  const plan: readonly (readonly [name: string, run: () => Promise<void>])[] = [
    ['logs in and gets its own message', () => chat(url, { jid, password })],
    ['a wrong password is refused', () => refused(url, { jid: bare, password: `${password}-${randomId()}` })],
    ['somebody unknown is refused', () => refused(url, { jid: stranger, password: randomId() })],
  ];
  const steps: Step[] = [];
  for (const [name, run] of plan) {
    const start = systemClock.now();
    const detail = await run().then(
      () => undefined,
      (error: unknown) => reasonOf(error),
    );
    const ms = Math.round(systemClock.now() - start);
    const ok = detail === undefined;
    steps.push({ name, ok, ms, ...(detail !== undefined && { detail }) });
    report.line(`  ${ok ? 'ok  ' : 'FAIL'}  ${name} (${ms} ms)${ok ? '' : `: ${detail}`}`);
  }
  return { ok: steps.every(({ ok }) => ok), steps };
}

async function chat(url: string, who: Who): Promise<void> {
  const client = new TestClient(url);
  await client.login(who);
  try {
    const text = randomId();
    await new Promise<void>((resolve, reject) => {
      const timer = systemClock.after(ECHO_MS, () => reject(new Error('its message did not come back')));
      client.onEnd = (error) => {
        timer.cancel();
        reject(error);
      };
      client.onStanza = (stanza) => {
        if (bodyOf(stanza) !== text) return;
        timer.cancel();
        resolve();
      };
      client.message(client.jid, text, text);
    });
  } finally {
    await client.close();
  }
}

/** Only a refusal of the login is one: not a server that cannot be reached. */
async function refused(url: string, who: Who): Promise<void> {
  const client = new TestClient(url);
  try {
    await client.login(who);
  } catch (error) {
    if (error instanceof PrebindError && error.code === 'wrong-credentials') return;
    throw error;
  }
  await client.close();
  throw new Error('it logged in');
}
