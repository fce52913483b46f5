import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deflateRawSync } from 'node:zlib';
import { startBench, type Bench } from '../support/bench.ts';
import { closeFrame, frame, FRAMING, OPCODE, RawWebSocket } from '../support/raw-websocket.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const OFFER = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } };
const message = (bytes: number): string => `<message xmlns='jabber:client'><body>${'x'.repeat(bytes)}</body></message>`;
const pack = (data: string | Buffer): Buffer => frame(deflateRawSync(data), { rsv: 4 });

/** A stream on a WebSocket of which the client has offered compression. */
async function compressedStream(bench: Bench) {
  const client = await bench.socket(OFFER);
  client.open();
  const server = await bench.u.accept();
  await server.negotiate();
  await client.message('<open/>');
  await client.message('features');
  return { client, server };
}

test('WS-HS-06: compression is off unless it is configured', async (t) => {
  const bench = await startBench(t);
  assert.equal((await bench.socket(OFFER)).headers['sec-websocket-extensions'], undefined);
});

test('WS-HS-06: with compression, no context outlives a message, windows are small, and only long messages are compressed', async (t) => {
  const bench = await startBench(t, { websocketCompression: true });
  assert.equal((await bench.socket()).headers['sec-websocket-extensions'], undefined, 'only where it is offered');
  const { client, server } = await compressedStream(bench);
  const answer = client.headers['sec-websocket-extensions'] ?? '';
  for (const parameter of ['permessage-deflate', 'server_no_context_takeover', 'client_no_context_takeover']) {
    assert.ok(answer.includes(parameter), answer);
  }
  assert.match(answer, /server_max_window_bits=1[0-2]/);
  for (const bytes of [10, 5000, 10, 100_000]) {
    client.write(pack(message(bytes)));
    assert.equal((await server.expect('<message')).length, message(bytes).length);
    const before = client.socket.bytesRead;
    server.send(message(bytes));
    assert.ok((await client.message()).includes('x'.repeat(bytes)));
    const taken = client.socket.bytesRead - before;
    if (bytes >= 5000) assert.ok(taken < bytes / 10, `${taken} bytes on the wire`);
  }
});

test('W-18: a compressed bomb is cut at the size that it unfolds to', async (t) => {
  const bench = await startBench(t, { websocketCompression: true, maxBodyBytes: 100_000 });
  const bomb = pack(Buffer.alloc(100_000_000, 0x20));
  assert.ok(bomb.length < 100_000);
  for (let i = 0; i < 5; i++) {
    const { client, server } = await compressedStream(bench);
    const before = process.memoryUsage.rss();
    client.write(bomb);
    assert.equal((await client.ended()).code, 1009);
    await server.expectEnd();
    assert.ok(process.memoryUsage.rss() - before < 50_000_000);
  }
  await bench.proveHealthy();
});

test('W-18: one that unfolds to little more than the limit gets its stream error', async (t) => {
  const bench = await startBench(t, { websocketCompression: true, maxBodyBytes: 100_000 });
  const { client } = await compressedStream(bench);
  client.write(pack(message(150_000)));
  assert.match(await client.message(), /<policy-violation /);
});

test('W-18: what is no compressed data at all ends that WebSocket only', async (t) => {
  const bench = await startBench(t, { websocketCompression: true });
  const { client, server } = await compressedStream(bench);
  client.write(frame(Buffer.from('ffffffffffffffff', 'hex'), { rsv: 4 }));
  const { code } = await client.ended();
  assert.ok(code === 1007 || code === 1002, `${code}`);
  await server.expectEnd();
  await bench.proveHealthy();
});

for (const opcode of [OPCODE.ping, OPCODE.pong]) {
  const name = opcode === OPCODE.ping ? 'pings' : 'pongs';
  test(`W-14: too many ${name} end the WebSocket with 1008`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.stream();
    client.write(Buffer.concat(Array.from({ length: 1000 }, () => frame('x', { opcode }))));
    assert.equal((await client.ended()).code, 1008);
    await server.expectEnd();
    await bench.proveHealthy();
  });
}

test('W-14: as many pings as an eager client sends are all right', async (t) => {
  const { client } = await (await startBench(t)).stream();
  for (let i = 0; i < 100; i++) {
    client.write(frame(`${i}`, { opcode: OPCODE.ping }));
    assert.equal((await client.control()).payload.toString(), `${i}`);
  }
});

test('W-14, WS-PING-01: of pings that come while the client does not read, the latest is answered', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.stream();
  client.socket.pause();
  await server.flood(message(1000), 20_000_000);
  for (let i = 1; i <= 100; i++) client.write(frame(`${i}`, { opcode: OPCODE.ping }));
  client.send("<message xmlns='jabber:client' id='behind'/>");
  await server.expect('behind');
  client.socket.resume();
  const pongs: string[] = [];
  while (pongs.at(-1) !== '100') pongs.push((await client.control()).payload.toString());
  assert.ok(pongs.length < 10, `${pongs.length} pongs`);
});

test('WS-CLOSE-06: a client that never answers the closing frame is cut', async (t) => {
  const bench = await startBench(t, { closeSeconds: 0.3 });
  const { client, server } = await bench.stream();
  client.polite = false;
  client.send('<wrong');
  await server.expectEnd();
  server.end();
  assert.equal((await client.control()).opcode, OPCODE.close);
  await client.ended();
  await bench.settled();
});

/** Bad ends of a WebSocket, each on a connection of its own. */
const NASTY: readonly ((client: RawWebSocket) => void)[] = [
  (client) => client.write(frame('<a', { mask: false })),
  (client) => client.write(frame('x', { rsv: 4 })),
  (client) => client.write(frame('x', { opcode: 5 })),
  (client) => client.write(frame('a'.repeat(126), { opcode: OPCODE.ping })),
  (client) => client.write(frame('', { declaredLength: 2n ** 63n })),
  (client) => client.write(frame('x', { opcode: OPCODE.binary })),
  (client) => client.write(frame(Uint8Array.of(0xff))),
  (client) => client.write(closeFrame(1005)),
  (client) => client.send('<message/><message/>'),
  (client) => client.send('<!-- -->'),
  (client) => client.send(message(60_000)),
  (client) => client.send(`<close xmlns='${FRAMING}'/>`),
  (client) => client.write(frame('<message', { fin: false })),
  (client) => client.write(Buffer.concat(Array.from({ length: 400 }, () => frame('x', { opcode: OPCODE.ping })))),
  (client) => client.reset(),
];

test('W-13, W-38: a thousand bad clients leave nothing behind', { timeout: 60_000 }, async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 50_000, closeSeconds: 0.2 }, { autoLogin: true });
  // Each of these clients ends by itself; a test remembers what it has to clean up, and that would be measured too.
  const forgetful = { after() {} } as unknown as TestContext;
  const heaps: number[] = [];
  for (let round = 0; round < 8; round++) {
    for (const nasty of Array.from({ length: 9 }, () => NASTY).flat()) {
      const client = await RawWebSocket.connect(forgetful, bench.port);
      client.open();
      await client.message('<open/>');
      nasty(client);
      client.socket.end();
      await client.ended();
      bench.u.connections.length = 0;
    }
    await bench.settled();
    collectGarbage();
    heaps.push(process.memoryUsage().heapUsed);
  }
  const growth = (heaps.at(-1) ?? 0) - (heaps[3] ?? 0);
  assert.ok(growth < 4_000_000, `the heap went ${heaps.join(', ')}`);
});
