import assert from 'node:assert/strict';
import test from 'node:test';
import { runInNewContext } from 'node:vm';
import { startBench, type Bench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import type { RawResponse } from '../support/raw-http.ts';

const PATH = '/http-bind/';
const creation = body({ rid: 1000, to: 'example.com', ver: '1.11', hold: 1, wait: 60 });
const message = (text: string): string => `<message xmlns='jabber:client'><body>${text}</body></message>`;

function get(bench: Bench, query: Readonly<Record<string, string>> | string, headers = {}): Promise<RawResponse> {
  const text =
    typeof query === 'string'
      ? query
      : Object.entries(query)
          .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
          .join('&');
  return bench.request({ method: 'GET', path: `${PATH}?${text}`, headers });
}

/** Runs the script as a page would; what the callback was given. */
function run(response: RawResponse, callback: string): string {
  assert.equal(response.status, 200);
  assert.equal(response.header('content-type'), 'text/javascript; charset=utf-8');
  assert.deepEqual(
    [response.header('x-content-type-options'), response.header('cache-control')],
    ['nosniff', 'no-store'],
  );
  assert.ok(response.text.startsWith(`/**/${callback}({"reply":"`) && response.text.endsWith('"});'), response.text);
  assert.equal(Number(response.header('content-length')), response.bytes.length);
  const given: { reply: string }[] = [];
  const name = callback.split('.');
  const page: Record<string, unknown> = {};
  let at = page;
  for (const part of name.slice(0, -1)) at = at[part] = {} as Record<string, unknown>;
  at[name.at(-1) as string] = (value: { reply: string }) => given.push(value);
  runInNewContext(response.text, page);
  assert.equal(given.length, 1);
  return (given[0] as { reply: string }).reply;
}

const answerIn = (response: RawResponse, callback: string) => {
  const text = run(response, callback);
  return readAnswer({ ...response, text, bytes: Buffer.from(text) });
};

test('decision 5: a whole session by GET and JSONP, in node-xmpp-bosh’s form', async (t) => {
  const bench = await startBench(t);
  const [server, created] = await Promise.all([
    bench.u.accept().then(async (connection) => {
      await connection.negotiate();
      return connection;
    }),
    get(bench, { data: creation, callback: 'cb' }),
  ]);
  const { sid } = answerIn(created, 'cb').attributes;
  assert.ok(sid);
  const odd = 'a"b\\c\u2028d\u2029e&lt;/script&gt;😀\u00ad\u200b+ %';
  const held = get(bench, {
    data: body({ rid: 1001, sid }, message(odd)),
    callback: '$x.y_1',
    v: String(Math.random()),
  });
  assert.match(await server.expect('<message'), /a"b\\c\u2028d\u2029e&lt;\/script&gt;😀\u00ad\u200b\+ %/);
  server.send(message(odd));
  const response = await held;
  assert.doesNotMatch(response.text, /[<>&\u2028\u2029\p{Cf}]/u, 'safe in every script, inside a page too');
  assert.match(answerIn(response, '$x.y_1').text, /a"b\\c\u2028d\u2029e&lt;\/script(>|&gt;)😀\u00ad\u200b\+ %/);
  const end = get(bench, { data: body({ rid: 1002, sid, type: 'terminate' }), callback: 'cb' });
  await server.expectEnd();
  server.end();
  assert.equal(answerIn(await end, 'cb').type, 'terminate');
});

test('decision 5: without a callback the answer is the body itself', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const response = await get(bench, { data: creation });
  assert.match(response.header('content-type') ?? '', /^text\/xml/);
  assert.deepEqual(
    [response.header('x-content-type-options'), response.header('cache-control')],
    ['nosniff', 'no-store'],
  );
  assert.ok(readAnswer(response).attributes['sid']);
});

test('decision 5: refusals come as scripts too, with a status that lets them run', async (t) => {
  const bench = await startBench(t);
  for (const data of ['<wrong', body({ rid: 1, to: 'example.com', hold: 'x' }), body({ rid: 5, sid: 'nobody' })]) {
    assert.equal(answerIn(await get(bench, { data, callback: 'cb' }), 'cb').type, 'terminate');
  }
  await bench.proveHealthy();
});

for (const callback of [
  'alert(1)',
  'a;b',
  '',
  '1a',
  'a-b',
  'a b',
  "a'b",
  'a<b',
  'ä',
  'a\n',
  'a'.repeat(65),
  '//a',
  '\u2028a',
]) {
  test(`BOSH-SCRIPT-02: the callback ${JSON.stringify(callback)} is refused, and nothing is processed`, async (t) => {
    const bench = await startBench(t);
    const response = await get(bench, { callback, data: creation });
    assert.equal(response.status, 400);
    assert.match(response.header('content-type') ?? '', /^text\/plain/);
    assert.equal(response.header('x-content-type-options'), 'nosniff');
    if (callback.length > 1) assert.ok(!response.text.includes(callback));
    await bench.proveHealthy();
  });
}

test('BOSH-SCRIPT-02: malformed queries are refused, and nothing is processed', async (t) => {
  const bench = await startBench(t);
  const data = `data=${encodeURIComponent(creation)}`;
  for (const query of [
    `${data}&${data}`,
    `${data}&callback=a&callback=b`,
    'data=%',
    'data=%C3%28',
    `${data}&callback=%`,
  ]) {
    assert.equal((await get(bench, query)).status, 400, query);
  }
  await bench.proveHealthy();
});

test('BOSH-SCRIPT-01, H-04: XEP-0252’s form is not spoken', async (t) => {
  const bench = await startBench(t);
  for (const query of [
    encodeURIComponent(creation),
    creation.replaceAll(' ', '%20'),
    `${encodeURIComponent(creation)}&data=x`,
  ]) {
    const { status, text } = await get(bench, query);
    assert.equal(status, 404, query);
    assert.doesNotMatch(text, /_BOSH_|sid/);
  }
  await bench.proveHealthy();
});

test('BOSH-HTTP-01: a GET without data gets the page, whatever else is in its query', async (t) => {
  const bench = await startBench(t);
  for (const query of ['', 'room=x&token=y', 'callback=alert', 'mydata=1', 'x=data=']) {
    const { status, text } = await get(bench, query);
    assert.equal(status, 200);
    assert.match(text, /BOSH endpoint/);
    assert.doesNotMatch(text, /alert/);
  }
  await bench.proveHealthy();
});

test('H-44: HEAD never carries BOSH', async (t) => {
  const bench = await startBench(t);
  const http = await bench.http();
  http.write(`HEAD ${PATH}?data=${encodeURIComponent(creation)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await http.closed();
  await bench.proveHealthy();
});

test('decision 5: GET is off where origins are restricted, or where it is switched off', async (t) => {
  for (const settings of [{ origins: ['https://app.example'] }, { getRequests: false }]) {
    const bench = await startBench(t, settings);
    for (const headers of [{}, { Origin: 'https://app.example' }]) {
      const response = await get(bench, { data: creation, callback: 'cb' }, headers);
      assert.equal(response.status, 404);
      assert.doesNotMatch(response.text, /cb|sid/);
    }
    assert.equal((await get(bench, '')).status, 200);
    await bench.proveHealthy();
  }
});

test('decision 5: switched on by name, GET works with restricted origins, but not for a foreign one', async (t) => {
  const bench = await startBench(t, { origins: ['https://app.example'], getRequests: true }, { autoLogin: true });
  assert.ok(answerIn(await get(bench, { data: creation, callback: 'cb' }), 'cb').attributes['sid']);
  const foreign = await get(bench, { data: creation, callback: 'cb' }, { Origin: 'https://evil.test' });
  assert.equal(foreign.status, 403);
});

test('H-15, decision 5: long targets: data may have what is set, all else 8192 bytes', async (t) => {
  const bench = await startBench(t, { maxGetBytes: 20_000 }, { autoLogin: true });
  const padded = (length: number): string => `data=${encodeURIComponent(creation)}&pad=${'x'.repeat(length)}`;
  assert.ok(readAnswer(await get(bench, padded(18_000))).attributes['sid']);
  assert.equal((await get(bench, padded(20_000))).status, 414);
  assert.equal((await bench.request({ path: `${PATH}?${'x'.repeat(9000)}`, body: creation })).status, 414);
  assert.equal((await bench.request({ method: 'GET', path: `/else?${'x'.repeat(9000)}` })).status, 414);
  const off = await startBench(t, { getRequests: false });
  assert.equal((await get(off, padded(9000))).status, 414);
});

test('H-13: a longer target for GET allows no longer fields', async (t) => {
  const bench = await startBench(t);
  for (const method of ['GET', 'POST']) {
    const headers = { 'X-A': 'x'.repeat(9000), 'X-B': 'x'.repeat(9000) };
    assert.equal((await bench.request({ method, path: PATH, headers, body: '' })).status, 431);
  }
});

test('decision 5: data has the limit of a body', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 10_000, maxGetBytes: 32_768 });
  const response = await get(bench, `data=${encodeURIComponent(creation)}${'x'.repeat(10_000)}`);
  assert.equal(response.status, 413);
  await bench.proveHealthy();
});
