import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { parseSettings } from '../../src/config/schema.ts';
import { startBench, type Bench } from '../support/bench.ts';
import { createAuthority } from '../support/certificates.ts';
import { FRAMING } from '../support/raw-websocket.ts';

/** Every connection seems to come from there, until that is restored. */
function comingFrom(t: TestContext, address: string) {
  const sockets = Socket.prototype as unknown as { _getpeername(): object };
  return t.mock.method(sockets, '_getpeername', () => ({ address, family: 'IPv4', port: 1 })).mock;
}

/** What a reverse proxy says; every test comes from 127.0.0.1. */
const from = (headers: Readonly<Record<string, string>>) => ({ headers });

test('WS-HS-10: clear text from a public address is refused, unless it is configured', async (t) => {
  const remote = comingFrom(t, '203.0.113.9');
  const refused = await startBench(t);
  assert.equal((await refused.socket()).status, 403);
  assert.equal(refused.u.untaken, 0);
  const allowed = await startBench(t, { plainWebSocket: true });
  assert.equal((await allowed.socket()).status, 101);
  remote.restore();
  assert.equal((await refused.socket()).status, 101, 'from a private one it is taken');
});

test('WS-HS-10, BOSH-HTTP-15: what a trusted proxy says of TLS counts, and what anybody else says does not', async (t) => {
  const trustedProxies = ['127.0.0.0/8'];
  const plain = await startBench(t, { trustedProxies });
  const forwarded = await startBench(t, { trustedProxies, proxyHeader: 'forwarded' });
  const wary = await startBench(t, { trustedProxies: ['192.0.2.1'] });
  const status = async (bench: Bench, headers: Readonly<Record<string, string>>): Promise<number> =>
    (await bench.socket(from(headers))).status;
  for (const [bench, headers, expected] of [
    [plain, { 'X-Forwarded-For': '203.0.113.9' }, 101],
    [plain, { 'X-Forwarded-Proto': 'https' }, 101],
    [plain, { 'X-Forwarded-Proto': 'http' }, 403],
    [plain, { 'X-Forwarded-Proto': 'https, http' }, 403],
    [plain, { 'X-Forwarded-Proto': 'http', Forwarded: 'proto=https' }, 403],
    [forwarded, { Forwarded: 'for=203.0.113.9; proto=https' }, 101],
    [forwarded, { Forwarded: 'proto=https, for=203.0.113.9;proto="http"' }, 403],
    [forwarded, { Forwarded: 'proto=http', 'X-Forwarded-Proto': 'https' }, 403],
  ] as const) {
    assert.equal(await status(bench, headers), expected, JSON.stringify(headers));
    assert.equal(await status(wary, headers), 101, JSON.stringify(headers));
  }
  const remote = comingFrom(t, '203.0.113.9');
  assert.equal(await status(wary, { 'X-Forwarded-Proto': 'https' }), 403, 'a public client is no proxy');
  remote.restore();
});

test('WS-HS-11, SASL2-10: early data is sent away, whatever it asks for', async (t) => {
  const bench = await startBench(t);
  assert.equal((await bench.socket(from({ 'Early-Data': '1' }))).status, 425);
  const post = await bench.request({ path: '/http-bind/', headers: { 'Early-Data': '1' }, body: '<body/>' });
  assert.equal(post.status, 425);
  assert.equal(bench.u.untaken, 0);
});

/** A gateway that speaks TLS itself, with the folder of its certificate. */
async function startSecured(t: TestContext) {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const { certificateFile, keyFile } = await authority.issue({ names: ['localhost'] });
  const bench = await startBench(t, { tlsPort: 0, tlsCert: certificateFile, tlsKey: keyFile });
  return { bench, folder: dirname(certificateFile), port: bench.gateway.tlsPort as number };
}

test('WS-HS-11, SASL2-10: the gateway itself takes no TLS early data', async (t) => {
  const { folder, port } = await startSecured(t);
  const [session, request] = [join(folder, 'session'), join(folder, 'request')];
  await writeFile(request, 'GET /http-bind/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const client = (...more: string[]) =>
    new Promise<string>((resolve) => {
      const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_3', ...more];
      const child = execFile('openssl', args, { timeout: 5000 }, (_, out, err) => resolve(out + err));
      child.stdin?.end('GET /http-bind/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      child.stdin?.on('error', () => {});
    });
  await client('-sess_out', session, '-ign_eof');
  const again = await client('-sess_in', session, '-early_data', request, '-ign_eof');
  assert.match(again, /Early data was (not sent|rejected)/);
});

test('WS-HS-09: HTTP/2 is not offered, and no CONNECT opens a tunnel', async (t) => {
  const { bench, port } = await startSecured(t);
  const offered = await new Promise<string>((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
    socket.once('secureConnect', () => resolve(String(socket.alpnProtocol)));
    socket.once('error', ({ message }) => resolve(message));
    t.after(() => socket.destroy());
  });
  assert.notEqual(offered, 'h2');
  const { status } = await bench.request({ method: 'CONNECT', path: 'example.com:443' });
  assert.equal(status, 405);
});

for (const [what, headers] of [
  ['another :protocol', { ':protocol': 'foo', 'sec-websocket-protocol': 'xmpp' }],
  ['no :protocol', { 'sec-websocket-protocol': 'xmpp' }],
  ['no sec-websocket-protocol', { ':protocol': 'websocket' }],
  ['all that it needs', { ':protocol': 'websocket', 'sec-websocket-protocol': 'xmpp' }],
] as const) {
  test(`WS-HS-09, W-42: an extended CONNECT over HTTP/2 with ${what} is refused with its connection`, async (t) => {
    const bench = await startBench(t);
    const session = connect(`http://127.0.0.1:${bench.port}`);
    t.after(() => session.destroy());
    const answer = await new Promise<string>((resolve) => {
      session.once('error', ({ message }) => resolve(message));
      session.once('close', () => resolve('closed'));
      const target = ':protocol' in headers ? { ':scheme': 'http', ':path': '/xmpp-websocket' } : {};
      const request = session.request({ ':method': 'CONNECT', ':authority': 'localhost', ...target, ...headers });
      request.on('response', (fields) => resolve(`status ${fields[':status']}`));
      request.on('error', () => {});
    });
    assert.doesNotMatch(answer, /^status/);
    await bench.proveHealthy();
  });
}

const ELSEWHERE = 'wss://chat.example.org/xmpp-websocket?a=1&b=2';

test('WS-CLOSE-07, WS-OPEN-03: a configured redirect takes the place of <open/>, and nothing is dialled', async (t) => {
  const bench = await startBench(t, { seeOtherWebSocketUri: ELSEWHERE });
  const client = await bench.socket();
  client.open();
  const close = await client.message();
  assert.equal(close, `<close xmlns="${FRAMING}" see-other-uri='${ELSEWHERE.replace('&', '&amp;')}' />`);
  assert.equal((await client.ended()).code, 1000);
  assert.equal(bench.u.untaken, 0);
  assert.equal(bench.gateway.stats().sessionsInTotal, 0);

  const old = await bench.socket();
  old.send(
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>",
  );
  assert.match(await old.message(), /^<stream:stream /);
  assert.match(await old.message(), /<policy-violation /);
});

test('WS-CLOSE-07: a redirect to an address without TLS cannot be configured', () => {
  for (const seeOtherWebSocketUri of [
    'ws://chat.example.org/',
    'http://chat.example.org/',
    'https://chat.example.org/',
  ]) {
    assert.throws(() => parseSettings({ seeOtherWebSocketUri }), /must be an absolute wss address/);
  }
});

test('with BOSH alone there is no WebSocket, on no path; with WebSocket alone no BOSH', async (t) => {
  const bosh = await startBench(t, { transports: ['bosh'] });
  for (const path of ['/xmpp-websocket', '/http-bind/']) assert.equal((await bosh.socket({ path })).status, 404);
  await bosh.proveHealthy();
  const webSocket = await startBench(t, { transports: ['websocket'] });
  assert.equal((await webSocket.request({ path: '/http-bind/', body: '<body/>' })).status, 404);
  assert.equal((await webSocket.socket({ path: '/http-bind/' })).status, 404);
  await webSocket.streamLogin();
  assert.throws(() => parseSettings({ transports: [] }), /transports: must be a list/);
  assert.throws(() => parseSettings({ transports: ['tcp'] }), /transports.0: must be a list/);
});

test('WS-SM-01, SM-07: a stream is resumed over a new WebSocket, on a new connection, and goes on without features', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.streamLogin();
  client.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
  await server.expect('<enable');
  server.send("<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>");
  await client.message();
  client.reset();
  assert.equal(await server.closed(), 'bare');

  const again = await bench.streamLogin();
  again.client.send("<resume xmlns='urn:xmpp:sm:3' previd='s1' h='0'/>");
  await again.server.expect("previd='s1'");
  again.server.send("<resumed xmlns='urn:xmpp:sm:3' previd='s1' h='3'/><message id='kept'/><r xmlns='urn:xmpp:sm:3'/>");
  assert.match(await again.client.message(), /^<resumed /);
  assert.match(await again.client.message(), /kept/);
  assert.match(await again.client.message(), /^<r /);
  again.client.send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
  await again.server.expect('<a ');
});
