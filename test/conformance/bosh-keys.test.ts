import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { startBench } from '../support/bench.ts';
import type { Attributes, BoshAnswer } from '../support/bosh-client.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

/** Keys in the order of their use: each is the hash of the one after it. The first goes into `newkey`. */
function keysOf(seed: string, count: number, write = (hash: string): string => hash): string[] {
  const keys = [write(sha1(seed))];
  while (keys.length < count) keys.push(write(sha1(keys.at(-1) ?? '')));
  return keys.reverse();
}

/** A session that is protected by keys, polling so that each request is answered at once. */
async function keyed(t: TestContext, { hold = 0, newkey, keys = keysOf('seed', 10) }: Keyed = {}) {
  const bench = await startBench(t);
  const [first, ...rest] = keys;
  return { bench, keys: rest, ...(await bench.session({ hold, newkey: newkey ?? first })) };
}

interface Keyed {
  readonly hold?: number;
  readonly newkey?: string;
  readonly keys?: string[];
}

test('BOSH-KEY-01, BOSH-KEY-02: a chain of a hundred keys', async (t) => {
  const { client, server, keys } = await keyed(t, { keys: keysOf('seed', 101) });
  for (const [i, key] of keys.entries()) {
    assert.equal((await client.ask(message(i), { key })).type, undefined);
    await server.expect(`id='${i}'`);
  }
  assert.equal(keys.length, 100);
});

test('BOSH-KEY-03: letter case does not matter to the comparison: newkey in capitals, keys without', async (t) => {
  const keys = keysOf('seed', 5);
  const { client, server } = await keyed(t, { keys, newkey: (keys[0] ?? '').toUpperCase() });
  for (const [i, key] of keys.slice(1).entries()) {
    assert.equal((await client.ask(message(i), { key })).type, undefined);
    await server.expect(`id='${i}'`);
  }
});

test('BOSH-KEY-03: what is hashed is the key as it was sent, capitals and all', async (t) => {
  const { client, keys } = await keyed(t, { keys: keysOf('seed', 5, (hash) => hash.toUpperCase()) });
  for (const key of keys.slice(0, -1)) assert.equal((await client.ask('', { key })).type, undefined);
  assert.equal((await client.ask('', { key: keys.at(-1)?.toLowerCase() })).condition, 'item-not-found');
});

// prettier-ignore
const WRONG: readonly (readonly [what: string, attributes: Attributes])[] = [
  ['missing', {}],
  ['empty', { key: '' }],
  ['wrong', { key: sha1('wrong') }],
  ['the one of creation', { key: keysOf('seed', 10)[0] }],
  ['one too far', { key: keysOf('seed', 10)[2] }],
  ['no hexadecimal', { key: 'ghijklmnopqrstuvwxyzghijklmnopqrstuvwxyz' }],
  ['in other letters', { key: 'é'.repeat(40) }],
  ['replaced by a newkey alone', { newkey: sha1('mine') }],
];

for (const [what, attributes] of WRONG) {
  test(`BOSH-KEY-04, B-41: a key that is ${what}: the session ends, its payload is not forwarded`, async (t) => {
    const { bench, client, server } = await keyed(t);
    const { status, type, condition } = await client.ask(message('no'), attributes);
    assert.deepEqual([status, type, condition], [200, 'terminate', 'item-not-found']);
    await server.expectEnd();
    assert.doesNotMatch(bench.u.received, /id='no'/);
    assert.equal((await client.ask()).condition, 'item-not-found');
  });
}

test('BOSH-KEY-04, BOSH-ERR-13: a wrong key, a wrong rid and a wrong sid get the same bytes', async (t) => {
  const { bench, client } = await keyed(t);
  const { text } = await client.ask('', { key: 'wrong' });
  const other = (await bench.session()).client;
  assert.equal((await (await other.again(other.rid + 1000)).answer).text, text);
  assert.equal((await bench.bosh().ask('', { sid: 'nobody' })).text, text);
});

test('BOSH-KEY-05: a new chain takes over from the request that brings it', async (t) => {
  const [newkey, ...others] = keysOf('other', 4);
  const { client, server, keys } = await keyed(t);
  assert.equal((await client.ask('', { key: keys[0], newkey })).type, undefined);
  for (const key of others) assert.equal((await client.ask('', { key })).type, undefined);
  await client.ask(message('no'), { key: keys[1] });
  await server.expectEnd();
});

test('BOSH-KEY-05: the old chain ends with the request that brings a new one', async (t) => {
  const { client, server, keys } = await keyed(t);
  await client.ask('', { key: keys[0], newkey: sha1('other') });
  assert.equal((await client.ask(message('no'), { key: keys[1] })).condition, 'item-not-found');
  await server.expectEnd();
});

test('BOSH-KEY-05: a new chain is checked against the old one first', async (t) => {
  const { client, server } = await keyed(t);
  const answer = await client.ask(message('no'), { key: sha1('wrong'), newkey: sha1('other') });
  assert.equal(answer.condition, 'item-not-found');
  await server.expectEnd();
});

test('BOSH-KEY-06: keys count in the order of rids, not of arrival', async (t) => {
  const { client, server, keys } = await keyed(t, { hold: 1 });
  const { rid } = client;
  await client.again(rid + 2, message('b'), { key: keys[1] });
  const first = await client.again(rid + 1, message('a'), { key: keys[0] });
  assert.equal((await first.answer).type, undefined);
  await server.expect("id='a'");
  await server.expect("id='b'");
  await client.again(rid + 3, message('c'), { key: keys[2] });
  await server.expect("id='c'");
});

test('BOSH-KEY-06: of requests that overtook each other, the wrong key ends the session when its turn comes', async (t) => {
  const { client, server, keys } = await keyed(t, { hold: 1 });
  const second = await client.again(client.rid + 2, message('b'), { key: sha1('wrong') });
  await client.again(client.rid + 1, message('a'), { key: keys[0] });
  assert.equal((await second.answer).condition, 'item-not-found');
  await server.expect("id='a'");
  await server.expectEnd();
});

test('BOSH-KEY-07: a key where there are none means nothing', async (t) => {
  const { client, server } = await (await startBench(t)).session({ hold: 0 });
  for (const [i, attributes] of [{ key: 'abc' }, { key: 'abc', newkey: sha1('x') }, {}, { key: '' }].entries()) {
    assert.equal((await client.ask(message(i), attributes)).type, undefined);
    await server.expect(`id='${i}'`);
  }
});

test('BOSH-KEY-08, B-41: a key of a megabyte is refused', async (t) => {
  const { bench, client, server } = await keyed(t);
  const { condition } = await client.ask(message('no'), { key: 'a'.repeat(1_000_000) });
  assert.match(condition ?? '', /^(bad-request|item-not-found)$/);
  await server.expectEnd();
  await bench.proveHealthy();
});

test('BOSH-KEY-08: a newkey of a megabyte is refused, at first and later', async (t) => {
  const { bench, client, server, keys } = await keyed(t);
  const newkey = 'a'.repeat(1_000_000);
  assert.match((await client.ask('', { key: keys[0], newkey })).condition ?? '', /^(bad-request|item-not-found)$/);
  await server.expectEnd();
  assert.equal((await bench.bosh().create({ newkey })).condition, 'bad-request');
});

for (const newkey of ['', 'x', 'é'.repeat(40)]) {
  test(`BOSH-KEY-01, B-41: newkey='${newkey.slice(0, 5)}', that no key can fit: the session can do nothing`, async (t) => {
    const bench = await startBench(t, {}, { autoLogin: true });
    const client = bench.bosh();
    const { condition } = await client.create({ newkey });
    if (condition !== undefined) assert.equal(condition, 'bad-request');
    else assert.equal((await client.ask('', { key: sha1('x') })).condition, 'item-not-found');
    await bench.settled();
  });
}

test('BOSH-BRK-10: a repeat with its own key gets the answer again, also when the chain has gone on', async (t) => {
  const { client, server, keys } = await keyed(t);
  const { rid } = client;
  const answers: BoshAnswer[] = [];
  for (const key of keys.slice(0, 2)) answers.push(await client.ask(message('m'), { key }));
  for (const i of [1, 0, 1]) {
    const again = await (await client.again(rid + 1 + i, message('m'), { key: keys[i] })).answer;
    assert.equal(again.text, answers[i]?.text);
  }
  await client.ask(message('fence'), { key: keys[2] });
  await server.expect("id='m'");
  await server.expect("id='m'");
  await server.expect('fence');
});

test('BOSH-BRK-10: a held request is repeated with its own key', async (t) => {
  const { client, server, keys } = await keyed(t, { hold: 1 });
  const held = await client.send(message('m'), { key: keys[0] });
  const again = await client.again(held.rid, message('m'), { key: keys[0] });
  assert.equal((await held.answer).type, 'error');
  await server.expect("id='m'");
  server.send("<message id='x'/>");
  assert.match((await again.answer).text, /id='x'/);
});

for (const [what, attributes] of WRONG) {
  test(`BOSH-BRK-10: a repeat with a key that is ${what} is no repeat`, async (t) => {
    const { client, server, keys } = await keyed(t);
    await client.ask('', { key: keys[0] });
    const again = await (await client.again(client.rid, '', attributes)).answer;
    assert.deepEqual([again.type, again.condition], ['terminate', 'item-not-found']);
    await server.expectEnd();
  });
}

test('BOSH-BRK-10: a held request that is repeated without its key: the session ends', async (t) => {
  const { client, server, keys } = await keyed(t, { hold: 1 });
  const held = await client.send('', { key: keys[0] });
  const again = await client.again(held.rid, '', { key: keys[1] });
  assert.equal((await again.answer).condition, 'item-not-found');
  assert.match((await held.answer).condition ?? '', /^(other-request|item-not-found)$/);
  await server.expectEnd();
});
