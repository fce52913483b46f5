import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench, type Bench } from '../support/bench.ts';
import { frame, FRAMING, type Handshake, type RawWebSocket } from '../support/raw-websocket.ts';

/** The handshake is refused with that status, and no stream is opened. */
async function refused(bench: Bench, status: readonly number[], handshake: Handshake): Promise<RawWebSocket> {
  const client = await bench.socket(handshake);
  assert.ok(status.includes(client.status), `${client.status}`);
  return client;
}

test('WS-HS-01, W-02: xmpp is chosen wherever it stands in the offer', async (t) => {
  const bench = await startBench(t);
  for (const offer of ['xmpp', 'foo, xmpp', 'xmpp, foo', 'foo,xmpp ,bar']) {
    const client = await bench.socket({ headers: { 'Sec-WebSocket-Protocol': offer } });
    assert.deepEqual([client.status, client.headers['sec-websocket-protocol']], [101, 'xmpp'], offer);
    client.reset();
  }
});

for (const offer of [undefined, 'foo', '', 'xmpp, xmpp', 'x mpp', 'xmppx', 'xmpp;q=1']) {
  test(`WS-HS-02, W-01, W-03: the offer '${offer}' is refused`, async (t) => {
    const bench = await startBench(t);
    await refused(bench, [400], { headers: { 'Sec-WebSocket-Protocol': offer } });
    await bench.proveHealthy();
  });
}

test('WS-HS-03: XMPP is another name', async (t) => {
  const bench = await startBench(t);
  await refused(bench, [400], { headers: { 'Sec-WebSocket-Protocol': 'XMPP' } });
});

for (const [what, handshake, status] of [
  ['no Host', { headers: { Host: undefined } }, [400]],
  ['two Hosts', { headers: { Host: ['a', 'b'] } }, [400]],
  ['no key', { headers: { 'Sec-WebSocket-Key': undefined } }, [400]],
  ['short key', { headers: { 'Sec-WebSocket-Key': 'AAAA' } }, [400]],
  ['no base64 key', { headers: { 'Sec-WebSocket-Key': '!'.repeat(24) } }, [400]],
  ['POST', { method: 'POST' }, [400, 405]],
  ['HTTP/1.0', { version: '1.0' }, [400, 426, 505]],
  ['another Upgrade', { headers: { Upgrade: 'h2c' } }, [400, 426]],
  ['no Connection: Upgrade', { headers: { Connection: 'keep-alive' } }, [400, 426]],
] as const) {
  test(`WS-HS-04, W-05, W-06: ${what}: refused`, async (t) => {
    const bench = await startBench(t);
    await refused(bench, status, handshake);
    await bench.proveHealthy();
  });
}

for (const version of ['8', '12', undefined, '13, 8', 'x']) {
  test(`WS-HS-04, W-04: version ${version}: refused, and told which one is spoken`, async (t) => {
    const bench = await startBench(t);
    const client = await refused(bench, [400, 426], { headers: { 'Sec-WebSocket-Version': version } });
    assert.equal(client.headers['sec-websocket-version'], '13');
  });
}

test('WS-HS-05, W-07: with a list of origins, foreign ones and null are refused', async (t) => {
  const bench = await startBench(t, { origins: ['https://app.example'] });
  for (const Origin of ['https://evil.test', 'null', 'https://app.example.evil.test', 'http://app.example']) {
    await refused(bench, [403], { headers: { Origin } });
  }
  assert.equal((await bench.socket({ headers: { Origin: 'https://app.example' } })).status, 101);
  assert.equal((await bench.socket()).status, 101);
});

test('WS-HS-05, W-07: clients without an Origin follow their own switch', async (t) => {
  const bench = await startBench(t, { origins: ['https://app.example'], allowMissingOrigin: false });
  await refused(bench, [403], {});
});

test('WS-HS-06: no extension is answered that was not offered', async (t) => {
  const bench = await startBench(t);
  assert.equal((await bench.socket()).headers['sec-websocket-extensions'], undefined);
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-foo' };
  const answer = (await bench.socket({ headers: offer })).headers['sec-websocket-extensions'];
  if (answer !== undefined) assert.match(answer, /^permessage-deflate/);
});

test('WS-HS-06: a broken offer of extensions is refused or ignored', async (t) => {
  const bench = await startBench(t);
  for (const offer of ['permessage-deflate; server_max_window_bits=99', ';;;', 'x'.repeat(5000)]) {
    const { status } = await bench.socket({ headers: { 'Sec-WebSocket-Extensions': offer } });
    assert.ok(status === 101 || status === 400);
  }
});

test('WS-HS-07: a plain GET on the WebSocket path, and the connection goes on', async (t) => {
  const bench = await startBench(t);
  const http = await bench.http();
  const answer = await http.request({ method: 'GET', path: '/xmpp-websocket' });
  assert.ok(answer.status === 426 || answer.status === 200);
  assert.equal((await http.request({ method: 'GET', path: '/http-bind/' })).status, 200);
});

test('WS-HS-07: a POST on the WebSocket path is no BOSH', async (t) => {
  const bench = await startBench(t);
  const { status } = await bench.request({ path: '/xmpp-websocket', body: '<body/>' });
  assert.ok(status >= 400);
});

test('an upgrade on the BOSH path is WebSocket, as the configuration says; on any other path it is refused', async (t) => {
  const bench = await startBench(t);
  for (const path of ['/xmpp-websocket', '/xmpp-websocket/', '/http-bind', '/http-bind/']) {
    assert.equal((await bench.socket({ path })).status, 101, path);
  }
  await refused(bench, [404], { path: '/other' });
});

test('W-08: what comes with the handshake is processed after it', async (t) => {
  const bench = await startBench(t);
  const early = frame(`<open xmlns='${FRAMING}' to='example.com' version='1.0'/>`);
  const client = await bench.socket({ early });
  assert.equal(client.status, 101);
  await (await bench.u.accept()).negotiate();
  assert.match(await client.message(), /^<open /);
});
