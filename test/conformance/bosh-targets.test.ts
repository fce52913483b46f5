import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { type TestContext } from 'node:test';
import { startBench } from '../support/bench.ts';
import { createAuthority } from '../support/certificates.ts';
import { connectsDuring } from '../support/connects.ts';
import { FakeDns, type FakeRecords, type FakeZone } from '../support/fake-dns.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

const DOMAIN = 'shop.example';
const SRV = `_xmpp-client._tcp.${DOMAIN}`;

/** An open gateway whose DNS is ours, and all that its connectors report. */
async function openBench(t: TestContext, zone: (port: number) => FakeZone, settings = {}) {
  const u = await ScriptedServer.start(t);
  const dns = await FakeDns.start(t, zone(u.port));
  const codes: unknown[] = [];
  const log = (fields: object): void => void ('code' in fields && codes.push(fields.code));
  const logger = { debug: log, info: log, warn: log, error: log };
  const bench = await startBench(t, { domains: {}, serveOthers: true, dnsServers: dns.servers, logger, ...settings });
  return { bench, u, dns, codes };
}

for (const [where, records] of [
  ['loopback', { A: ['127.0.0.1'] }],
  ['another loopback', { A: ['127.9.9.9'] }],
  ['this network', { A: ['0.0.0.0'] }],
  ['link-local, with metadata', { A: ['169.254.169.254'] }],
  ['private 10/8', { A: ['10.0.0.1'] }],
  ['private 172.16/12', { A: ['172.31.255.254'] }],
  ['private 192.168/16', { A: ['192.168.1.1'] }],
  ['shared 100.64/10, with metadata', { A: ['100.100.100.200'] }],
  ['multicast', { A: ['224.0.0.1'] }],
  ['several special ones', { A: ['10.0.0.1', '127.0.0.1'], AAAA: ['::1'] }],
  ['IPv6 loopback', { AAAA: ['::1'] }],
  ['IPv6 unspecified', { AAAA: ['::'] }],
  ['IPv6 link-local', { AAAA: ['fe80::1'] }],
  ['IPv6 unique local, with metadata', { AAAA: ['fd00:ec2::254'] }],
  ['mapped loopback', { AAAA: ['::ffff:127.0.0.1'] }],
  ['mapped metadata', { AAAA: ['::ffff:169.254.169.254'] }],
  ['mapped private', { AAAA: ['::ffff:10.0.0.1'] }],
  ['compatible loopback', { AAAA: ['::127.0.0.1'] }],
  ['translated loopback', { AAAA: ['64:ff9b::7f00:1'] }],
  ['6to4 of loopback', { AAAA: ['2002:7f00:1::1'] }],
] as const satisfies readonly (readonly [string, FakeRecords])[]) {
  test(`BOSH-SEC-10, B-22: a served domain that leads to ${where} is not connected to`, async (t) => {
    for (const viaSrv of [true, false]) {
      const { bench, u, dns, codes } = await openBench(
        t,
        (port) =>
          viaSrv
            ? { [SRV]: { SRV: [{ target: 'xmpp.shop.example', port }] }, 'xmpp.shop.example': records }
            : { [DOMAIN]: records },
        viaSrv ? {} : { domains: { [DOMAIN]: {} } },
      );
      const connects = await connectsDuring(async () => {
        const { type, condition } = await bench.bosh().create({ to: DOMAIN });
        assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
      });
      assert.equal(connects, 1, 'the client alone connects');
      assert.ok(codes.includes('upstream-refused'), codes.join());
      assert.ok(dns.questions.includes(`A ${viaSrv ? 'xmpp.' : ''}${DOMAIN}`));
      assert.equal(u.untaken, 0);
    }
  });
}

for (const target of ['127.0.0.1', 'localhost', '::1', '169.254.169.254', '2130706433', '0x7f.1', '127.1']) {
  test(`BOSH-SEC-10, B-22: an SRV record that names ${target} itself is not followed`, async (t) => {
    const { bench, u } = await openBench(t, (port) => ({ [SRV]: { SRV: [{ target, port }] } }));
    const connects = await connectsDuring(async () => {
      assert.equal((await bench.bosh().create({ to: DOMAIN })).condition, 'remote-connection-failed');
    });
    assert.deepEqual([connects, u.untaken], [1, 0]);
  });
}

test('BOSH-SEC-10: a route under a suffix is checked after resolution as well', async (t) => {
  const zone = { 'a.pool.example': { A: ['127.0.0.1'] }, 'b.pool.example': { AAAA: ['::ffff:127.0.0.1'] } };
  const u = await ScriptedServer.start(t);
  const { bench } = await openBench(t, () => zone, { routes: [`*.pool.example:${u.port}`] });
  for (const host of ['a.pool.example', 'b.pool.example']) {
    const connects = await connectsDuring(async () => {
      const { condition } = await bench.bosh().create({ to: DOMAIN, route: `xmpp:${host}:${u.port}` });
      assert.equal(condition, 'remote-connection-failed');
    });
    assert.deepEqual([connects, u.untaken], [1, 0]);
  }
});

test('BOSH-ERR-09, BOSH-RESP-15: a domain that DNS does not know: remote-connection-failed, and no session', async (t) => {
  const { bench, dns, codes } = await openBench(t, () => ({}));
  const client = bench.bosh();
  const { type, condition, attributes } = await client.create({ to: DOMAIN });
  assert.deepEqual([type, condition, attributes['sid']], ['terminate', 'remote-connection-failed', undefined]);
  assert.deepEqual(codes.filter((code) => code !== undefined).slice(0, 1), ['upstream-unreachable']);
  assert.deepEqual(dns.questions.toSorted(), [
    `A ${DOMAIN}`,
    `AAAA ${DOMAIN}`,
    `SRV ${SRV}`,
    `SRV _xmpps-client._tcp.${DOMAIN}`,
  ]);
  await bench.settled();
});

test('BOSH-ERR-09: a DNS that fails: remote-connection-failed', async (t) => {
  const { bench } = await openBench(t, () => ({ [SRV]: 'broken', [DOMAIN]: 'broken' }));
  assert.equal((await bench.bosh().create({ to: DOMAIN })).condition, 'remote-connection-failed');
});

for (const [what, zone] of [
  ['SRV records', { [SRV]: 'silent' }],
  ['addresses', { [DOMAIN]: 'silent' }],
] as const satisfies readonly (readonly [string, FakeZone])[]) {
  test(`BOSH-ERR-09: a DNS that never answers for ${what}: remote-connection-failed when connectSeconds are over`, async (t) => {
    const { bench } = await openBench(t, () => zone, { connectSeconds: 0.5, creationWaitSeconds: 20 });
    const start = performance.now();
    const { type, condition } = await bench.bosh().create({ to: DOMAIN });
    const took = performance.now() - start;
    assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
    assert.ok(took >= 450 && took < 1500, `${took} ms`);
    await bench.settled();
  });
}

test('BOSH-ERR-09: a server that accepts and says nothing: remote-connection-failed', async (t) => {
  const bench = await startBench(t, { negotiateSeconds: 0.3 });
  const { type, condition } = await bench.bosh().create();
  assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
  assert.equal(bench.u.untaken, 1);
});

test('BOSH-ERR-09: a port that refuses: remote-connection-failed', async (t) => {
  const bench = await startBench(t);
  await bench.u.stop();
  assert.equal((await bench.bosh().create()).condition, 'remote-connection-failed');
});

for (const [fault, days, isTrusted] of [
  ['of an unknown authority', 30, false],
  ['that has run out', 0, true],
] as const) {
  for (const mode of ['direct', 'starttls'] as const) {
    test(`BOSH-ERR-09: ${mode}: a certificate ${fault}: remote-connection-failed`, async (t) => {
      const [authority, other] = await Promise.all([createAuthority(), createAuthority()]);
      t.after(() => Promise.all([authority.remove(), other.remove()]));
      const { certificateFile, keyFile } = await authority.issue({ names: ['example.com'], days });
      const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
      const u = await ScriptedServer.start(t, { tls: { cert, key, mode } });
      const ca = (isTrusted ? authority : other).caFile;
      const domains = { 'example.com': { host: '127.0.0.1', port: u.port, tls: mode, ca } };
      const bench = await startBench(t, { domains });
      const created = bench.bosh().create({ from: 'user@example.com' });
      if (mode === 'starttls') (await u.accept()).negotiate().catch(() => {});
      const { type, condition, attributes } = await created;
      assert.deepEqual([type, condition, attributes['sid']], ['terminate', 'remote-connection-failed', undefined]);
      assert.doesNotMatch(u.received, /<auth|user@/);
    });
  }
}

test('BOSH-ERR-09: a reset in the middle of a session: remote-connection-failed', async (t) => {
  const { client, server } = await (await startBench(t)).login();
  const held = await client.send();
  server.reset();
  const { type, condition } = await held.answer;
  assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
});
