import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { closeFrame, frame, OPCODE } from '../support/raw-websocket.ts';

const STANZA = "<message xmlns='jabber:client' id='no'/>";
const { continuation, ping, pong, close, text } = OPCODE;

/** Frames that break RFC 6455, and the code that the connection is closed with. */
// prettier-ignore
const BROKEN: readonly (readonly [id: string, what: string, frames: readonly Uint8Array[], codes: readonly number[]])[] = [
  ['WS-14, W-09', 'unmasked frame', [frame(STANZA, { mask: false })], [1002]],
  ...[1, 2, 4].map((rsv) => ['WS-14, W-10, W-19', `RSV ${rsv}`, [frame(STANZA, { rsv })], [1002]] as const),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ['WS-14, W-10', `opcode ${opcode}`, [frame(STANZA, { opcode })], [1002]] as const),
  ['WS-14, W-11', 'fragmented ping', [frame('a', { opcode: ping, fin: false })], [1002]],
  ['WS-14, W-11', 'ping of 126 bytes', [frame('a'.repeat(126), { opcode: ping })], [1002]],
  ['W-12', 'continuation without a start', [frame(STANZA, { opcode: continuation })], [1002]],
  ['W-12', 'new text inside a message', [frame('<a', { fin: false }), frame(STANZA, { opcode: text })], [1002]],
  ['W-15', 'length 2^63', [frame('', { declaredLength: 2n ** 63n })], [1002, 1009]],
  ['W-15', 'length above the limit', [frame('', { declaredLength: 2n ** 40n })], [1009]],
  ['W-20', 'close of one byte', [frame('a', { opcode: close })], [1002]],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000].map((code) => ['W-20', `close ${code}`, [closeFrame(code)], [1002]] as const),
  ['W-20', 'close with a reason that is no UTF-8', [closeFrame(1000, Uint8Array.of(0xff))], [1002, 1007]],
];

for (const [id, what, frames, codes] of BROKEN) {
  test(`${id}: ${what}: ${codes.join(' or ')}; nothing is forwarded`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.stream();
    for (const bytes of frames) client.write(bytes);
    const { code } = await client.ended();
    assert.ok(code !== undefined && codes.includes(code), `${code}`);
    await server.expectEnd();
    await bench.proveHealthy();
  });
}

test('W-13: a message of countless fragments is cut', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.stream();
  client.write(frame('<', { fin: false }));
  const empty = Buffer.concat(Array.from({ length: 1000 }, () => frame('', { fin: false, opcode: continuation })));
  for (let i = 0; i < 200 && !client.socket.destroyed; i++) client.write(empty);
  const { code } = await client.ended();
  assert.ok(code === 1008 || code === 1009, `${code}`);
  await bench.proveHealthy();
});

test('W-13: a message that is never finished ends with the session, not before', async (t) => {
  const bench = await startBench(t, { pingSeconds: 0.2 });
  const { client, server } = await bench.stream();
  client.polite = false;
  client.write(frame('<message', { fin: false }));
  await server.expectEnd();
  await bench.proveHealthy();
});

for (const opcode of [ping, pong]) {
  test(`W-14: a flood of ${opcode === ping ? 'pings' : 'pongs'} does not harm others`, async (t) => {
    const bench = await startBench(t);
    const { client } = await bench.stream();
    client.socket.pause();
    const before = process.memoryUsage.rss();
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => frame('x'.repeat(125), { opcode })));
    for (let i = 0; i < 300 && !client.socket.destroyed; i++) {
      if (client.socket.write(flood)) continue;
      const drained = new Promise((resolve) => client.socket.once('drain', resolve).once('close', resolve));
      const isSlow = await Promise.race([
        drained.then(() => false),
        new Promise<true>((resolve) => setTimeout(() => resolve(true), 300)),
      ]);
      if (isSlow) break;
    }
    assert.ok(process.memoryUsage.rss() - before < 100_000_000, `${process.memoryUsage.rss() - before} bytes`);
    await bench.proveHealthy();
  });
}

test('W-21: Close 1000 without <close/> ends the stream orderly', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.stream();
  client.close(1000);
  assert.equal((await client.ended()).code, 1000);
  await server.expectEnd();
});

test('W-38, X-01: a message that is empty of meaning harms nobody', async (t) => {
  const bench = await startBench(t);
  for (const bad of ['hello', '{"a":1}', '[]', 'null', '<', '</', '<>', '&', ']]>', '\u0000']) {
    const { client, server } = await bench.stream();
    client.send(bad);
    assert.match(await client.message(), /<(not-well-formed|bad-format) /, bad);
    await server.expectEnd();
  }
  await bench.proveHealthy();
});

test('messages before the handshake of the stream are bounded', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 100_000, maxUpstreamBacklogBytes: 1_000_000 });
  const client = await bench.socket();
  client.open();
  await bench.u.accept();
  const big = frame(`<message xmlns='jabber:client'>${'x'.repeat(90_000)}</message>`);
  for (let i = 0; i < 50 && !client.socket.destroyed; i++) client.write(big);
  const { code } = await client.ended();
  assert.equal(code, 1000);
  await bench.settled();
});
