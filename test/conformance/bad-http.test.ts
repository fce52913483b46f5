import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { startBench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import { requestBytes, type RawHttp } from '../support/raw-http.ts';

const PATH = '/http-bind/';
const creation = body({ rid: 1, to: 'example.com', ver: '1.11' });
const post = (more: string, content = creation): string =>
  `POST ${PATH} HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${Buffer.byteLength(content)}\r\n\r\n${content}`;

/** The status of the answer; 0 where the connection was closed without one. */
async function statusOf(http: RawHttp, patienceMs?: number): Promise<number> {
  try {
    return (await http.response(patienceMs)).status;
  } catch (error) {
    if (http.isClosed) return 0;
    throw error;
  }
}

/** Bytes that never reach BOSH, the statuses that are right (0: closed without an answer), and whether the connection is closed. */
// prettier-ignore
const REFUSED: readonly (readonly [id: string, what: string, bytes: string, statuses: readonly number[], closes?: true])[] = [
  ['H-01', 'unknown method', post('').replace('POST', 'FOO'), [400, 405, 501]],
  ['H-01', 'method in lower case', post('').replace('POST', 'post'), [400, 501], true],
  ['H-03', 'CONNECT', 'CONNECT internal:22 HTTP/1.1\r\nHost: internal:22\r\n\r\n', [0, 400, 405], true],
  ['H-05', 'no Host', post('').replace('Host: a\r\n', ''), [400]],
  ['H-06', 'two Hosts', post('Host: b\r\n'), [400]],
  ['H-07', 'Content-Length and Transfer-Encoding', post('Transfer-Encoding: chunked\r\n'), [400], true],
  ['H-08', 'two Content-Lengths, equal', post(`Content-Length: ${creation.length}\r\n`), [400], true],
  ['H-08', 'two Content-Lengths, different', post('Content-Length: 3\r\n'), [400], true],
  ...['-3', '+3', '0x3', '3,3', '9'.repeat(30)].map((length) =>
    ['H-09', `Content-Length: ${length}`, `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nabc`, [400, 413], true] as const),
  ...['xchunked', 'chunked, identity', 'gzip, chunked'].map((coding) =>
    ['H-10', `Transfer-Encoding: ${coding}`, `POST ${PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, [400, 501]] as const),
  ['H-12', 'bare LF', post('').replaceAll('\r\n', '\n'), [400], true],
  ['H-12', 'folded header', post('X-A: b\r\n c\r\n'), [400], true],
  ['H-12', 'space before the colon', post('X-A : b\r\n'), [400], true],
  ['H-12', 'NUL in a header', post('X-A: b\0c\r\n'), [400], true],
  ['H-13', 'header block of 20 kB', post(`X-A: ${'x'.repeat(20_000)}\r\n`), [431], true],
  ['H-14', '3000 headers', post(Array.from({ length: 3000 }, (_, i) => `a${i}:\r\n`).join('')), [431]],
  ['H-14', '300 headers', post(Array.from({ length: 300 }, (_, i) => `a${i}:\r\n`).join('')), [431]],
  ['H-15', 'target of 10 kB', post('').replace(PATH, `${PATH}?${'x'.repeat(10_000)}`), [414, 431]],
  ['H-26', 'Expect: 200-ok', post('Expect: 200-ok\r\n'), [417]],
  ['H-30', 'TLS on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [0, 400], true],
  ['H-31', 'HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [0, 400, 505], true],
  ['H-32', 'HTTP/0.9', 'POST /http-bind\r\n\r\n', [0, 400, 505], true],
  ['H-33', 'HTTP/2.0 as text', post('').replace('HTTP/1.1', 'HTTP/2.0'), [505, 400]],
  ['H-23', 'a coding that was not offered', post('Content-Encoding: br\r\n'), [415]],
  ['H-25', 'two codings', post('Content-Encoding: gzip, gzip\r\n'), [400, 415]],
  ...['/http-bind/../x', '//http-bind', '/%68ttp-bind', '/http-bind%00', '/http-bind/x', '/HTTP-BIND'].map((path) =>
    ['H-39', path, post('').replace(PATH, path), [400, 404]] as const),
];

for (const [id, what, bytes, statuses, closes] of REFUSED) {
  test(`${id}: ${what}: ${statuses.join(' or ')}`, async (t) => {
    const bench = await startBench(t);
    const http = await bench.http();
    http.write(Buffer.from(bytes, 'latin1'));
    const status = await statusOf(http);
    assert.ok(statuses.includes(status), `${status}`);
    if (closes === true) await http.closed();
    await bench.proveHealthy();
  });
}

test('H-04: a GET with a BOSH body, or with one in the query, creates nothing', async (t) => {
  const bench = await startBench(t);
  const http = await bench.http();
  http.write(post('').replace('POST', 'GET'));
  assert.ok([200, 404, 405].includes((await http.response()).status));
  const { status, text } = await bench.request({ method: 'GET', path: `${PATH}?${encodeURIComponent(creation)}` });
  assert.ok([200, 404, 405].includes(status));
  assert.doesNotMatch(text, /sid=/);
  await bench.proveHealthy();
});

test('BOSH-SCRIPT-02: no callback is reflected from a request that is no BOSH', async (t) => {
  const bench = await startBench(t);
  const { text, header } = await bench.request({ method: 'GET', path: `${PATH}?callback=alert(1)&x=1` });
  assert.doesNotMatch(text, /alert/);
  assert.equal(header('x-content-type-options'), 'nosniff');
});

for (const [id, bytes] of [
  ['H-16', `POST ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`],
  ['H-17', `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`],
] as const) {
  test(`${id}: a POST without a body is bad-request`, async (t) => {
    const bench = await startBench(t);
    const http = await bench.http();
    http.write(bytes);
    const response = await http.response();
    if (response.status !== 411) assert.equal(readAnswer(response).condition, 'bad-request');
    await bench.proveHealthy();
  });
}

for (const leave of ['end', 'reset'] as const) {
  test(`H-18: a body that is cut short (${leave}) has no effect`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.session();
    const http = await bench.http();
    const text = body({ rid: client.rid + 1, sid: client.sid }, "<message xmlns='jabber:client' id='no'/>");
    await http.trickle([requestBytes({ body: text, headers: { 'Content-Length': String(text.length + 1) } })]);
    http[leave]();
    await http.closed();
    await client.send("<message xmlns='jabber:client' id='alive'/>");
    await server.expect('alive');
  });
}

test('H-19: a body that trickles is cut at the request deadline; the session lives', async (t) => {
  const bench = await startBench(t, { requestSeconds: 1 });
  const { client, server } = await bench.session();
  const http = await bench.http();
  http.write(requestBytes({ headers: { 'Content-Length': '100' } }));
  const timer = setInterval(() => http.write('x'), 100);
  t.after(() => clearInterval(timer));
  assert.ok([0, 408].includes(await statusOf(http)));
  await http.closed();
  await client.send("<message xmlns='jabber:client' id='alive'/>");
  await server.expect('alive');
});

test('H-20: headers that trickle are cut', async (t) => {
  const bench = await startBench(t, { requestSeconds: 1 });
  const http = await bench.http();
  http.write(`POST ${PATH} HTTP/1.1\r\nHost: a\r\n`);
  const timer = setInterval(() => http.write('X-A: b\r\n'), 100);
  t.after(() => clearInterval(timer));
  assert.ok([0, 408].includes(await statusOf(http)));
  await bench.proveHealthy();
});

test('H-21: a Content-Length above the limit is refused at once, unread', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 10_000 });
  const http = await bench.http();
  http.write(requestBytes({ headers: { 'Content-Length': '50000000' } }));
  const { status, header } = await http.response();
  assert.deepEqual([status, header('connection')], [413, 'close']);
  await bench.proveHealthy();
});

test('H-22: an endless chunked body is refused when it crosses the limit', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 10_000 });
  const http = await bench.http();
  http.write(requestBytes({ headers: { 'Transfer-Encoding': 'chunked' } }));
  for (let i = 0; i < 11; i++) http.write(`3e8\r\n${'x'.repeat(1000)}\r\n`);
  assert.equal(await statusOf(http), 413);
  await bench.proveHealthy();
});

test('H-23, H-24, H-25: what is coded is decoded or refused, never taken for text; bombs and trailing bytes are stopped', async (t) => {
  const bench = await startBench(t);
  const headers = { 'Content-Encoding': 'gzip' };
  const good = gzipSync(creation);
  for (const coded of [
    gzipSync(Buffer.alloc(50_000_000)),
    good.subarray(0, -5),
    Buffer.concat([good, Buffer.from('x')]),
    Buffer.from('x'),
  ]) {
    const response = await bench.request({ path: PATH, headers, body: coded });
    if (response.status === 200) assert.match(readAnswer(response).condition ?? '', /^(bad-request|policy-violation)$/);
    else assert.ok([400, 413, 415].includes(response.status), `${response.status}`);
  }
  await bench.proveHealthy();
});

test('H-27: a client that accepts nothing gets an identity answer', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const response = await bench.request({
    path: PATH,
    headers: { 'Accept-Encoding': 'identity;q=0, *;q=0' },
    body: creation,
  });
  assert.ok(response.status === 406 || readAnswer(response).attributes['sid'] !== undefined);
});

test('BOSH-HTTP-06: an answer is coded only where this request asked for it', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  for (const accept of [undefined, 'gzip;q=0, deflate;q=0', 'identity']) {
    const headers = accept === undefined ? {} : { 'Accept-Encoding': accept };
    assert.equal((await bench.request({ path: PATH, headers, body: creation })).header('content-encoding'), undefined);
  }
});

test('H-29: an absolute target counts by its path, and is never proxied', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const http = await bench.http();
  http.write(post('').replace(PATH, 'http://other.test/http-bind'));
  const response = await http.response();
  assert.ok([400, 421].includes(response.status) || readAnswer(response).attributes['sid'] !== undefined);
});

test('H-34: a thousand pipelined requests end the session, not the process', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session({ hold: 1 });
  const http = await bench.http();
  const one = (rid: number) => requestBytes({ body: body({ rid, sid: client.sid }, '<x/>') });
  http.write(Buffer.concat(Array.from({ length: 1000 }, (_, i) => one(client.rid + 3 + i))));
  assert.equal(readAnswer(await http.response()).condition, 'item-not-found');
  http.reset();
  await bench.proveHealthy();
});

test('H-34: pipelined requests in order are all answered', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const http = await bench.http();
  const one = (rid: number) =>
    requestBytes({ body: body({ rid, sid: client.sid }, `<message xmlns='jabber:client' id='${rid}'/>`) });
  http.write(Buffer.concat(Array.from({ length: 200 }, (_, i) => one(client.rid + 1 + i))));
  for (let i = 0; i < 200; i++) await server.expect(`id='${client.rid + 1 + i}'`);
  for (let i = 0; i < 199; i++) assert.equal(readAnswer(await http.response()).type, undefined);
});

test('H-37: a client that never reads its answers: memory is bounded, and what it missed can be had again', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send();
  held.http.socket.pause();
  const taken = await server.flood(`<message><body>${'x'.repeat(1000)}</body></message>`, 50_000_000);
  assert.ok(taken < 12_000_000, `the gateway took ${taken} bytes`);
  held.abort();
  assert.match((await (await client.again(held.rid)).answer).text, /<message/);
});

test('H-38: a thousand idle connections do not keep others out', async (t) => {
  const bench = await startBench(t);
  for (let i = 0; i < 1000; i++) await bench.http();
  await bench.proveHealthy();
});

const frame = (type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
const [HEADERS, RST_STREAM, SETTINGS, CONTINUATION] = [1, 3, 4, 9];
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

for (const [name, frames] of [
  ['1e5 SETTINGS', Array.from({ length: 100_000 }, () => frame(SETTINGS, 0, 0))],
  ['streams without a window', [frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]))]],
  [
    'a flood of CONTINUATION',
    [frame(HEADERS, 0, 1), ...Array.from({ length: 50_000 }, () => frame(CONTINUATION, 0, 1))],
  ],
  [
    'rapid reset',
    Array.from({ length: 20_000 }, (_, i) =>
      Buffer.concat([frame(HEADERS, 4, 2 * i + 1), frame(RST_STREAM, 0, 2 * i + 1, Buffer.alloc(4))]),
    ),
  ],
] as const) {
  test(`H-42: HTTP/2, which is not spoken here, with ${name}: the connection is closed, the process is healthy`, async (t) => {
    const bench = await startBench(t);
    const http = await bench.http();
    http.write(Buffer.concat([Buffer.from(PREFACE), ...frames]));
    await http.closed();
    assert.equal(bench.gateway.stats().sessions, 0);
    await bench.proveHealthy();
  });
}
