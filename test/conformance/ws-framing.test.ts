import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { infoset } from '../support/infoset.ts';
import { frame, FRAMING, OPCODE, type RawWebSocket } from '../support/raw-websocket.ts';
import type { ServerConnection } from '../support/scripted-server.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;
const CLOSE = `<close xmlns="${FRAMING}" />`;

/** The stream ends with that error for the client, and orderly for the server. */
async function brokenBy(client: RawWebSocket, server: ServerConnection, condition: RegExp): Promise<void> {
  assert.match(await client.message('stream error'), condition);
  assert.equal(await client.message('close'), CLOSE);
  assert.equal((await client.ended()).code, 1000);
  for (let event = await server.event(); event.kind !== 'end'; event = await server.event()) {
    assert.match(event.text, /^<stream:error/, 'nothing of it was forwarded');
  }
}

test('WS-01, W-16: a binary message closes with 1003, and is not forwarded', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.write(frame(message('no'), { opcode: OPCODE.binary }));
  assert.equal((await client.ended()).code, 1003);
  await server.expectEnd();
});

for (const [what, bytes] of [
  ['FF', [0xff]],
  ['an encoded surrogate', [0xed, 0xa0, 0x80]],
  ['a character cut at the end', [0xf0, 0x9f, 0x98]],
  ['an overlong <', [0xc0, 0xbc]],
  ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
] as const) {
  test(`WS-02, X-18, X-19, X-20, X-21: ${what} in a message closes with 1007`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.stream();
    client.write(frame(Buffer.concat([Buffer.from("<message xmlns='jabber:client'>"), Buffer.from(bytes)])));
    assert.equal((await client.ended()).code, 1007);
    assert.doesNotMatch(server.received, /<message/);
  });
}

test('WS-02, W-17: invalid UTF-8 split over fragments closes with 1007', async (t) => {
  const { client } = await (await startBench(t)).stream();
  client.write(frame(Uint8Array.of(0x3c, 0xf0, 0x9f), { fin: false }));
  client.write(frame(Uint8Array.of(0x41), { opcode: OPCODE.continuation }));
  assert.equal((await client.ended()).code, 1007);
});

test('WS-03: one element of the server is one message, however it is cut', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  server.send("<message id='1'/><message id='2'><body>b</body></message><message id='3'/>");
  for (const id of [1, 2, 3]) assert.match(infoset(await client.message()), new RegExp(`@id="${id}"`));
  for (const piece of ["<message id='4", "'><bo", 'dy>é</body></message', '>']) {
    server.send(piece);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.match(infoset(await client.message()), /@id="4"\].*"é"/);
  assert.equal(client.waiting, 0);
});

for (const wrong of [
  `${message(1)}${message(2)}`,
  `${message(1)}text`,
  "<message xmlns='jabber:client'>",
  '</message>',
  '</stream:stream>',
  'text',
]) {
  test(`WS-04, W-30, W-31, W-36: ${wrong.slice(0, 40)} is an error, and not forwarded`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.stream();
    client.send(wrong);
    await brokenBy(client, server, /<(not-well-formed|bad-format) /);
    await bench.proveHealthy();
  });
}

test('WS-05: every message begins with <, none with an XML declaration', async (t) => {
  const { client, server } = await (await startBench(t)).streamLogin();
  server.send(" \n<message/>\n<iq type='result'/>");
  for (let i = 0; i < 2; i++) assert.match(await client.message(), /^<[a-z]/);
});

test('WS-06, NSV-31: an XML declaration is accepted and dropped', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.send(`<?xml version='1.0' encoding='UTF-8'?>${message('x')}`);
  assert.match(await server.expect('x'), /^<message/);
  assert.doesNotMatch(server.received.slice(10), /<\?xml/);
});

test('WS-06, X-24: another encoding is refused', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.send(`<?xml version='1.0' encoding='UTF-16'?>${message('x')}`);
  await brokenBy(client, server, /<unsupported-encoding /);
});

test('WS-07, W-22, W-23: empty and white space messages, and white space in front, are ignored and never forwarded', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  for (const text of ['', ' ', '\n\t ', ` ${message('a')}`]) client.send(text);
  await server.expect("id='a'");
  assert.doesNotMatch(server.received, />\s+</);
});

test('X-23: a byte-order mark in front of a message is an error', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.send(`\ufeff${message('a')}`);
  await brokenBy(client, server, /<(not-well-formed|bad-format) /);
});

test('WS-08, WS-PING-01: a message in fragments with a ping between is one message, and the ping is answered', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  const text = Buffer.from("<message xmlns='jabber:client' id='é😀'/>");
  client.write(frame(text.subarray(0, 35), { fin: false }));
  client.write(frame('abc', { opcode: OPCODE.ping }));
  client.write(frame(text.subarray(35, 36), { fin: false, opcode: OPCODE.continuation }));
  client.write(frame(text.subarray(36), { opcode: OPCODE.continuation }));
  const pong = await client.control();
  assert.deepEqual([pong.opcode, pong.payload.toString(), pong.masked], [OPCODE.pong, 'abc', false]);
  await server.expect("id='é😀'");
});

for (const bad of ['<!-- c -->', '<?a b?>', '<!DOCTYPE message>']) {
  test(`WS-12, X-09, X-10, X-11: ${bad} is restricted-xml`, async (t) => {
    const bench = await startBench(t);
    for (const text of [bad + message('no'), message('no') + bad, `<message xmlns='jabber:client'>${bad}</message>`]) {
      const { client, server } = await bench.stream();
      client.send(text);
      await brokenBy(client, server, /<(restricted-xml|not-well-formed) /);
    }
  });
}

test('WS-12, X-14: an undeclared entity is not-well-formed', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.send("<message xmlns='jabber:client'>&nbsp;</message>");
  await brokenBy(client, server, /<not-well-formed /);
});

const sized = (bytes: number): string => {
  const empty = "<message xmlns='jabber:client'></message>";
  return empty.replace('></', `>${'x'.repeat(bytes - empty.length)}</`);
};

test('WS-13, W-39: a message of the limit passes, one byte more is policy-violation', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 10_000 });
  const { client, server } = await bench.stream();
  client.send(sized(10_000));
  assert.equal((await server.expect('xxx')).length, 10_000);
  client.send(sized(10_001));
  await brokenBy(client, server, /<policy-violation /);
});

test('WS-13, W-15: a message far above the limit is cut with 1009, unread', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 10_000 });
  for (const declaredLength of [1_000_000n, 2n ** 62n]) {
    const { client } = await bench.stream();
    client.write(frame('x', { declaredLength }));
    assert.equal((await client.ended()).code, 1009);
  }
  await bench.proveHealthy();
});

test('WS-15: a thousand stanzas keep their order, both ways', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  for (let i = 0; i < 1000; i++) {
    client.send(message(i));
    server.send(`<message id='${i}'/>`);
  }
  for (let i = 0; i < 1000; i++) {
    await server.expect(`id='${i}'`);
    assert.match(await client.message(), new RegExp(` id='${i}'`));
  }
});

test('WS-16, W-40: a client that does not read: the server is no longer read; afterwards everything comes in order', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.stream();
  client.socket.pause();
  const before = process.memoryUsage.rss();
  const taken = await server.flood(`<message><body>${'x'.repeat(1000)}</body></message>`, 100_000_000);
  assert.ok(taken < 20_000_000, `the gateway took ${taken} bytes`);
  assert.ok(process.memoryUsage.rss() - before < 80_000_000);
  client.socket.resume();
  for (let i = 0; i < 100; i++) assert.match(await client.message(), /^<message.*<\/message>$/);
});

test('WS-16, U-34: a server that does not read: the client is no longer read, and memory is bounded', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.stream();
  server.stopReading();
  const before = process.memoryUsage.rss();
  const chunk = frame(sized(100_000));
  for (let i = 0; i < 1000 && !client.socket.destroyed; i++) {
    if (client.socket.write(chunk)) continue;
    const isDrained = await new Promise<boolean>((resolve) => {
      setTimeout(() => resolve(false), 300);
      client.socket.once('drain', () => resolve(true));
    });
    if (!isDrained) break;
  }
  const taken = client.socket.bytesWritten - client.socket.writableLength;
  assert.ok(taken < 30_000_000, `${taken} bytes were taken`);
  assert.ok(process.memoryUsage.rss() - before < 120_000_000);
});
