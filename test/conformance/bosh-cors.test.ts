import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import type { RawResponse } from '../support/raw-http.ts';

const PATH = '/http-bind/';
const APP = 'https://app.example';
const creation = body({ rid: 1000, to: 'example.com', ver: '1.11' });
const allowed = ({ header }: RawResponse): string | undefined => header('access-control-allow-origin');

function preflight(origin: string, more: Readonly<Record<string, string>> = {}) {
  const headers = {
    Origin: origin,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'content-type',
    ...more,
  };
  return { method: 'OPTIONS', path: PATH, headers };
}

test('BOSH-CORS-01: a preflight is granted and has no effect', async (t) => {
  const bench = await startBench(t);
  const response = await bench.request(preflight(APP));
  assert.ok(response.status === 200 || response.status === 204);
  assert.match(response.header('access-control-allow-methods') ?? '', /\bPOST\b/);
  assert.match(response.header('access-control-allow-headers') ?? '', /content-type/i);
  assert.ok(Number(response.header('access-control-max-age')) > 0);
  assert.ok(allowed(response) === '*' || allowed(response) === APP);
  await bench.proveHealthy();
});

test('H-41: a preflight for 500 headers is told the configured names only', async (t) => {
  const bench = await startBench(t);
  const names = Array.from({ length: 500 }, (_, i) => `x-${i}`).join(',');
  const response = await bench.request(preflight(APP, { 'Access-Control-Request-Headers': names }));
  assert.doesNotMatch(response.header('access-control-allow-headers') ?? '', /x-1\b/);
});

test('BOSH-CORS-02: every answer carries Allow-Origin, errors of each kind too', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 10_000, inactivitySeconds: 1 });
  const headers = { Origin: APP };
  const post = (text: string | undefined) => bench.request({ path: PATH, headers, body: text });
  const answers = [
    await post('<wrong/>'),
    await post(body({ rid: 1, to: 'unknown.test' })),
    await post(body({ rid: 1, sid: 'nobody' })),
    await post(body({ rid: 1, to: 'unknown.test', ver: '1.11' })),
    await post('x'.repeat(10_001)),
    await bench.request({ method: 'PUT', path: PATH, headers }),
    await bench.request({ method: 'GET', path: PATH, headers }),
    await bench.request({ path: PATH, headers: { ...headers, 'Content-Encoding': 'br' }, body: 'x' }),
  ];
  for (const response of answers) assert.ok(allowed(response), `${response.status} ${response.text}`);
});

test('BOSH-CORS-02: what the HTTP layer itself refuses carries Allow-Origin too', async (t) => {
  const bench = await startBench(t);
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`X-${i}`, '1']));
  const tooMany = await bench.request({ path: PATH, headers: { Origin: APP, ...many }, body: creation });
  assert.deepEqual([tooMany.status, allowed(tooMany)], [431, '*']);
});

test('BOSH-CORS-03: each allowed origin sees its own value, with Vary', async (t) => {
  const bench = await startBench(t, { origins: [APP, 'http://localhost:8000'] });
  for (const origin of [APP, 'http://localhost:8000']) {
    for (const request of [preflight(origin), { path: PATH, headers: { Origin: origin }, body: '<wrong/>' }]) {
      const response = await bench.request(request);
      assert.equal(allowed(response), origin);
      assert.match(response.header('vary') ?? '', /Origin/i);
    }
  }
});

for (const origin of [
  'https://app.example.evil.test',
  'https://app.example:8443',
  'http://app.example',
  'https://evil.test',
  'https://sub.app.example',
  'null',
]) {
  test(`BOSH-CORS-05, BOSH-CORS-06, H-43: ${origin} is refused where it is not listed, before anything is read`, async (t) => {
    const bench = await startBench(t, { origins: [APP] });
    for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded']) {
      const headers = { Origin: origin, 'Content-Type': type };
      const response = await bench.request({ path: PATH, headers, body: creation });
      assert.deepEqual([response.status, allowed(response)], [403, undefined]);
    }
    assert.equal(allowed(await bench.request(preflight(origin))), undefined);
    await bench.proveHealthy();
  });
}

test('BOSH-CORS-04: with credentials, the exact origin and `true`', async (t) => {
  const bench = await startBench(t, { origins: [APP], credentials: true });
  const response = await bench.request({ path: PATH, headers: { Origin: APP, Cookie: 'a=b' }, body: '<wrong/>' });
  assert.deepEqual([allowed(response), response.header('access-control-allow-credentials')], [APP, 'true']);
});

test('BOSH-CORS-04: without credentials there is no such header', async (t) => {
  const bench = await startBench(t);
  const response = await bench.request({ path: PATH, headers: { Origin: APP, Cookie: 'a=b' }, body: '<wrong/>' });
  assert.equal(response.header('access-control-allow-credentials'), undefined);
});

test('BOSH-CORS-07: private networks are not opened unless configured', async (t) => {
  const bench = await startBench(t);
  const response = await bench.request(preflight(APP, { 'Access-Control-Request-Private-Network': 'true' }));
  assert.equal(response.header('access-control-allow-private-network'), undefined);
});

test('H-40: an odd Origin is never reflected', async (t) => {
  const bench = await startBench(t, { origins: [APP] });
  for (const origin of [`https://${'a'.repeat(8000)}`, `${APP}"'<x>`, `${APP}, https://evil.test`]) {
    const response = await bench.request({ path: PATH, headers: { Origin: origin }, body: creation });
    assert.deepEqual([response.status, allowed(response)], [403, undefined]);
  }
  const http = await bench.http();
  http.write(
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\nOrigin: ${APP}\r\nOrigin: https://evil.test\r\nContent-Length: 0\r\n\r\n`,
  );
  assert.equal((await http.response()).status, 403);
});

test('BOSH-CORS-05: a client without an Origin is no web page, and follows its own switch', async (t) => {
  const open = await startBench(t, { origins: [APP] }, { autoLogin: true });
  assert.ok(readAnswer(await open.request({ path: PATH, body: creation })).attributes['sid']);
  const closed = await startBench(t, { origins: [APP], allowMissingOrigin: false });
  assert.equal((await closed.request({ path: PATH, body: creation })).status, 403);
});
