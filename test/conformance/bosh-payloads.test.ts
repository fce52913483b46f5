import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import type { BoshClient } from '../support/bosh-client.ts';
import { childInfosets } from '../support/infoset.ts';
import { eventually } from '../support/waiting.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;
const idsOf = (payload: readonly string[]): string[] => payload.map((one) => /@id="(.*?)"/.exec(one)?.[1] ?? one);

async function untilPayload(client: BoshClient): Promise<readonly string[]> {
  for (;;) {
    const { payload } = await client.ask();
    if (payload.length > 0) return payload;
  }
}

test('BOSH-PAY-01: payloads are forwarded while the request is held', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send(message('now'));
  await server.expect('now');
  assert.equal(held.http.waiting, 0);
});

test('BOSH-PAY-02, BOSH-RID-03: payloads of requests that come out of order are forwarded in order', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const second = await client.again(client.rid + 2, message('second'));
  const first = await client.again(client.rid + 1, message('first'));
  await server.expect('first');
  await server.expect('second');
  assert.deepEqual((await first.answer).payload, []);
  assert.equal(second.http.waiting, 0);
});

test('BOSH-PAY-02: fifty stanzas of one body keep their order', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.send(Array.from({ length: 50 }, (_, i) => message(i)).join(''));
  for (let i = 0; i < 50; i++) await server.expect(`id='${i}'`);
});

test('BOSH-PAY-03, BOSH-OVER-02: a thousand requests, one after another: as many answers, each 200 and a body', async (t) => {
  const { client, server } = await (await startBench(t, { maxHold: 1 })).session();
  let before = await client.send(message(0));
  let answers = 0;
  for (let i = 1; i < 1000; i++) {
    const held = await client.send(message(i));
    const { status, type, payload } = await before.answer;
    assert.deepEqual([status, type, payload], [200, undefined, []]);
    answers++;
    before.http.end();
    await server.expect(`id='${i - 1}'`);
    before = held;
  }
  server.send("<message id='last'/>");
  assert.match((await before.answer).text, /id='last'/);
  assert.equal(answers + 1, 1000);
});

test('BOSH-PAY-04, BOSH-PAY-11: an idle request is held for wait, then answered empty', async (t) => {
  const { client } = await (await startBench(t)).session({ wait: 1 });
  for (const payload of ['', message(1)]) {
    const held = await client.send(payload);
    const answer = await held.answer;
    const took = answer.response.at - held.sentAt;
    assert.ok(took >= 950 && took < 1500, `${took} ms`);
    assert.deepEqual([answer.status, answer.type, answer.payload.length], [200, undefined, 0]);
  }
});

test('BOSH-PAY-05: wait counts although the server hangs', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session({ wait: 1 });
  server.stopReading();
  const held = await client.send(message(1));
  const took = (await held.answer).response.at - held.sentAt;
  assert.ok(took >= 950 && took < 1500, `${took} ms`);
});

test('BOSH-PAY-05: wait counts although a restart is under way', async (t) => {
  const { client, server } = await (await startBench(t)).session({ wait: 1 });
  server.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  await client.ask();
  const held = await client.restart();
  await server.expectHeader();
  const took = (await held.answer).response.at - held.sentAt;
  assert.ok(took >= 950 && took < 1500, `${took} ms`);
});

test('BOSH-PAY-06: another request frees the oldest at once', async (t) => {
  const { client } = await (await startBench(t)).session();
  const first = await client.send();
  const second = await client.send(message(1));
  const answer = await first.answer;
  assert.ok(answer.response.at - second.sentAt < 100);
  assert.deepEqual(answer.payload, []);
  assert.equal(second.http.waiting, 0);
});

test('BOSH-PAY-07: data goes on the oldest request', async (t) => {
  const { client, server } = await (await startBench(t, { maxHold: 2 })).session({ hold: 2 });
  const [first, second] = [await client.send(message('a')), await client.send(message('b'))];
  await server.expect('a');
  await server.expect('b');
  server.send('<message id="x"/>');
  assert.deepEqual(idsOf((await first.answer).payload), ['x']);
  assert.equal(second.http.waiting, 0);
  server.send('<message id="y"/>');
  assert.deepEqual(idsOf((await second.answer).payload), ['y']);
});

test('BOSH-PAY-08: data is returned at once on a held request', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send(message(1));
  await server.expect("id='1'");
  const sentAt = performance.now();
  server.send('<message/>');
  assert.ok((await held.answer).response.at - sentAt < 100);
});

test('BOSH-PAY-09: data that comes while nothing is held waits for the next request, in order', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  server.send('<message id="1"/>');
  server.send('<message id="2"/><message id="3"/>');
  const payload: string[] = [];
  while (payload.length < 3) payload.push(...(await client.ask()).payload);
  assert.deepEqual(idsOf(payload), ['1', '2', '3']);
});

test('BOSH-PAY-10: much data comes in bounded answers of whole elements, in order, without loss', async (t) => {
  const bench = await startBench(t, { maxResponseBytes: 20_000, maxQueuedBytes: 50_000 });
  const { client, server } = await bench.session();
  const count = 2000;
  for (let i = 0; i < count; i++) server.send(`<message id='${i}'><body>${'x'.repeat(500)}</body></message>`);
  const ids: string[] = [];
  while (ids.length < count) {
    const { payload, response } = await client.ask();
    assert.ok(response.bytes.length < 21_000, `${response.bytes.length} bytes`);
    ids.push(...idsOf(payload));
  }
  assert.deepEqual(
    ids,
    Array.from({ length: count }, (_, i) => String(i)),
  );
});

test('BOSH-PAY-10: a single element larger than an answer goes alone', async (t) => {
  const { client, server } = await (await startBench(t, { maxResponseBytes: 5000 })).session();
  const held = await client.send();
  server.send(`<message id='big'><body>${'x'.repeat(50_000)}</body></message><message id='small'/>`);
  assert.deepEqual(idsOf((await held.answer).payload), ['big']);
  assert.deepEqual(idsOf((await client.ask()).payload), ['small']);
});

for (const attributes of [{ hold: 0 }, { wait: 0 }, { hold: 0, wait: 0 }]) {
  test(`BOSH-PAY-12, BOSH-SESSION-10, B-29: ${JSON.stringify(attributes)}: each request is answered at once`, async (t) => {
    const { client, server } = await (await startBench(t)).session(attributes);
    if (client.created['wait'] === '0') await untilPayload(client);
    const held = await client.send("<iq xmlns='jabber:client' type='get' id='q'/>");
    const answer = await held.answer;
    assert.ok(answer.response.at - held.sentAt < 100);
    assert.deepEqual(answer.payload, []);
    await server.expect('q');
    server.send('<iq type="result" id="q"/>');
    assert.deepEqual(idsOf(await untilPayload(client)), ['q']);
  });
}

test('BOSH-PAY-15, BOSH-BRK-06: a payload is not spent on a connection that is gone', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send(message(1));
  await server.expect("id='1'");
  held.abort();
  // The gateway has read the reset before it answers what comes on another connection after it.
  await bench.request({ method: 'GET', path: '/http-bind/' });
  server.send('<message id="kept"/>');
  assert.deepEqual(idsOf((await client.ask()).payload), ['kept']);
});

test('UP-XML-06: a stanza cut at every byte by the server comes whole', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const xml = "<message id='cut'><body>é😀&amp;</body></message>";
  const held = await client.send();
  for (const byte of Buffer.from(xml)) {
    server.send(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    (await held.answer).payload,
    childInfosets(`<x>${xml.replace('<message', "<message xmlns='jabber:client' xml:lang='en'")}</x>`),
  );
});

test('BOSH-PAY-14, U-23: a client that does not poll: the server is no longer read, and what is read is bounded', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 30 });
  const { server } = await bench.session();
  const before = process.memoryUsage.rss();
  const taken = await server.flood(`<message><body>${'x'.repeat(1000)}</body></message>`, 100_000_000);
  const grown = process.memoryUsage.rss() - before;
  // What the kernel's buffers hold on both sides of a loopback connection, and the gateway's own quarter of a megabyte.
  assert.ok(taken < 12_000_000, `the gateway took ${taken} bytes`);
  assert.ok(grown < 60_000_000, `memory grew by ${grown} bytes`);
});

test('BOSH-PAY-14: after a flood, the client gets everything in order', async (t) => {
  const bench = await startBench(t, { maxQueuedBytes: 10_000 });
  const { client, server } = await bench.session();
  const count = 3000;
  for (let i = 0; i < count; i++) server.send(`<message id='${i}'><body>${'x'.repeat(1000)}</body></message>`);
  const ids: string[] = [];
  while (ids.length < count) ids.push(...idsOf((await client.ask()).payload));
  assert.deepEqual(
    ids,
    Array.from({ length: count }, (_, i) => String(i)),
  );
});

test('BOSH-PAY-13, U-34: a server that never reads: the client is held back, then the session ends; memory is bounded', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session({ wait: 60 });
  server.stopReading();
  const before = process.memoryUsage.rss();
  const big = `<message xmlns='jabber:client'><body>${'x'.repeat(500_000)}</body></message>`;
  let sent = 0;
  let isOver = false;
  while (!isOver && sent < 200) {
    const held = await client.send(big);
    sent++;
    held.answer.then(({ type }) => (isOver ||= type === 'terminate')).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(isOver || sent < 200, 'it took 100 MB');
  assert.ok(sent * 500_000 < 30_000_000, `${sent} bodies of 500 kB were taken`);
  assert.ok(process.memoryUsage.rss() - before < 120_000_000);
  await eventually('the session is over', () => bench.gateway.stats().sessions === 0);
});
