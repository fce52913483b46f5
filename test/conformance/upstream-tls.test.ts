import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import type { GatewayOptions } from '../../src/gateway.ts';
import { AUTH, MECHANISMS, startBench, type Bench } from '../support/bench.ts';
import { readCertificate, type Authority, type CertificateRequest } from '../support/certificates.ts';
import { readClientHello, startListener } from '../support/client-hello.ts';
import { authorityFor, openGateway, securedServer } from '../support/open-gateway.ts';
import { ScriptedServer, type ServerConnection } from '../support/scripted-server.ts';
import { eventually } from '../support/waiting.ts';

type Mode = 'starttls' | 'direct';
type Endpoint = NonNullable<GatewayOptions['domains']>[string];

const MODES: readonly Mode[] = ['starttls', 'direct'];
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const FAILED = ['terminate', 'remote-connection-failed', undefined];

/** A gateway whose example.com is that server. */
function benchFor(t: TestContext, u: { port: number }, endpoint: Endpoint, settings: Partial<GatewayOptions> = {}) {
  return startBench(t, { domains: { 'example.com': { host: '127.0.0.1', port: u.port, ...endpoint } }, ...settings });
}

async function resultOf(created: ReturnType<ReturnType<Bench['bosh']>['create']>) {
  const { type, condition, attributes } = await created;
  return [type, condition, attributes['sid']];
}

/** One login through a server with such a certificate, as far as the mechanisms: what the client gets. */
async function attempt(
  t: TestContext,
  authority: Authority,
  mode: Mode,
  request: CertificateRequest,
  endpoint: Endpoint,
) {
  const u = await securedServer(t, authority, mode, request);
  const bench = await benchFor(t, u, { tls: mode, ...endpoint });
  const created = bench.bosh().create({ from: 'user@example.com' });
  void u
    .accept()
    .then((server) => server.negotiate())
    .catch(() => {});
  return { u, result: await resultOf(created), answer: await created };
}

test('UP-TLS-01, U-12: a server without STARTTLS gets nothing of the client, `from` neither', async (t) => {
  const u = await ScriptedServer.start(t);
  const zone = {
    '_xmpp-client._tcp.shop.example': { SRV: [{ target: 'xmpp.shop.example', port: u.port }] },
    'xmpp.shop.example': { A: ['127.0.0.1'] },
  };
  const byDns = await openGateway(t, zone);
  const fixed = await benchFor(t, u, { tls: 'starttls' });
  for (const [bench, to] of [
    [byDns.bench, 'shop.example'],
    [fixed, 'example.com'],
  ] as const) {
    const created = bench.bosh().create({ to, from: `user@${to}` });
    await (await u.accept()).negotiate();
    assert.deepEqual(await resultOf(created), FAILED);
  }
  assert.doesNotMatch(u.received, /user@|<auth/);
});

test('UP-TLS-02, UP-TLS-06, UP-STREAM-09: offered STARTTLS is used first, and nothing that was said before it is believed', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'starttls');
  const bench = await benchFor(t, u, { tls: 'starttls', ca: authority.caFile });
  const created = bench.bosh().create({ from: 'user@example.com' });
  const server = await u.accept();
  await server.expectHeader();
  const evil = MECHANISMS.replace('PLAIN', 'EVIL');
  const before = server.sendHeader(STARTTLS + evil, "from='evil.example' version='1.0' xml:lang='xx'");
  assert.equal(await server.expect('<starttls'), STARTTLS);
  server.send(PROCEED);
  await server.secure(u.options.tls ?? {});
  assert.match(await server.expectHeader(), / from='user@example\.com'/);
  const after = server.sendHeader(MECHANISMS);
  const { text, attributes } = await created;
  assert.doesNotMatch(text, /EVIL|starttls|evil\.example|'xx'/);
  assert.deepEqual([attributes['authid'], attributes['from']], [after, 'example.com']);
  assert.notEqual(before, after);
});

test('UP-TLS-03: hidden STARTTLS is a clean failure where TLS is required', async (t) => {
  const u = await ScriptedServer.start(t);
  const bench = await benchFor(t, u, { tls: 'starttls' });
  const created = bench.bosh().create();
  const server = await u.accept();
  await server.negotiate();
  assert.deepEqual(await resultOf(created), FAILED);
  assert.doesNotMatch(server.received, /<auth/);
});

for (const answer of [
  "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
  "<proceed xmlns='urn:example'/>",
  '<message/>',
]) {
  test(`UP-TLS-04, U-10: <starttls/> that is answered with ${answer} ends the attempt`, async (t) => {
    const authority = await authorityFor(t);
    const u = await securedServer(t, authority, 'starttls');
    const bench = await benchFor(t, u, { tls: 'starttls', ca: authority.caFile });
    const created = bench.bosh().create();
    const server = await u.accept();
    await server.expectHeader();
    server.sendHeader(STARTTLS);
    await server.expect('<starttls');
    server.send(answer);
    assert.deepEqual(await resultOf(created), FAILED);
    await server.closed();
    assert.ok(!server.received.includes('\x16\x03'), 'no handshake was begun');
  });
}

for (const [how, inject] of [
  [
    'in the same segment',
    (server: ServerConnection) => server.send(`${PROCEED}<stream:features><evil/></stream:features>`),
  ],
  ['as white space in the same segment', (server: ServerConnection) => server.send(`${PROCEED} `)],
  [
    'in a segment of its own',
    (server: ServerConnection) => {
      server.send(PROCEED);
      setTimeout(() => server.send('<stream:features><evil/></stream:features>'), 20);
    },
  ],
] as const) {
  for (const transport of ['bosh', 'websocket'] as const) {
    test(`UP-TLS-05, U-11: text injected behind <proceed/> ${how} never reaches a client (${transport})`, async (t) => {
      const authority = await authorityFor(t);
      const u = await securedServer(t, authority, 'starttls');
      const bench = await benchFor(t, u, { tls: 'starttls', ca: authority.caFile });
      const created = transport === 'bosh' ? bench.bosh().create() : undefined;
      const socket = transport === 'websocket' ? await bench.socket() : undefined;
      socket?.open();
      const server = await u.accept();
      await server.expectHeader();
      server.sendHeader(STARTTLS);
      await server.expect('<starttls');
      inject(server);
      if (created !== undefined) {
        assert.deepEqual(await resultOf(created), FAILED);
        assert.doesNotMatch((await created).text, /evil/);
      } else if (socket !== undefined) {
        assert.match(await socket.message(), /^<open /);
        assert.match(await socket.message(), /remote-connection-failed/);
        assert.match(await socket.message(), /^<close /);
      }
      await server.closed();
    });
  }
}

test('UP-TLS-07, UP-TLS-08, UP-TLS-13, UP-TLS-14, UP-TLS-15: what the gateway says first in direct TLS', async (t) => {
  const { port, first } = await startListener(t);
  const bench = await startBench(t, {
    domains: { 'b\u00fccher.example': { host: 'localhost', port, tls: 'direct' } },
    attemptSeconds: 0.5,
  });
  const created = bench.bosh().create({ to: 'b\u00fccher.example' });
  const { serverName, protocols, suites, extensions, versions } = readClientHello(await first());
  assert.equal(serverName, 'xn--bcher-kva.example', 'the XMPP domain as A-labels, not the host');
  assert.deepEqual(protocols, ['xmpp-client']);
  assert.deepEqual(versions, [0x0304, 0x0303], 'TLS 1.3, then 1.2');
  // RFC 9325 §4.2: TLS 1.3's own, and ECDHE or DHE with AES-GCM or ChaCha20; 0x00ff is no suite but a signal.
  const good = new Set([
    ...[0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0xccaa, 0x009e, 0x009f, 0x00ff],
  ]);
  assert.deepEqual(
    suites.filter((suite) => !good.has(suite)),
    [],
  );
  assert.ok(!extensions.includes(42), 'early data is not offered');
  assert.ok(!extensions.includes(41), 'no session is resumed');
  assert.deepEqual(await resultOf(created), FAILED);
});

test('UP-TLS-07, UP-TLS-18: STARTTLS: SNI is the domain, there is no ALPN, and no byte between the element and the handshake', async (t) => {
  const u = await ScriptedServer.start(t);
  const bench = await benchFor(t, u, { tls: 'starttls' }, { negotiateSeconds: 0.5 });
  const created = bench.bosh().create();
  const server = await u.accept();
  await server.expectHeader();
  server.sendHeader(STARTTLS);
  await server.expect('<starttls');
  const chunks: Buffer[] = [];
  server.socket.removeAllListeners('data').on('data', (data: Buffer) => chunks.push(data));
  assert.ok(server.received.endsWith(STARTTLS));
  server.send(PROCEED);
  await eventually('the handshake has begun', () => chunks.length > 0);
  const { serverName, protocols } = readClientHello(Buffer.concat(chunks));
  assert.deepEqual([serverName, protocols], ['example.com', []]);
  assert.deepEqual(await resultOf(created), FAILED);
});

test('UP-TLS-07: a domain that is an address has no SNI, and its certificate must name the address', async (t) => {
  const { port, first } = await startListener(t);
  const silent = await startBench(t, {
    domains: { '192.0.2.7': { host: '127.0.0.1', port, tls: 'direct' } },
    attemptSeconds: 0.3,
  });
  const failed = silent.bosh().create({ to: '192.0.2.7' });
  assert.equal(readClientHello(await first()).serverName, undefined);
  assert.deepEqual(await resultOf(failed), FAILED);

  const authority = await authorityFor(t);
  for (const [addresses, isRight] of [
    [['192.0.2.7'], true],
    [['192.0.2.8'], false],
  ] as const) {
    const u = await securedServer(t, authority, 'direct', { names: ['192.0.2.7'], addresses }, { autoLogin: true });
    const bench = await startBench(t, {
      domains: { '192.0.2.7': { host: '127.0.0.1', port: u.port, tls: 'direct', ca: authority.caFile } },
    });
    const { attributes } = await bench.bosh().create({ to: '192.0.2.7' });
    assert.equal(attributes['sid'] !== undefined, isRight);
  }
});

for (const [what, tls, isRight] of [
  ['selects xmpp-client', { ALPNProtocols: ['xmpp-client'] }, true],
  ['knows nothing of ALPN', {}, true],
  ['knows another protocol only', { ALPNProtocols: ['h2', 'http/1.1'] }, false],
] as const) {
  test(`UP-TLS-08, U-16: a server that ${what}: ${isRight ? 'a session' : 'remote-connection-failed'}`, async (t) => {
    const authority = await authorityFor(t);
    const u = await securedServer(t, authority, 'direct', undefined, { autoLogin: true, tls });
    const bench = await benchFor(t, u, { tls: 'direct', ca: authority.caFile });
    const { attributes, condition } = await bench.bosh().create();
    assert.deepEqual(
      [attributes['sid'] !== undefined, condition],
      [isRight, isRight ? undefined : 'remote-connection-failed'],
    );
  });
}

test('UP-TLS-09: STARTTLS that is offered inside direct TLS is ignored, and not shown', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'direct');
  const bench = await benchFor(t, u, { tls: 'direct', ca: authority.caFile });
  const client = bench.bosh();
  const created = client.create();
  const server = await u.accept();
  await server.expectHeader();
  server.sendHeader(STARTTLS + MECHANISMS);
  const { text } = await created;
  assert.match(text, /<mechanism>PLAIN/);
  assert.doesNotMatch(text, /starttls/);
  await client.send(AUTH);
  await server.expect('<auth');
});

/** Certificates for example.com, or not; the last column says what must be in the log where it is refused. */
const CERTIFICATES: readonly (readonly [what: string, request: CertificateRequest, reason?: RegExp])[] = [
  ['with its DNS name', { names: ['example.com'] }],
  ['with its DNS name in capitals', { names: ['EXAMPLE.COM'] }],
  [
    'with its SRV name alone',
    { names: [], others: ['otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-client.example.com'] },
  ],
  ['with its XMPP address alone', { names: [], others: ['otherName:1.3.6.1.5.5.7.8.5;UTF8:example.com'] }],
  ['with other names beside', { names: ['a.test', 'example.com', 'b.test'] }],
  ['with a common name only', { names: [], commonName: 'example.com' }, /not for example\.com but for no name/],
  ['for another host', { names: ['other.test'] }, /but for other\.test/],
  ['for its parent', { names: ['com'] }, /but for com/],
  ['for a subdomain', { names: ['xmpp.example.com'] }, /but for xmpp/],
  ['with an address only', { names: [], addresses: ['127.0.0.1'] }, /not for example\.com/],
  [
    'with the domain as a mail address and a URI',
    { names: [], others: ['email:a@example.com', 'URI:xmpp:example.com'] },
    /not for/,
  ],
  [
    'with the SRV name of another service',
    { names: [], others: ['otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-server.example.com'] },
    /not for/,
  ],
  [
    'with a name that hides another',
    { names: [], others: ['otherName:1.3.6.1.5.5.7.8.5;UTF8:x/DNS:example.com'] },
    /not for/,
  ],
  ['for *.com', { names: ['*.com'] }, /not for example\.com but for \*\.com/],
  ['for *', { names: ['*'] }, /not for/],
  ['that has run out', { names: ['example.com'], days: 0 }, /expired/],
  ['that is not valid yet', { names: ['example.com'], isEarly: true }, /not yet valid/],
  ['that it has signed itself', { names: ['example.com'], isSelfSigned: true }, /self.signed/],
];

for (const mode of MODES) {
  test(`UP-TLS-10, U-13, UP-STREAM-02: ${mode}: certificates of every kind: who is let in, and what the log says`, async (t) => {
    const authority = await authorityFor(t);
    for (const [what, request, reason] of CERTIFICATES) {
      const told: string[] = [];
      const log = (fields: object): void => void told.push(JSON.stringify(fields));
      const u = await securedServer(t, authority, mode, request);
      const logger = { debug() {}, info: log, warn: log, error: log };
      const bench = await benchFor(t, u, { tls: mode, ca: authority.caFile }, { logger });
      const created = bench.bosh().create({ from: 'user@example.com' });
      void u
        .accept()
        .then((server) => server.negotiate())
        .catch(() => {});
      const { attributes, condition, text } = await created;
      assert.equal(attributes['sid'] !== undefined, reason === undefined, `${what}: ${told.join()}`);
      if (reason === undefined) continue;
      assert.equal(condition, 'remote-connection-failed', what);
      assert.match(told.join(), reason, what);
      assert.doesNotMatch(text, /certificate|expired/, 'the client is not told why');
      assert.doesNotMatch(u.received, /user@|<auth/, what);
    }
  });
}

test('UP-TLS-10, U-13: an authority that nobody knows', async (t) => {
  const [authority, other] = await Promise.all([authorityFor(t), authorityFor(t)]);
  const { result } = await attempt(t, authority, 'direct', { names: ['example.com'] }, { ca: other.caFile });
  assert.deepEqual(result, FAILED);
  // Without a private authority the well-known ones count, and this is none of them.
  assert.deepEqual((await attempt(t, authority, 'direct', { names: ['example.com'] }, {})).result, FAILED);
});

for (const [presented, domain, isRight] of [
  ['*.example.com', 'a.example.com', true],
  ['*.EXAMPLE.com', 'a.example.com', true],
  ['*.example.com', 'example.com', false],
  ['*.example.com', 'b.a.example.com', false],
  ['a*.example.com', 'a.example.com', false],
  ['a*.example.com', 'ab.example.com', false],
  ['*.*.example.com', 'b.a.example.com', false],
  ['a.*.com', 'a.example.com', false],
  ['xn--bcher-kva.example', 'bücher.example', true],
  ['*.example', 'bücher.example', false],
] as const) {
  test(`UP-TLS-11, UP-TLS-12: a certificate for ${presented} ${isRight ? 'is' : 'is not'} one for ${domain}`, async (t) => {
    const authority = await authorityFor(t);
    const u = await securedServer(t, authority, 'direct', { names: [presented] }, { autoLogin: true });
    const bench = await startBench(t, {
      domains: { [domain]: { host: '127.0.0.1', port: u.port, tls: 'direct', ca: authority.caFile } },
    });
    const { attributes } = await bench.bosh().create({ to: domain });
    assert.equal(attributes['sid'] !== undefined, isRight);
  });
}

for (const [what, tls, rsaBits] of [
  ['TLS 1.1 and nothing newer', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }],
  ['CBC with SHA-1 only', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA' }],
  ['static RSA only', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:AES256-GCM-SHA384' }, 2048],
  ['NULL ciphers only', { maxVersion: 'TLSv1.2', ciphers: 'NULL:@SECLEVEL=0' }, 2048],
  ['a key of 512 bits', { maxVersion: 'TLSv1.2', ciphers: 'ALL:@SECLEVEL=0' }, 512],
] as const) {
  test(`UP-TLS-13, UP-TLS-14, U-15: a server with ${what} is not used`, async (t) => {
    const authority = await authorityFor(t);
    const request = { names: ['example.com'], ...(rsaBits !== undefined && { rsaBits }) };
    const u = await securedServer(t, authority, 'direct', request, { autoLogin: true, tls });
    const bench = await benchFor(t, u, { tls: 'direct', ca: authority.caFile });
    assert.deepEqual(await resultOf(bench.bosh().create()), FAILED);
    assert.equal(u.received, '');
  });
}

test('UP-TLS-13: TLS 1.2 is enough, 1.3 is preferred', async (t) => {
  const authority = await authorityFor(t);
  for (const [tls, version] of [
    [{ maxVersion: 'TLSv1.2' }, 'TLSv1.2'],
    [{}, 'TLSv1.3'],
  ] as const) {
    const u = await securedServer(t, authority, 'direct', undefined, { tls });
    const bench = await benchFor(t, u, { tls: 'direct', ca: authority.caFile });
    const created = bench.bosh().create();
    const server = await u.accept();
    await server.negotiate();
    assert.ok((await created).attributes['sid']);
    assert.equal((server.socket as TLSSocket).getProtocol(), version);
  }
});

test('UP-TLS-16: no session of TLS is resumed, for the same domain or for another one', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'direct', { names: ['example.com', 'example.org'] });
  const endpoint = { host: '127.0.0.1', port: u.port, tls: 'direct', ca: authority.caFile } as const;
  const bench = await startBench(t, { domains: { 'example.com': endpoint, 'example.org': endpoint } });
  for (const to of ['example.com', 'example.com', 'example.org']) {
    const created = bench.bosh().create({ to });
    const server = await u.accept();
    await server.negotiate();
    assert.ok((await created).attributes['sid']);
    assert.equal((server.socket as TLSSocket).isSessionReused(), false);
  }
});

const EXTERNAL =
  "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism><mechanism>PLAIN</mechanism></mechanisms>";

for (const mode of MODES) {
  test(`UP-TLS-17: ${mode}: a server that asks for a certificate gets none`, async (t) => {
    const authority = await authorityFor(t);
    const asks = { requestCert: true, rejectUnauthorized: false };
    const u = await securedServer(t, authority, mode, undefined, { tls: asks });
    const bench = await benchFor(t, u, { tls: mode, ca: authority.caFile });
    const created = bench.bosh().create();
    const server = await u.accept();
    await server.negotiate();
    assert.ok((await created).attributes['sid']);
    assert.deepEqual((server.socket as TLSSocket).getPeerCertificate(), {});
  });

  test(`UP-TLS-17: ${mode}: with a certificate of the gateway's own, no client can log in as the gateway`, async (t) => {
    const authority = await authorityFor(t);
    const own = await authority.issue({ names: ['gateway.example'] });
    const asks = { requestCert: true, rejectUnauthorized: false };
    const u = await securedServer(t, authority, mode, undefined, { tls: asks });
    const clientCert = own.certificateFile;
    const bench = await benchFor(t, u, { tls: mode, ca: authority.caFile, clientCert, clientKey: own.keyFile });
    const client = bench.bosh();
    const created = client.create();
    const server = await u.accept();
    await server.expectHeader();
    if (mode === 'starttls') {
      server.sendHeader(STARTTLS);
      await server.expect('<starttls');
      server.send(PROCEED);
      await server.secure(u.options.tls ?? {});
      await server.expectHeader();
    }
    server.sendHeader(EXTERNAL);
    const { cert } = await readCertificate(own);
    const shown = (server.socket as TLSSocket).getPeerX509Certificate();
    assert.equal(shown?.fingerprint256, new X509Certificate(cert).fingerprint256);
    const { text } = await created;
    assert.match(text, /PLAIN/);
    assert.doesNotMatch(text, /EXTERNAL/);
    const auth = await client.ask(AUTH.replace('PLAIN', 'EXTERNAL'));
    assert.match(auth.text, /<failure [^>]*><invalid-mechanism/);
    await client.send(AUTH);
    await server.expect("mechanism='PLAIN'");
  });
}

for (const mode of MODES) {
  test(`UP-TLS-19: ${mode}: a pinned certificate is taken whatever it says, and no other one`, async (t) => {
    const authority = await authorityFor(t);
    const pinned = await authority.issue({ names: ['odd.test'], isSelfSigned: true });
    const texts = await readCertificate(pinned);
    const { fingerprint256 } = new X509Certificate(texts.cert);
    const u = await ScriptedServer.start(t, { tls: { ...texts, mode } });
    for (const [fingerprints, isRight] of [
      [[fingerprint256], true],
      [['00'.repeat(32), fingerprint256.replaceAll(':', '').toLowerCase()], true],
      [['00'.repeat(32)], false],
    ] as const) {
      const bench = await benchFor(t, u, { tls: mode, fingerprints: [...fingerprints] });
      const created = bench.bosh().create({ from: 'user@example.com' });
      void u
        .accept()
        .then((server) => server.negotiate())
        .catch(() => {});
      const { attributes } = await created;
      assert.equal(attributes['sid'] !== undefined, isRight);
    }
    assert.equal(u.received.match(/user@/g)?.length, 2, 'the third one was told nothing');
  });
}

test('UP-TLS-19: without a word about it, everything is verified, on this machine too', async (t) => {
  const authority = await authorityFor(t);
  for (const mode of MODES) {
    assert.deepEqual((await attempt(t, authority, mode, { names: ['example.com'] }, {})).result, FAILED);
  }
});

test('UP-TLS-20, U-17: a TCP connection that is cut under TLS, in mid-stanza, is a lost one: what was complete is delivered', async (t) => {
  const authority = await authorityFor(t);
  for (const cut of ['reset', 'hang up'] as const) {
    const u = await securedServer(t, authority, 'direct');
    const bench = await benchFor(t, u, { tls: 'direct', ca: authority.caFile });
    const client = bench.bosh();
    const created = client.create();
    const server = await u.accept();
    await server.negotiate();
    await created;
    const socket = await bench.socket();
    socket.open();
    const other = await u.accept();
    await other.negotiate();
    await socket.message();
    await socket.message();
    for (const one of [server, other]) {
      one.send("<message id='whole'/><message id='half'><body>x");
      await eventually('it has left', () => one.socket.writableLength === 0);
      if (cut === 'reset') one.reset();
      else one.hangUp();
    }
    const whole = await client.ask();
    assert.match(whole.text, /whole/);
    const last = whole.type === 'terminate' ? whole : await client.ask();
    assert.deepEqual([last.type, last.condition], ['terminate', 'remote-connection-failed']);
    assert.doesNotMatch(whole.text + last.text, /half/);
    assert.match(await socket.message(), /whole/);
    assert.equal((await socket.ended()).code, 1011);
    while (socket.waiting > 0)
      assert.match(await socket.message(), /^<stream:error [^]*remote-connection-failed/, 'no <close/>');
  }
});

for (const [tls, features, isSecured] of [
  ['if-required', STARTTLS, false],
  ['if-required', STARTTLS.replace('/>', '><required/></starttls>'), true],
  ['if-required', '', false],
  ['optional', STARTTLS, true],
  ['optional', '', false],
] as const) {
  test(`predecessor: no_tls_domains: tls=${tls} and a server that says '${features}': ${isSecured ? 'TLS' : 'clear text'}`, async (t) => {
    const authority = await authorityFor(t);
    const u = await securedServer(t, authority, 'starttls');
    const bench = await benchFor(t, u, { tls, ca: authority.caFile });
    const created = bench.bosh().create({ from: 'user@example.com' });
    const server = await u.accept();
    await server.expectHeader();
    server.sendHeader(features + MECHANISMS);
    if (isSecured) {
      await server.expect('<starttls');
      server.send(PROCEED);
      await server.secure(u.options.tls ?? {});
      await server.expectHeader();
      server.sendHeader(MECHANISMS);
    }
    const { text } = await created;
    assert.match(text, /PLAIN/);
    assert.doesNotMatch(text, /starttls/);
    assert.equal(server.socket instanceof TLSSocket, isSecured);
    assert.equal(/user@/.test(server.received), isSecured, 'the JID is told over TLS only');
  });
}
