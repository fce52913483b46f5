import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';

const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;
const END = { type: 'terminate' };

test('BOSH-TERM-01: payloads of the terminating request go first, then the stream is closed', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  await client.send("<presence xmlns='jabber:client' type='unavailable'/>", END);
  await server.expect("type='unavailable'");
  await server.expectEnd();
  server.end();
  assert.equal(await server.closed(), 'end tag');
  await bench.settled();
});

test('BOSH-TERM-02: alone, the terminating request gets type=terminate, without a condition', async (t) => {
  const { client } = await (await startBench(t)).session();
  const { status, type, condition } = await client.ask('', END);
  assert.deepEqual([status, type, condition], [200, 'terminate', undefined]);
});

test('BOSH-TERM-02: the oldest request gets type=terminate, the others an empty body', async (t) => {
  const { client } = await (await startBench(t)).session();
  const held = await client.send();
  const last = await client.send('', END);
  assert.equal((await held.answer).type, 'terminate');
  const { type, payload } = await last.answer;
  assert.deepEqual([type, payload], [undefined, []]);
});

test('BOSH-TERM-03: a terminate that comes early waits for its turn', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.again(client.rid + 2, message('second'), END);
  await client.again(client.rid + 1, message('first'));
  await server.expect('first');
  await server.expect('second');
  await server.expectEnd();
});

test('BOSH-TERM-04: afterwards the sid is unknown', async (t) => {
  const { client } = await (await startBench(t)).session();
  const { text } = await client.ask('', END);
  assert.equal((await client.ask()).condition, 'item-not-found');
  const repeat = await (await client.again(client.rid - 1, '', END)).answer;
  assert.ok(repeat.text === text || repeat.condition === 'item-not-found');
});

test('BOSH-TERM-05: requests that wait when another breaks the session are answered', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send();
  const wrong = await client.again(client.rid + 9999);
  assert.equal((await wrong.answer).condition, 'item-not-found');
  assert.match((await held.answer).condition ?? '', /^(other-request|item-not-found)$/);
  await server.expectEnd();
});

test('BOSH-TERM-06: terminate with a condition ends the session like a plain one', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const { type } = await client.ask('', { ...END, condition: 'undefined-condition' });
  assert.equal(type, 'terminate');
  await server.expectEnd();
});

test('BOSH-TERM-07, B-52: what the server had sent is delivered with the end, or before it', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const ids: string[] = [];
  for (let i = 0; i < 50; i++) server.send(`<message id='q${i}'/>`);
  server.send("<iq id='fence'/>");
  const first = await client.ask(message('fence'));
  await server.expect('fence');
  const last = await client.ask('', END);
  for (const { text } of [first, last]) ids.push(...Array.from(text.matchAll(/id='(q\d+)'/g), ([, id]) => id ?? ''));
  assert.deepEqual(
    ids,
    Array.from({ length: 50 }, (_, i) => `q${i}`),
  );
});

test('BOSH-TERM-08, B-36: another type is bad-request', async (t) => {
  const bench = await startBench(t);
  for (const type of ['foo', 'TERMINATE', 'terminate ']) {
    const { client } = await bench.session();
    assert.equal((await client.ask('', { type })).condition, 'bad-request', type);
  }
});

test('BOSH-TERM-08: type=error from a client is ignored', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.send(message('alive'), { type: 'error' });
  await server.expect('alive');
});

test('BOSH-TERM-09: shutdown tells every session, and closes every stream', async (t) => {
  const bench = await startBench(t, { drainSeconds: 3 });
  const all = [];
  for (let i = 0; i < 20; i++) {
    const { client, server } = await bench.session();
    all.push({ server, held: await client.send(message(`m${i}`)) });
    await server.expect(`m${i}`);
  }
  const stopped = bench.gateway.stop();
  for (const { held, server } of all) {
    const { type, condition } = await held.answer;
    assert.deepEqual([type, condition], ['terminate', 'system-shutdown']);
    await server.expectEnd();
    server.end();
  }
  await stopped;
});

test('BOSH-TERM-09: while the gateway stops, new sessions are refused and absent clients learn why', async (t) => {
  const bench = await startBench(t, { drainSeconds: 3 });
  const { client } = await bench.session();
  const stopped = bench.gateway.stop();
  assert.equal((await bench.bosh().create()).condition, 'system-shutdown');
  assert.equal((await client.ask()).condition, 'system-shutdown');
  await stopped;
});

test('BOSH-TERM-09: stop() is done in time, and leaves nothing behind', async (t) => {
  const bench = await startBench(t, { drainSeconds: 0.2, closeSeconds: 30 });
  const { client } = await bench.session();
  await client.send();
  await bench.session();
  const start = performance.now();
  await bench.gateway.stop();
  assert.ok(performance.now() - start < 1500);
  const { sessions, streams } = bench.gateway.stats();
  assert.deepEqual({ sessions, streams }, { sessions: 0, streams: 0 });
});

test('B-37: a creation request that terminates leaves no session', async (t) => {
  const bench = await startBench(t);
  const { type } = await bench.bosh().create({ type: 'terminate' });
  assert.equal(type, 'terminate');
  await bench.settled();
});
