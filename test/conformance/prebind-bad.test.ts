import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { PREBIND_ERRORS, type PrebindErrorCode } from '../../src/prebind/errors.ts';
import { ALICE, ask, KEY, SECRETS, sha256, SITE, startPrebindBench, type Answer } from '../support/prebind.ts';
import { MECHANISMS, type ServerConnection } from '../support/scripted-server.ts';
import { stillClock } from '../support/still-clock.ts';

function refused(answer: Answer, code: PrebindErrorCode, what = ''): void {
  const { status, body, text } = answer;
  assert.deepEqual([status, body['error']], [PREBIND_ERRORS[code].status, code], `${what}: ${text}`);
  assert.equal(body['message'], PREBIND_ERRORS[code].message);
  assert.equal(answer.header('content-type'), 'application/json; charset=utf-8');
  assert.equal(answer.header('access-control-allow-origin'), undefined);
  for (const secret of [KEY, ...Object.values(SECRETS)]) assert.ok(!text.includes(secret), what);
}

test('prebind: a body that is no account is refused before any server hears of it', async (t) => {
  const bench = await startPrebindBench(t);
  const bodies = [
    ...[
      '',
      '{',
      '[]',
      '"x"',
      'null',
      '1',
      '<body/>',
      '{"jid":1}',
      '{"jid":null}',
      '{}',
      '\xff\xfe',
      '{"jid":"a@example.com"}x',
    ],
    ...[
      '',
      '@example.com',
      'alice@',
      'a b@example.com',
      'alice@exa mple.com',
      'alice@example.com/',
      'a@b@example.com',
    ].map((jid) => JSON.stringify({ ...ALICE, jid })),
    ...[
      { jid: 'alice@example.com' },
      { ...ALICE, jid: 'example.com' },
      { jid: 'alice@example.com', anonymous: true },
      { jid: 'alice@example.com', external: true },
      { jid: 'alice@example.com', authcid: 'site' },
      { ...ALICE, token: SECRETS.token },
      { ...ALICE, password: '' },
      { ...ALICE, password: 'a\0b' },
      { ...ALICE, password: ['x'] },
      { ...ALICE, resource: '' },
      { ...ALICE, resource: 'x'.repeat(1024) },
      { ...ALICE, token: undefined, anonymous: 'yes' },
      { ...ALICE, pasword: SECRETS.password },
      { jid: 'alice@example.com', token: 'a b' },
    ].map((body) => JSON.stringify(body)),
  ];
  for (const body of bodies) {
    const answer = await ask(t, bench.port, { body: Buffer.from(body, body.includes('\xff') ? 'latin1' : 'utf8') });
    refused(answer, 'bad-request', body);
  }
  refused(await ask(t, bench.port, { body: `"${'x'.repeat(70_000)}"` }), 'too-large');
  refused(await ask(t, bench.port, { body: '{}', headers: { 'Content-Encoding': 'gzip' } }), 'bad-request');
  assert.equal(bench.u.connections.length, 0);
  assert.equal(bench.gateway.stats().sessionsInTotal, 0);
  for (const secret of Object.values(SECRETS)) assert.ok(!bench.log().includes(secret));
});

test('prebind: a caller proves itself, by a key that is not revoked, and for its own domains', async (t) => {
  const bench = await startPrebindBench(t);
  const body = JSON.stringify(ALICE);
  const wrong = [
    '',
    KEY,
    `Basic ${KEY}`,
    'Bearer',
    'Bearer ',
    `Bearer ${KEY}x`,
    `Bearer ${sha256(KEY)}`,
    `Bearer ${KEY} x`,
  ];
  for (const Authorization of wrong) {
    const answer = await ask(t, bench.port, { body, headers: { Authorization } });
    refused(answer, 'unauthorized', Authorization);
    assert.equal(answer.header('www-authenticate'), 'Bearer');
  }
  refused(await bench.prebind({ ...ALICE, jid: 'alice@other.example' }), 'forbidden');
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await ask(t, bench.port, { method });
    assert.deepEqual([answer.status, answer.header('allow')], [405, 'POST'], method);
  }
  assert.equal(bench.u.connections.length, 0);
  assert.ok(!bench.log().includes(KEY));
});

test('prebind: there is nothing at the path until a credential is configured', async (t) => {
  const bench = await startPrebindBench(t, { prebindCallers: {} });
  assert.equal((await bench.prebind()).status, 404);
});

/** Plays the server up to where it goes wrong. */
type Script = (server: ServerConnection) => Promise<unknown>;
const features = async (server: ServerConnection): Promise<void> => {
  await server.expectHeader();
  server.sendHeader(MECHANISMS);
};
const failing =
  (condition: string): Script =>
  async (server) => {
    await features(server);
    await server.expect('<auth');
    server.send(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/></failure>`);
  };
const SHORT = { prebindSeconds: 0.4 };

// prettier-ignore
const failures: readonly (readonly [what: string, PrebindErrorCode, Script])[] = [
  ['a wrong password', 'wrong-credentials', failing('not-authorized')],
  ['an expired password', 'wrong-credentials', failing('credentials-expired')],
  ['a disabled account', 'account-disabled', failing('account-disabled')],
  ['a server that cannot look it up now', 'temporary', failing('temporary-auth-failure')],
  ['a mechanism that is refused after all', 'no-mechanism', failing('invalid-mechanism')],
  ['a failure that nobody knows', 'server-fault', failing('x')],
  ['no mechanism in common', 'no-mechanism', async (server) => {
    await server.expectHeader();
    server.sendHeader("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>GSSAPI</mechanism></mechanisms>");
  }],
  ['no login at all', 'no-mechanism', async (server) => {
    await server.expectHeader();
    server.sendHeader('');
  }],
  ['a domain that the server does not know', 'unknown-host', async (server) => {
    await server.expectHeader();
    server.sendHeader();
    server.end("<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
  }],
  ['a server that says nothing', 'timeout', (server) => server.expectHeader()],
  ['a server that stops in the middle', 'timeout', features],
  ['a server that hangs up', 'unreachable', async (server) => {
    await features(server);
    await server.expect('<auth');
    server.reset();
  }],
  ['a success without proof is none for SCRAM', 'untrusted-server', async (server) => {
    await server.expectHeader();
    server.sendHeader("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism></mechanisms>");
    await server.expect('<auth');
    server.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  }],
  ['a challenge that is no base64', 'server-fault', async (server) => {
    await features(server);
    await server.expect('<auth');
    server.send("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>***</challenge>");
  }],
  ['no resource to bind', 'server-fault', async (server) => {
    await features(server);
    await server.expect('<auth');
    server.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    await server.expectHeader();
    server.sendHeader('');
  }],
  ['a resource that is taken', 'conflict', async (server) => {
    await features(server);
    await server.expect('<auth');
    server.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    await server.expectHeader();
    server.sendHeader("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
    const id = /id='([^']*)'/.exec(await server.expect('<iq'))?.[1];
    server.send(`<iq type='error' id='${id}'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`);
  }],
];

for (const [what, code, script] of failures) {
  test(`prebind: ${what} is told as ${code}, and leaves nothing behind`, async (t) => {
    const bench = await startPrebindBench(t, SHORT, {});
    const answer = bench.prebind();
    const server = await bench.u.accept();
    await script(server);
    refused(await answer, code, what);
    assert.equal(bench.gateway.stats().sessions, 0, 'no session is left');
    server.end();
    await bench.settled();
    for (const secret of Object.values(SECRETS)) assert.ok(!bench.log().includes(secret), 'nothing leaks into the log');
    assert.match(bench.log(), new RegExp(`"code":"${code}"`));
  });
}

test('prebind: a server that is down', async (t) => {
  const bench = await startPrebindBench(t);
  await bench.u.stop();
  refused(await bench.prebind(), 'unreachable');
  assert.deepEqual([bench.gateway.stats().sessions, bench.gateway.stats().streams], [0, 0]);
});

test('prebind: a domain that is not served', async (t) => {
  const callers = { site: { keyHash: sha256(KEY), domains: ['*'] } };
  const bench = await startPrebindBench(t, { prebindCallers: callers });
  refused(await bench.prebind({ ...ALICE, jid: 'alice@nowhere.example' }), 'unknown-host');
});

test('prebind: the gateway stops while somebody waits', async (t) => {
  const bench = await startPrebindBench(t, {}, {});
  const [slow, queued] = [bench.prebind(), bench.prebind()];
  await bench.u.accept();
  await bench.gateway.stop();
  for (const answer of [await slow, await queued]) {
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.header('retry-after'), '5');
  }
});

async function counted(t: TestContext, port: number, count: number, request: (i: number) => Parameters<typeof ask>[2]) {
  const statuses = new Map<number, number>();
  const started = performance.now();
  for (let sent = 0; sent < count; sent += 500) {
    const answers = Array.from({ length: 500 }, (_, i) => ask(t, port, request(sent + i), 30_000));
    for (const { status } of await Promise.all(answers)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  return { statuses, ms: performance.now() - started };
}

test('prebind: 10,000 requests with a wrong key cost a hash each', { timeout: 90_000 }, async (t) => {
  const bench = await startPrebindBench(t, { maxConnectionsPerAddress: 0 });
  const request = () => ({ body: JSON.stringify(ALICE), headers: { Authorization: 'Bearer wrong' } });
  const { statuses } = await counted(t, bench.port, 10_000, request);
  assert.deepEqual([...statuses], [[401, 10_000]]);
  assert.equal(bench.u.connections.length, 0);
  assert.equal((await bench.prebind()).status, 200, 'and it still works');
});

test(
  'prebind: 1,000 users at once are no storm of logins: they come one after the other, or later',
  { timeout: 60_000 },
  async (t) => {
    const clock = stillClock(t);
    const slow = { prebindSeconds: 600, connectSeconds: 600, negotiateSeconds: 600, authenticationSeconds: 3600 };
    const limits = { prebindMaxLogins: 5, prebindLoginsPerSecond: 10, maxConnectionsPerAddress: 0 };
    const bench = await startPrebindBench(t, { clock, prebindAttachSeconds: 3600, ...slow, ...limits });
    const quick = setInterval(() => clock.advance(100), 10);
    t.after(() => clearInterval(quick));
    const body = (i: number): string => JSON.stringify({ ...ALICE, jid: `user${i}@example.com` });
    const started = clock.now();
    const answers = Array.from({ length: 1000 }, (_, i) => ask(t, bench.port, { body: body(i) }, 40_000));
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    const seconds = (clock.now() - started) / 1000;
    const made = statuses.filter((status) => status === 200).length;
    assert.ok(statuses.every((status) => status === 200 || status === 503));
    assert.equal(bench.u.connections.length, made);
    assert.ok(made >= 50 && made <= 51 + 10 * seconds, `${made} logins in ${seconds} s`);
    clock.advance(10_000);
    assert.equal((await bench.prebind({ ...ALICE, jid: 'later@example.com' })).status, 200);
    assert.equal(bench.gateway.stats().sessions, made + 1);
  },
);

test('prebind: a wrong setting is named, and no secret with it', async (t) => {
  const key = 'short-secret';
  const wrong: readonly (readonly [object, RegExp])[] = [
    [
      { prebindCallers: { site: { domains: ['example.com'] } } },
      /prebindCallers\.site: needs `keyHash` or `certificate`/,
    ],
    [
      { prebindCallers: { site: { keyHash: 'xyz', domains: ['a.b'] } } },
      /prebindCallers\.site\.keyHash: must be a SHA-256 in hex/,
    ],
    [
      { prebindCallers: { site: { ...SITE.prebindCallers.site, domains: [] } } },
      /prebindCallers\.site\.domains: must be/,
    ],
    [{ prebindCallers: { site: { ...SITE.prebindCallers.site, key } } }, /prebindCallers\.site\.key: is no setting/],
    [
      { prebindTokens: { site: { alg: 'HS256', key, domains: ['*'] } } },
      /prebindTokens\.site: needs a `key` that fits/,
    ],
    [
      { prebindTokens: { site: { alg: 'EdDSA', key, domains: ['*'] } } },
      /prebindTokens\.site: needs a `key` that fits/,
    ],
    [
      { prebindTokens: { site: { alg: 'none', key, domains: ['*'] } } },
      /prebindTokens\.site\.alg: must be HS256 or EdDSA/,
    ],
    [{ prebindWebhook: 'file:///etc/passwd' }, /prebindWebhook: must be/],
    [{ prebindWebhookKey: key }, /prebindWebhookKey: needs 16 characters/],
    [
      { prebindAccounts: { 'example.com': { user: 'site', password: 7 } } },
      /prebindAccounts\.example\.com\.password: needs/,
    ],
  ];
  for (const [settings, message] of wrong) {
    await assert.rejects(startPrebindBench(t, settings as never), (error: Error) => {
      assert.match(error.message, message);
      assert.ok(!error.message.includes(key), error.message);
      return true;
    });
  }
});
