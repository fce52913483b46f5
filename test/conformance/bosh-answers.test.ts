import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { XmlDocument } from 'libxml2-wasm';
import { ConfigError } from '../../src/config/config-error.ts';
import { parseSettings } from '../../src/config/schema.ts';
import { createGateway } from '../../src/gateway.ts';
import { startBench } from '../support/bench.ts';
import { HTTPBIND, body, readAnswer } from '../support/bosh-client.ts';
import { requestBytes, type RawResponse } from '../support/raw-http.ts';

const PATH = '/http-bind/';
const APP = 'https://app.example';
const creation = body({ rid: 1000, to: 'example.com', ver: '1.11' });

const preflight = (more: Readonly<Record<string, string>> = {}) => ({
  method: 'OPTIONS',
  path: PATH,
  headers: { Origin: APP, 'Access-Control-Request-Method': 'POST', ...more },
});

test('decision 2: the operator’s headers are on every answer, and pages may read them', async (t) => {
  const headers = { 'X-Jitsi-Shard': 's1', 'Strict-Transport-Security': 'max-age=1' };
  const bench = await startBench(t, { headers, maxBodyBytes: 10_000 });
  const { client, server } = await bench.session();
  const held = await client.send();
  server.send('<message/>');
  const origin = { Origin: APP };
  const answers: RawResponse[] = [
    (await held.answer).response,
    (await bench.bosh().ask('', { sid: 'nobody' })).response,
    await bench.request(preflight()),
    await bench.request({ method: 'GET', path: PATH, headers: origin }),
    await bench.request({ method: 'PUT', path: PATH, headers: origin }),
    await bench.request({ path: PATH, headers: origin, body: 'x'.repeat(20_000) }),
    await bench.request({ path: PATH, headers: { ...origin, 'Content-Encoding': 'br' }, body: creation }),
    await bench.request({ path: '/nowhere', headers: origin }),
    await bench.request({ path: `${PATH}?${'x'.repeat(9000)}`, headers: origin }),
    await bench.request({ method: 'GET', path: `${PATH}?data=%`, headers: origin }),
  ];
  for (const { status, header } of answers) {
    const given = [
      header('x-jitsi-shard'),
      header('strict-transport-security'),
      header('access-control-expose-headers'),
    ];
    assert.deepEqual(given, ['s1', 'max-age=1', 'X-Jitsi-Shard, Strict-Transport-Security'], `${status}`);
  }
  for (const path of ['/xmpp-websocket', '/nowhere']) {
    const http = await bench.http();
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
    http.write(requestBytes({ method: 'GET', path, headers: upgrade }));
    assert.equal((await http.response()).header('x-jitsi-shard'), 's1', path);
  }
  const socket = await bench.socket();
  assert.deepEqual([socket.status, socket.headers['x-jitsi-shard']], [101, 's1']);
});

test('decision 2: without headers of the operator, nothing is exposed', async (t) => {
  const bench = await startBench(t);
  const response = await bench.request({ method: 'GET', path: PATH, headers: { Origin: APP } });
  assert.equal(response.header('access-control-expose-headers'), undefined);
});

// prettier-ignore
const BAD_HEADERS: readonly (readonly [headers: unknown, problem: RegExp])[] = [
  [{ 'X-A': 'a\r\nX-B: b' }, /^headers\.X-A: must be one line/],
  [{ 'X-A': 'a\nb' }, /^headers\.X-A: must be one line/],
  [{ 'X-A': 'ä' }, /^headers\.X-A: must be one line/],
  [{ 'X-A': 'a\0' }, /^headers\.X-A: must be one line/],
  [{ 'X-A': 5 }, /^headers\.X-A: must be one line/],
  [{ 'X A': 'a' }, /^headers\.X A: must be named by a header name/],
  [{ 'X-A:': 'a' }, /^headers\.X-A:: must be named by a header name/],
  [{ '': 'a' }, /must be named by a header name/],
  [{ 'Content-Length': '5' }, /^headers\.Content-Length: is set by the gateway itself/],
  [{ 'access-control-allow-origin': '*' }, /is set by the gateway itself/],
  [{ 'Transfer-Encoding': 'chunked' }, /is set by the gateway itself/],
  ['X-A: b', /^headers: must be a table of header names/],
];

for (const [headers, problem] of BAD_HEADERS) {
  test(`decision 2: ${JSON.stringify(headers)} cannot be injected`, () => {
    assert.throws(
      () => parseSettings({ headers }),
      (error) => error instanceof ConfigError && problem.test(error.message),
    );
  });
}

test('BOSH-CORS-01: pages may send the headers that the operator allows', async (t) => {
  const bench = await startBench(t, { allowHeaders: ['X-Token', 'Traceparent'] });
  const names = (await bench.request(preflight())).header('access-control-allow-headers')?.split(', ');
  for (const name of ['Content-Type', 'Authorization', 'X-Token', 'Traceparent'])
    assert.ok(names?.includes(name), name);
  assert.throws(
    () => parseSettings({ allowHeaders: ['X-A\r\nX-B'] }),
    /^ConfigError: allowHeaders\.0: must be a header name/,
  );
});

for (const privateNetwork of [true, false]) {
  test(`BOSH-CORS-07: private networks: allowed where it is asked for and configured (${privateNetwork})`, async (t) => {
    const bench = await startBench(t, { privateNetwork });
    const asked = await bench.request(preflight({ 'Access-Control-Request-Private-Network': 'true' }));
    assert.equal(asked.header('access-control-allow-private-network'), privateNetwork ? 'true' : undefined);
    assert.equal((await bench.request(preflight())).header('access-control-allow-private-network'), undefined);
  });
}

const ELSEWHERE = 'https://chat.example.org/http-bind?a=1&b=2';

test('BOSH-ERR-06, BOSH-SEC-01, BOSH-HTTP-15: who asks for a session is sent elsewhere, over 200, and nothing is dialled', async (t) => {
  const bench = await startBench(t, { seeOtherUri: ELSEWHERE });
  for (const text of [creation, body({ rid: 1, to: 'example.com' }), body({ rid: 1 })]) {
    const response = await bench.request({ path: PATH, headers: { 'X-Forwarded-Proto': 'https' }, body: text });
    const { status, type, condition } = readAnswer(response);
    assert.deepEqual([status, type, condition], [200, 'terminate', 'see-other-uri']);
    const document = XmlDocument.fromBuffer(response.bytes);
    const uri = document.root.get('h:uri', { h: HTTPBIND });
    assert.equal(uri?.content, ELSEWHERE);
    document.dispose();
  }
  assert.equal(bench.u.untaken, 0);
  assert.equal(bench.gateway.stats().sessionsInTotal, 0);
});

test('BOSH-ERR-06: who is there already is not sent there again', async (t) => {
  const bench = await startBench(
    t,
    { seeOtherUri: 'https://chat.example.org/http-bind', trustedProxies: ['127.0.0.1'] },
    { autoLogin: true },
  );
  const ask = async (host: string, proto: string): Promise<string | undefined> => {
    const headers = { Host: host, 'X-Forwarded-Proto': proto };
    return readAnswer(await bench.request({ path: PATH, headers, body: creation })).condition;
  };
  assert.equal(await ask('chat.example.org', 'http'), 'see-other-uri');
  assert.equal(await ask('other.example.org', 'https'), 'see-other-uri');
  assert.equal(await ask('chat.example.org', 'https'), undefined);
  assert.equal(await ask('chat.example.org:443', 'https'), undefined);
});

test('BOSH-ERR-06: only an absolute web address can be configured', () => {
  for (const seeOtherUri of [
    'chat.example.org',
    '/http-bind',
    'javascript:alert(1)',
    'https://',
    'https://a b',
    'http://[',
    5,
  ]) {
    assert.throws(() => parseSettings({ seeOtherUri }), /seeOtherUri: must be an absolute http or https address/);
  }
});

test('BOSH-HTTP-16: 5280 is the default port, and any other can be set', async () => {
  assert.equal(parseSettings({}).port, 5280);
  const gateway = createGateway({ host: '127.0.0.1' });
  try {
    await gateway.start();
    assert.equal((await fetch('http://127.0.0.1:5280/http-bind/')).status, 200);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
  } finally {
    await gateway.stop();
  }
});

test('BOSH-SEC-05: no log at any level has a whole sid, a stanza or what SASL says', async (t) => {
  const lines: string[] = [];
  const log = (fields: object, text: string): void => void lines.push(`${JSON.stringify(fields)} ${text}`);
  const bench = await startBench(t, { logger: { debug: log, info: log, warn: log, error: log } });
  const { client } = await bench.login();
  const held = await client.send("<message xmlns='jabber:client'><body>secret words</body></message>");
  await client.post(body({ rid: client.rid + 40, sid: client.sid }));
  await held.answer;
  await bench.bosh().post('<wrong');
  assert.ok(lines.length > 0);
  for (const line of lines) {
    assert.ok(!line.includes(client.sid as string), line);
    assert.doesNotMatch(line, /secret words|AGp1bGlldA|<auth/);
  }
});

test('BOSH-SEC-06: SHA-1 is for key sequences, WebSocket handshakes and SCRAM, never for a sid', () => {
  const src = join(import.meta.dirname, '../../src');
  const users = globSync('**/*.ts', { cwd: src }).filter((file) =>
    /['"]sha-?1['"]/i.test(readFileSync(join(src, file), 'utf8')),
  );
  assert.deepEqual(
    users.filter((file) => !/^(bosh\/keys|devserver\/|prebind\/)/.test(file)),
    [],
  );
  assert.doesNotMatch(readFileSync(join(src, 'core/id.ts'), 'utf8'), /createHash/);
});

test('H-34: pipelined requests that do not end are read no further than their answers go', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session({ hold: 1 });
  const http = await bench.http();
  const one = (rid: number) =>
    requestBytes({ body: body({ rid, sid: client.sid }, `<x xmlns='a'>${'x'.repeat(50_000)}</x>`) });
  const flood = Buffer.concat(Array.from({ length: 1000 }, (_, i) => one(client.rid + 1 + (i % 2) * 5000)));
  http.write(flood);
  const { text } = await http.response();
  assert.match(text, /<body/);
  http.reset();
  await bench.proveHealthy();
});
