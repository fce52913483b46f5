import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { startBench, type Bench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import type { RawResponse } from '../support/raw-http.ts';
import { eventually } from '../support/waiting.ts';

const PATH = '/http-bind/';
const creation = body({ rid: 1, to: 'example.com', ver: '1.11' });
const LIMITED = { limitPrivateAddresses: true };

const create = (bench: Bench): Promise<RawResponse> => bench.request({ path: PATH, body: creation });

function assertLater({ status, header, text }: RawResponse): void {
  assert.deepEqual([status, header('retry-after'), header('access-control-allow-origin')], [503, '5', '*'], text);
}

/** The status of a request from another address of this machine. */
function statusFrom(localAddress: string, port: number, text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: PATH, method: 'POST', localAddress, agent: false };
    request(options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end(text);
  });
}

/** The time of the rate limits, which a test may move on; timers run as ever. */
function movableClock() {
  let ahead = 0;
  const now = (): number => systemClock.now() + ahead;
  return { clock: { ...systemClock, now }, advance: (ms: number) => void (ahead += ms) };
}

test('BOSH-ERR-14, BOSH-SEC-08: sessions of one address: N are made, one more is refused before a dial', async (t) => {
  const bench = await startBench(t, { ...LIMITED, maxSessionsPerAddress: 2 });
  const first = await bench.session();
  await bench.session();
  assertLater(await create(bench));
  assert.equal((await bench.socket()).status, 503, 'WebSocket counts as well');
  assert.equal(bench.u.untaken, 0);
  await first.client.send("<message xmlns='jabber:client' id='alive'/>");
  await first.server.expect('alive');

  const elsewhere = statusFrom('127.0.0.2', bench.port, creation);
  await (await bench.u.accept()).negotiate();
  assert.equal(await elsewhere, 200);

  void first.client.send('', { type: 'terminate' });
  await first.server.expectEnd();
  first.server.end();
  await eventually('the session is gone', () => bench.gateway.stats().sessions === 2);
  await bench.session();
  assertLater(await create(bench));
});

test('BOSH-ERR-14: what never became a session is not counted', async (t) => {
  const bench = await startBench(t, { ...LIMITED, maxSessionsPerAddress: 1 });
  for (const to of ['', 'elsewhere.example']) {
    const text = body({ rid: 1, to, ver: '1.11' });
    for (let i = 0; i < 3; i++) {
      assert.equal(readAnswer(await bench.request({ path: PATH, body: text })).type, 'terminate');
    }
  }
  await bench.proveHealthy();
});

test('BOSH-ERR-14: WebSockets are counted from handshake to end', async (t) => {
  const bench = await startBench(t, { ...LIMITED, maxSessionsPerAddress: 2 });
  const sockets = [await bench.socket(), await bench.socket()];
  assert.deepEqual(
    sockets.map(({ status }) => status),
    [101, 101],
  );
  assert.equal((await bench.socket()).status, 503);
  assertLater(await create(bench));
  for (const { socket } of sockets) socket.destroy();
  await eventually('a handshake is let in again', async () => (await bench.socket()).status === 101);
});

test('BOSH-ERR-14: a handshake that the WebSocket library refuses is not counted for ever', async (t) => {
  const bench = await startBench(t, { ...LIMITED, maxSessionsPerAddress: 1 });
  for (let i = 0; i < 3; i++) {
    const { status } = await bench.socket({ headers: { 'Sec-WebSocket-Key': 'x' } });
    assert.equal(status, 400);
  }
  await eventually('a good one is let in', async () => (await bench.socket()).status === 101);
});

test('BOSH-SEC-08: new sessions of one address in a minute: a burst, a refusal, and again after a time', async (t) => {
  const { clock, advance } = movableClock();
  const settings = { ...LIMITED, sessionsPerMinutePerAddress: 6, clock };
  const bench = await startBench(t, settings, { autoLogin: true });
  for (let i = 0; i < 6; i++) assert.equal((await create(bench)).status, 200);
  assertLater(await create(bench));
  assert.equal((await bench.socket()).status, 503);
  assert.equal(await statusFrom('127.0.0.2', bench.port, creation), 200);
  advance(10_500);
  assert.equal((await create(bench)).status, 200);
  assertLater(await create(bench));
});

test('BOSH-SEC-07: unknown sids of one address in a minute are bounded; sessions that are there are not', async (t) => {
  const { clock, advance } = movableClock();
  const bench = await startBench(t, { ...LIMITED, unknownSidsPerMinutePerAddress: 10, clock });
  const { client, server } = await bench.session();
  const http = await bench.http();
  const guess = (i: number) => http.request({ path: PATH, body: body({ rid: 1, sid: `guess-${i}` }) });
  for (let i = 0; i < 10; i++) assert.equal(readAnswer(await guess(i)).condition, 'item-not-found');
  for (let i = 0; i < 1000; i++) assertLater(await guess(i));
  await client.send("<message xmlns='jabber:client' id='alive'/>");
  await server.expect('alive');
  await bench.session();
  advance(6500);
  assert.equal(readAnswer(await guess(0)).condition, 'item-not-found');
  assertLater(await guess(1));
});

/** A connection, and what came on it. */
async function idle(t: TestContext, port: number): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect({ port, host: '127.0.0.1' });
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  socket.on('error', () => {});
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return { socket, text: () => text };
}

test('H-38: idle connections of one address are bounded; those that are go on, and others come in', async (t) => {
  const bench = await startBench(t, { ...LIMITED, maxConnectionsPerAddress: 20, unknownSidsPerMinutePerAddress: 0 });
  const { client, server } = await bench.session();
  const kept = await bench.http();
  const flood = await Promise.all(Array.from({ length: 500 }, () => idle(t, bench.port)));
  const isOpen = ({ socket }: { socket: Socket }): boolean => !socket.closed && !socket.readableEnded;
  await eventually('those above the limit are closed', () => flood.filter(isOpen).length <= 20);
  const refused = flood.filter((one) => !isOpen(one));
  assert.ok(refused.length >= 480);
  for (const { text } of refused) assert.match(text(), /^HTTP\/1\.1 503 .*\r\n[^]*Retry-After: 5\r\n/);
  assert.equal(await statusFrom('127.0.0.2', bench.port, body({ rid: 1, sid: 'nobody' })), 200);
  const text = body({ rid: ++client.rid, sid: client.sid }, "<message xmlns='jabber:client' id='alive'/>");
  void kept.request({ path: PATH, body: text }).catch(() => {});
  await server.expect('alive');
  for (const { socket } of flood) socket.destroy();
  await eventually('there is room again', async () => {
    const { status } = await bench.request({ method: 'GET', path: PATH }).catch(() => ({ status: 0 }));
    return status === 200;
  });
});

test('H-38: a refused connection that sends a request gets the refusal, and nothing is processed', async (t) => {
  const bench = await startBench(t, { ...LIMITED, maxConnectionsPerAddress: 1 });
  await bench.http();
  const http = await bench.http();
  const { status, header } = await http.request({ path: PATH, body: creation });
  assert.deepEqual([status, header('retry-after'), header('connection')], [503, '5', 'close']);
  await http.closed();
  assert.equal(bench.u.untaken, 0);
});

test('BOSH-SEC-08: by default, private addresses, where proxies are, have no limit', async (t) => {
  const settings = { maxSessionsPerAddress: 1, sessionsPerMinutePerAddress: 1, maxConnectionsPerAddress: 1 };
  const bench = await startBench(t, settings, { autoLogin: true });
  for (let i = 0; i < 3; i++) assert.equal((await create(bench)).status, 200);
});

test('BOSH-HTTP-15: no forwarding header of anybody changes who is counted', async (t) => {
  const bench = await startBench(t, { ...LIMITED, maxSessionsPerAddress: 1 });
  await bench.session();
  for (const name of ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'CF-Connecting-IP', 'True-Client-IP']) {
    const headers = { [name]: name === 'Forwarded' ? 'for=203.0.113.9;proto=https' : '203.0.113.9' };
    assertLater(await bench.request({ path: PATH, headers, body: creation }));
  }
});

test('BOSH-SEC-08: concurrent dials are limited, and the limit recovers', async (t) => {
  // A name server that never answers, so that a dial lasts.
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => silent.close());
  await once(silent, 'listening');
  const dnsServers = [`127.0.0.1:${silent.address().port}`];
  const bench = await startBench(t, { maxDials: 1, connectSeconds: 1, dnsServers, serveOthers: true });
  const slow = bench.request({ path: PATH, body: body({ rid: 1, to: 'slow.test', ver: '1.11', wait: 1 }) });
  await eventually('the dial has begun', () => bench.gateway.stats().streams === 1);
  assertLater(await create(bench));
  await slow;
  await eventually('the dial is over', () => bench.gateway.stats().streams === 0, 15_000);
  assert.equal(readAnswer(await create(bench)).status, 200);
});
