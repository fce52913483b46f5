import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startBench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import { chunked, requestBytes } from '../support/raw-http.ts';

const creation = (attributes = {}): string =>
  body({ rid: 1000, to: 'example.com', ver: '1.11', hold: 1, wait: 60, ...attributes });
const PATH = '/http-bind/';

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
  test(`BOSH-HTTP-01, H-02, H-44: ${method} carries no BOSH`, async (t) => {
    const bench = await startBench(t);
    const http = await bench.http();
    http.write(requestBytes({ method, path: PATH, body: method === 'HEAD' ? undefined : creation() }));
    if (method !== 'HEAD') {
      const { status, header } = await http.response();
      if (method === 'GET') assert.equal(status, 200);
      else assert.deepEqual([status, header('allow')?.includes('POST')], [405, true]);
    }
    await bench.proveHealthy();
  });
}

test('BOSH-HTTP-01: the path works with and without its final slash', async (t) => {
  const bench = await startBench(t);
  for (const path of ['/http-bind', '/http-bind/', '/http-bind?x=y']) {
    const { client, server } = await bench.session({}, { path });
    assert.ok(client.sid, path);
    server.reset();
  }
});

test('BOSH-HTTP-03, H-28: the request Content-Type is ignored', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    'text/xml; charset=utf-16',
  ];
  for (const type of [undefined, ...types]) {
    const headers = type === undefined ? {} : { 'Content-Type': type };
    const answer = readAnswer(await bench.request({ path: PATH, headers, body: creation() }));
    assert.ok(answer.attributes['sid'], type);
  }
});

test('BOSH-HTTP-04: answers have a Content-Length in bytes and are never chunked', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send();
  server.send('<message><body>😀é</body></message>');
  const { response } = await held.answer;
  assert.equal(Number(response.header('content-length')), response.bytes.length);
  assert.equal(response.header('transfer-encoding'), undefined);
  assert.match(response.text, /😀é/);
});

test('BOSH-HTTP-05: a body may come chunked, one byte a chunk', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const http = await bench.http();
  http.write(requestBytes({ path: PATH, headers: { 'Transfer-Encoding': 'chunked' } }));
  await http.trickle(chunked(creation(), 1));
  assert.ok(readAnswer(await http.response()).attributes['sid']);
});

test('BOSH-HTTP-05: a body may be cut inside a character', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const text = body({ rid: ++client.rid, sid: client.sid }, "<message xmlns='jabber:client'>a😀b</message>");
  const bytes = requestBytes({ path: PATH, body: text });
  const at = bytes.indexOf('😀') + 2;
  const http = await bench.http();
  await http.trickle([bytes.subarray(0, at), bytes.subarray(at)]);
  await server.expect('a😀b');
});

test('BOSH-HTTP-05: Expect: 100-continue is answered, then the request', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const http = await bench.http();
  const bytes = Buffer.from(creation());
  http.write(requestBytes({ path: PATH, headers: { Expect: '100-continue', 'Content-Length': String(bytes.length) } }));
  assert.equal((await http.response()).status, 100);
  http.write(bytes);
  assert.ok(readAnswer(await http.response()).attributes['sid']);
});

test('BOSH-HTTP-07: an HTTP/1.0 client works; the connection is closed after each answer', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const http = await bench.http();
  const response = await http.request({ path: PATH, version: '1.0', body: creation() });
  assert.ok(readAnswer(response).attributes['sid']);
  assert.equal(response.header('transfer-encoding'), undefined);
  await http.closed();
});

test('BOSH-HTTP-07: an HTTP/1.0 client that asks for it keeps its connection', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const http = await bench.http();
  for (let i = 0; i < 2; i++) {
    const headers = { Connection: 'keep-alive' };
    const response = await http.request({ path: PATH, version: '1.0', headers, body: creation({ rid: 5 }) });
    assert.ok(readAnswer(response).attributes['sid']);
  }
});

test('BOSH-HTTP-07: a client that closes its side while a long answer is under way gets the whole of it', async (t) => {
  const bench = await startBench(t, { maxStanzaBytes: 20_000_000 });
  const { client, server } = await bench.session();
  const http = await bench.http();
  http.write(requestBytes({ body: body({ rid: client.rid + 1, sid: client.sid }) }));
  const text = 'x'.repeat(12_000_000);
  server.send(`<message id='long'><body>${text}</body></message>`);
  await once(http.socket, 'data');
  http.socket.pause();
  http.end();
  await delay(100);
  http.socket.resume();
  assert.ok((await http.response()).text.includes(text));
  await http.closed();
});

test('BOSH-HTTP-08: a session is sid and rid alone: each request on a new connection, with other cookies', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  for (let i = 0; i < 5; i++) {
    const text = body({ rid: ++client.rid, sid: client.sid }, `<message xmlns='jabber:client' id='m${i}'/>`);
    const answer = client.post(text, { Cookie: `id=${i}` });
    await server.expect(`m${i}`);
    server.send('<message/>');
    assert.equal((await answer).status, 200);
  }
});

test('BOSH-HTTP-09: one connection serves request after request', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const http = await bench.http();
  for (let i = 0; i < 5; i++) {
    const answer = http.request({
      path: PATH,
      body: body({ rid: ++client.rid, sid: client.sid }, "<iq xmlns='jabber:client'/>"),
    });
    await server.expect('<iq');
    server.send('<iq/>');
    assert.equal((await answer).header('connection'), 'keep-alive');
  }
  assert.equal(http.isClosed, false);
});

test('BOSH-HTTP-09: an idle connection is kept longer than a session may be inactive', async (t) => {
  const bench = await startBench(t, { keepAliveSeconds: 75 });
  const { header } = await bench.request({ method: 'GET', path: PATH });
  assert.ok(Number(/timeout=(\d+)/.exec(header('keep-alive') ?? '')?.[1] ?? Infinity) >= 70);
});

test('BOSH-HTTP-10: unknown headers change nothing', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const noise = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`X-Noise-${i}`, 'z'.repeat(i)]));
  const headers = { ...noise, Cookie: 'a=b', Referer: 'http://localhost/' };
  const answer = readAnswer(await bench.request({ path: PATH, headers, body: creation() }));
  assert.ok(answer.attributes['sid']);
});

test('BOSH-HTTP-11: pipelined requests: the second frees the first; answers come in order', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const http = await bench.http();
  const texts = ['one', 'two'].map((id) =>
    body({ rid: ++client.rid, sid: client.sid }, `<message xmlns='jabber:client' id='${id}'/>`),
  );
  http.write(Buffer.concat(texts.map((text) => requestBytes({ path: PATH, body: text }))));
  await server.expect('one');
  await server.expect('two');
  assert.deepEqual(readAnswer(await http.response()).payload, []);
  server.send("<message id='three'/>");
  assert.match((await http.response()).text, /three/);
});

test('BOSH-HTTP-12: no timer of HTTP cuts a held request', async (t) => {
  const bench = await startBench(t, { requestSeconds: 1, keepAliveSeconds: 1 });
  const { client } = await bench.session({ wait: 3 });
  const held = await client.send();
  const answer = await held.answer;
  assert.deepEqual([answer.status, answer.type, answer.payload.length], [200, undefined, 0]);
  assert.ok(answer.response.at - held.sentAt > 2900);
});

test('BOSH-HTTP-13: session, stanza, error and refusal say no-store and nosniff', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send();
  server.send('<message/>');
  const answers = [
    (await held.answer).response,
    (await client.ask('', { rid: 9_000_000 })).response,
    await client.post('<wrong/>'),
    await bench.request({ method: 'PUT', path: PATH }),
  ];
  for (const { header, text } of answers) {
    assert.deepEqual([header('cache-control'), header('x-content-type-options')], ['no-store', 'nosniff'], text);
  }
});

test('BOSH-HTTP-16: the path can be configured', async (t) => {
  const bench = await startBench(t, { path: '/bosh' }, { autoLogin: true });
  assert.ok(readAnswer(await bench.request({ path: '/bosh/', body: creation() })).attributes['sid']);
  assert.equal((await bench.request({ path: PATH, body: creation() })).status, 404);
});
