import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { startBench, type Bench } from '../support/bench.ts';
import type { BoshClient } from '../support/bosh-client.ts';
import { Tab } from '../support/tab.ts';
import { eventually, within } from '../support/waiting.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;
const ids = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Another client with the same session, sid and rid, as a browser copies them with the tab. */
function copyOf(bench: Bench, client: BoshClient): BoshClient {
  const copy = bench.bosh({ keepsConnections: true });
  copy.sid = client.sid;
  copy.rid = client.rid;
  return copy;
}

/** The gateway has read all that was sent before: it answers this later. */
async function received(bench: Bench): Promise<void> {
  await bench.request({ method: 'GET', path: '/http-bind/' });
}

/** A tab whose request is held, and its copy, which has not asked for anything yet. */
async function twoTabs(t: TestContext) {
  const bench = await startBench(t);
  const { client, server } = await bench.login({}, { keepsConnections: true });
  const first = new Tab(client).start();
  await received(bench);
  const copy = new Tab(copyOf(bench, client));
  t.after(() => [first, copy].forEach((tab) => tab.stop()));
  return { bench, server, first, copy };
}

/** The same, as single requests: what the first tab holds, and the two clients. */
async function twoClients(t: TestContext) {
  const bench = await startBench(t);
  const { client: first, server } = await bench.login();
  const held = await first.send();
  await received(bench);
  return { bench, server, first, copy: copyOf(bench, first), held };
}

test('duplicated tab: the copy is told item-not-found within a few requests; the first lives on', async (t) => {
  const { bench, server, first, copy } = await twoTabs(t);
  copy.start();
  assert.equal(await within(copy.ended, 'the end of the copy'), 'item-not-found');
  assert.ok(copy.requests <= 5 && first.requests <= 6, `${copy.requests} and ${first.requests} requests`);
  server.send("<message id='x'/>");
  await eventually('the first gets it', () => first.got.length > 0);
  first.say(message('alive'));
  await server.expect('alive');
  assert.deepEqual([first.isOver, bench.gateway.stats().sessions], [false, 1]);
});

test('duplicated tab: a copy that comes later, when the first has just been answered', async (t) => {
  const { server, first, copy } = await twoTabs(t);
  server.send("<message id='x'/>");
  await eventually('the first is answered', () => first.got.length > 0);
  copy.start();
  // The copy's rid is an old one by now: it is answered from what is kept, or is at once too old.
  await eventually('one of them is told', () => copy.isOver || first.isOver);
  assert.deepEqual([copy.isOver, first.isOver], [true, false]);
});

for (const [behind, where] of [
  [1, 'the rid that is held'],
  [2, 'the last one that was answered'],
  [40, 'one of long ago'],
] as const) {
  test(`duplicated tab: a copy that was made a while ago begins with ${where}: it is told, the first lives on`, async (t) => {
    const { bench, server, first, copy } = await twoTabs(t);
    for (const id of ids('m', 3)) {
      server.send(`<message id='${id}'/>`);
      await eventually('the first gets it', () => first.got.includes(id));
    }
    await eventually('the first asks again', () => first.requests === 4);
    await received(bench);
    copy.client.rid = first.client.rid - behind;
    copy.start();
    assert.equal(await within(copy.ended, 'the end of the copy'), 'item-not-found');
    first.say(message('alive'));
    await server.expect('alive');
    server.send("<message id='x'/>");
    await eventually('the first gets it', () => first.got.includes('x'));
    assert.deepEqual([first.isOver, first.got, bench.gateway.stats().sessions], [false, [...ids('m', 3), 'x'], 1]);
  });
}

test('duplicated tab: the held rid comes again with other words, on another connection: the newcomer is told', async (t) => {
  const { bench, server, first, copy, held } = await twoClients(t);
  const other = await copy.again(held.rid, message('other'));
  assert.deepEqual([(await other.answer).type, (await other.answer).condition], ['terminate', 'item-not-found']);
  server.send("<message id='x'/>");
  assert.match((await held.answer).text, /id='x'/);
  await first.send(message('fence'));
  await server.expect('fence');
  assert.equal(bench.gateway.stats().sessions, 1);
  assert.doesNotMatch(server.received, /other/);
});

test('duplicated tab: two that repeat what is turned away, as XEP-0124 §17.3 has it: the copy is told, before it is a storm', async (t) => {
  const { server, first, copy, held } = await twoClients(t);
  const begun = await copy.send();
  await held.answer;
  const { rid } = begun;
  let mine = await first.send();
  let theirs = await begun.answer;
  let turns = 0;
  while (theirs.type === 'error' && turns++ < 20) {
    const again = await copy.again(rid);
    const answered = await Promise.race([mine.answer.then(() => mine), again.answer.then(() => again)]);
    if (answered === mine) mine = await first.again(rid);
    theirs = await again.answer;
  }
  assert.equal(theirs.condition, 'item-not-found');
  assert.ok(turns < 15, `${turns} turns`);
  server.send("<message id='x'/>");
  assert.match((await mine.answer).text, /id='x'/);
});

test('duplicated tab: no message of the server is lost to the first, and none comes twice', async (t) => {
  const { server, first, copy } = await twoTabs(t);
  copy.start();
  for (const id of ids('m', 40)) {
    server.send(`<message id='${id}'/>`);
    await pause(3);
  }
  await within(copy.ended, 'the end of the copy');
  await eventually('the first has all', () => first.got.length >= 40);
  assert.deepEqual(first.got, ids('m', 40));
});

test('duplicated tab: nothing that the first says is lost, and nothing is forwarded twice', async (t) => {
  const { server, first, copy } = await twoTabs(t);
  copy.start();
  for (const id of ids('a', 40)) {
    first.say(message(id));
    await pause(3);
  }
  await within(copy.ended, 'the end of the copy');
  const said: string[] = [];
  while (said.length < 40) said.push(/id='(.*?)'/.exec((await server.event()).text)?.[1] ?? '');
  assert.deepEqual(said, ids('a', 40));
});

test('duplicated tab: both directions at once', async (t) => {
  const { server, first, copy } = await twoTabs(t);
  copy.start();
  // As in life, several requests to a message: the tabs of this test ask every few milliseconds.
  for (let i = 0; i < 15; i++) {
    await pause(40);
    server.send(`<message id='m${i}'/>`);
    await pause(40);
    first.say(message(`a${i}`));
  }
  await within(copy.ended, 'the end of the copy');
  const said: string[] = [];
  while (said.length < 15) said.push(/id='(.*?)'/.exec((await server.event()).text)?.[1] ?? '');
  await eventually('the first has all', () => first.got.length >= 15);
  assert.deepEqual([said, first.got], [ids('a', 15), ids('m', 15)]);
});

test('duplicated tab: a copy that says something first, as a restored page asks for its archive', async (t) => {
  const { server, first, copy } = await twoTabs(t);
  copy.say(message('from-the-copy'));
  assert.equal(await within(copy.ended, 'the end of the copy'), 'item-not-found');
  first.say(message('alive'));
  const said: string[] = [];
  while (!said.includes('alive')) said.push(/id='(.*?)'/.exec((await server.event()).text)?.[1] ?? '');
  assert.equal(first.isOver, false);
});

test('duplicated tab: what the first says under a rid that the copy has used emptily is forwarded, once', async (t) => {
  const { bench, server, first, copy, held } = await twoClients(t);
  const taken = await copy.send();
  assert.deepEqual((await held.answer).payload, []);
  const said = await first.send(message('said'));
  await server.expect("id='said'");
  assert.equal((await taken.answer).condition, 'item-not-found');
  await received(bench);
  server.send("<message id='x'/>");
  assert.match((await said.answer).text, /id='x'/);
  await first.send(message('fence'));
  await server.expect('fence');
});

test('duplicated tab: what the first says is forwarded although the copy was answered before', async (t) => {
  const { server, first, copy, held } = await twoClients(t);
  const taken = await copy.send();
  assert.deepEqual((await held.answer).payload, []);
  server.send("<message id='x'/>");
  await taken.answer;
  const said = await first.send(message('said'));
  assert.match((await said.answer).text, /id='x'/);
  await first.send(message('fence'));
  await server.expect("id='said'");
});

test('duplicated tab: what the first says is forwarded although the copy said something under the same rid', async (t) => {
  const { server, first, copy, held } = await twoClients(t);
  await copy.send(message('from-the-copy'));
  await held.answer;
  await first.send(message('said'));
  await first.send(message('fence'));
  await server.expect('from-the-copy');
  await server.expect("id='said'");
});

for (const when of ['before', 'after'] as const) {
  test(`BOSH-BRK-02: duplicated tab: the first repeats its own words ${when} they are answered: they are forwarded once`, async (t) => {
    const { server, first, copy, held } = await twoClients(t);
    await copy.send();
    await held.answer;
    const said = await first.send(message('said'));
    await server.expect("id='said'");
    if (when === 'after') server.send("<message id='x'/>");
    if (when === 'after') await said.answer;
    await first.again(said.rid, message('said'));
    await first.send(message('fence'));
    await server.expect('fence');
  });
}

test('BOSH-BRK-02: duplicated tab: words that came after the copy was answered are forwarded once, however often repeated', async (t) => {
  const { server, first, copy, held } = await twoClients(t);
  const taken = await copy.send();
  await held.answer;
  server.send("<message id='x'/>");
  await taken.answer;
  const said = await first.send(message('said'));
  await server.expect("id='said'");
  await (
    await first.again(said.rid, message('said'))
  ).answer;
  await first.send(message('fence'));
  await server.expect('fence');
});

test('BOSH-BRK-03: rid after rid is repeated on another connection: that is no duplicated tab', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  for (let i = 0; i < 8; i++) {
    const older = await client.send(i % 2 === 0 ? '' : message(i));
    await received(bench);
    const newer = await client.again(older.rid, i % 2 === 0 ? '' : message(i));
    assert.deepEqual([(await older.answer).type, (await older.answer).condition], ['error', undefined]);
    server.send(`<message id='x${i}'/>`);
    assert.match((await newer.answer).text, new RegExp(`id='x${i}'`));
  }
});

test('BOSH-BRK-03: a client that says something while it waits, and repeats all it has open, is no duplicated tab', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  let before = await client.send();
  for (let i = 0; i < 8; i++) {
    const older = await client.send(message(i));
    await before.answer;
    await server.expect(`id='${i}'`);
    before = await client.again(older.rid, message(i));
    assert.equal((await older.answer).type, 'error');
  }
  server.send("<message id='x'/>");
  assert.match((await before.answer).text, /id='x'/);
});

test('BOSH-BRK-03: an empty request that is repeated once, while another was held before it, is no duplicated tab', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  const first = await client.send();
  await received(bench);
  const older = await client.send();
  await first.answer;
  const newer = await client.again(older.rid);
  assert.equal((await older.answer).type, 'error');
  server.send("<message id='x'/>");
  assert.match((await newer.answer).text, /id='x'/);
});

test('BOSH-BRK-06: a page that is reloaded goes on with the next rid: that is no duplicated tab', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  let page = client;
  for (let i = 0; i < 6; i++) {
    const held = await page.send();
    await received(bench);
    page = copyOf(bench, page);
    held.abort();
    const next = await page.send(i % 2 === 0 ? '' : message(i));
    if (i % 2 === 1) await server.expect(`id='${i}'`);
    await received(bench);
    server.send(`<message id='x${i}'/>`);
    assert.match((await next.answer).text, new RegExp(`id='x${i}'`));
  }
});

test('duplicated tab: three of them: one is left', async (t) => {
  const { bench, server, first, copy } = await twoTabs(t);
  const third = new Tab(copyOf(bench, copy.client));
  t.after(() => third.stop());
  copy.start();
  third.start();
  await eventually('two are told', () => [first, copy, third].filter(({ isOver }) => isOver).length >= 2);
  server.send("<message id='x'/>");
  await eventually('one gets it', () => [first, copy, third].some(({ got }) => got.includes('x')));
  assert.equal(bench.gateway.stats().sessions, 1);
});

test('BOSH-RID-07: a reloaded page whose last request never left the browser is not kept waiting', async (t) => {
  const { server, first, held } = await twoClients(t);
  server.send("<message id='before'/>");
  await held.answer;
  // This rid was counted by the old page, and never sent.
  first.rid += 1;
  const page = await first.send();
  server.send("<message id='after'/>");
  assert.match((await page.answer).text, /id='after'/);
  await first.send(message('fence'));
  await server.expect('fence');
});

test('BOSH-RID-07: what comes late for a rid that was passed over is forwarded, once', async (t) => {
  const { server, first, held } = await twoClients(t);
  server.send("<message id='before'/>");
  await held.answer;
  const late = first.rid + 1;
  first.rid += 1;
  const page = await first.send();
  server.send("<message id='after'/>");
  assert.match((await page.answer).text, /id='after'/);
  for (let i = 0; i < 2; i++) {
    const answer = await (await first.again(late, message('late'))).answer;
    assert.deepEqual([answer.type, answer.payload], [undefined, []]);
  }
  await first.send(message('fence'));
  await server.expect("id='late'");
  await server.expect('fence');
});
