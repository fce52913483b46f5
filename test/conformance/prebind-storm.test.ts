import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { ALICE, KEY, SECRETS, startPrebindBench, type PrebindBench } from '../support/prebind.ts';
import { requestBytes } from '../support/raw-http.ts';
import { stillClock } from '../support/still-clock.ts';

/** A bench whose time runs ten times as fast. */
async function startQuickBench(t: TestContext) {
  const clock = stillClock(t);
  const bench = await startPrebindBench(t, { clock });
  const quick = setInterval(() => clock.advance(50), 5);
  t.after(() => clearInterval(quick));
  return { bench, clock };
}

/** What a page in trouble does: asks, cannot attach, asks again at once; for ten seconds. Returns the answers. */
async function storm(
  { bench, clock }: Awaited<ReturnType<typeof startQuickBench>>,
  tryIt: (sid: string, rid: number) => Promise<unknown>,
): Promise<number[]> {
  const statuses: number[] = [];
  const end = clock.now() + 10_000;
  while (clock.now() < end) {
    const { status, body } = await bench.prebind();
    statuses.push(status);
    await tryIt(String(body['sid']), Number(body['rid']));
  }
  return statuses;
}

/** The page attaches at last. */
async function recovers(bench: PrebindBench): Promise<void> {
  const client = bench.attach(await bench.prebind());
  assert.match((await client.ask("<message xmlns='jabber:client' id='back'/>")).text, /id='back'/);
}

test('prebind: a page whose requests never arrive gets the same session, ever later', async (t) => {
  const quick = await startQuickBench(t);
  const { bench, clock } = quick;
  const sids = new Set<string>();
  const statuses = await storm(quick, async (sid) => void sids.add(sid));
  assert.ok(
    statuses.every((status) => status === 200),
    'Converse gives up for ever at an error',
  );
  assert.deepEqual([bench.u.connections.length, sids.size], [1, 1], 'one login');
  assert.ok(statuses.length <= 4, `${statuses.length} answers`);
  await recovers(bench);
  const began = clock.now();
  assert.equal((await bench.prebind()).status, 200);
  assert.ok(clock.now() - began < 1500, 'and all is as before');
});

test('prebind: a page whose sessions are ended at once makes fewer than 10 logins in 10 s', async (t) => {
  const quick = await startQuickBench(t);
  const { bench } = quick;
  const statuses = await storm(quick, async (sid, rid) => {
    const answer = await (await bench.bosh().again(rid + 1000, '', { sid })).answer;
    assert.equal(answer.condition, 'item-not-found');
  });
  assert.ok(statuses.every((status) => status === 200));
  const logins = bench.u.connections.length;
  assert.ok(logins >= 2 && logins < 10, `${logins} logins`);
  await recovers(bench);
});

test('prebind: a session whose server goes before the page is there is not given to anybody', async (t) => {
  const { bench } = await startQuickBench(t);
  const first = await bench.prebind();
  bench.u.connections[0]?.reset();
  await bench.settled();
  const second = await bench.prebind();
  assert.notEqual(second.body['sid'], first.body['sid']);
  assert.match((await bench.attach(second).ask("<message xmlns='jabber:client' id='on'/>")).text, /id='on'/);
});

test('prebind: tabs that open together get sessions of their own, without a delay', async (t) => {
  const clock = stillClock(t);
  const bench = await startPrebindBench(t, { clock });
  const sids = new Set<unknown>();
  const tab = async (): Promise<void> => {
    const answer = await bench.prebind();
    sids.add(answer.body['sid']);
    await (
      await bench.attach(answer).send("<message xmlns='jabber:client' id='here'/>")
    ).answer;
  };
  await Promise.all([tab(), tab(), tab()]);
  assert.equal(sids.size, 3);
  assert.equal(clock.now(), 0, 'nobody had to wait for the clock');
});

test('prebind: another proof never gets the session that waits', async (t) => {
  const bench = await startPrebindBench(t);
  const first = await bench.prebind();
  const other = await bench.prebind({ ...ALICE, password: 'guessed' });
  assert.notEqual(other.body['sid'], first.body['sid']);
  assert.equal(bench.u.connections.length, 2, 'the server was asked about it');
});

test('prebind: nobody anonymous gets what was made for another', async (t) => {
  const bench = await startPrebindBench(t);
  const sids = [];
  for (let i = 0; i < 3; i++) sids.push((await bench.prebind({ jid: 'example.com', anonymous: true })).body['sid']);
  assert.equal(new Set(sids).size, 3);
});

test('prebind: whoever hangs up while waiting is not logged in', async (t) => {
  const bench = await startPrebindBench(t);
  await bench.prebind();
  const body = JSON.stringify({ ...ALICE, password: SECRETS.token });
  const http = await bench.http();
  http.write(requestBytes({ path: '/prebind', headers: { Authorization: `Bearer ${KEY}` }, body }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  http.reset();
  const began = performance.now();
  assert.equal((await bench.prebind()).status, 200);
  assert.ok(performance.now() - began > 1000, 'the delays go on');
  assert.equal(bench.u.connections.length, 1);
});
