import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { check, checkDomain } from '../../../src/cli/check.ts';
import { parseSettings, type SettingsInput } from '../../../src/config/schema.ts';
import type { CertificateRequest } from '../../support/certificates.ts';
import { FakeDns, type FakeZone } from '../../support/fake-dns.ts';
import { authorityFor, securedServer } from '../../support/open-gateway.ts';
import { freePorts } from '../../support/real-server.ts';
import { ScriptedServer } from '../../support/scripted-server.ts';

const DOMAIN = 'shop.example';
const HOST = 'xmpp.shop.example';

/** What an operator is told, and the exit code. */
async function run(t: TestContext, zone: FakeZone, settings: SettingsInput = {}, domain = DOMAIN) {
  const dns = await FakeDns.start(t, zone);
  const [nobody = 0] = await freePorts(1);
  const all = parseSettings({ dnsServers: dns.servers, allowAddresses: ['127.0.0.0/8'], ...settings });
  const lines: string[] = [];
  const dial = () => ({ host: '127.0.0.1', port: nobody });
  const code = await checkDomain(domain, all, (line) => lines.push(line), { dial });
  const text = lines.join('\n');
  if (process.env['SLUICE_TEST_SHOW'] !== undefined) process.stderr.write(`\n${text}\n(exit code ${code})\n`);
  return { code, text };
}

async function withCertificate(t: TestContext, request: CertificateRequest, mode: 'starttls' | 'direct' = 'starttls') {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, mode, request, { autoLogin: true });
  const service = mode === 'direct' ? '_xmpps-client' : '_xmpp-client';
  const zone = {
    [`${service}._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port: u.port, priority: 5 }] },
    [HOST]: { A: ['127.0.0.1'] },
  };
  return run(t, zone, { defaultEndpoint: { ca: authority.caFile } });
}

for (const mode of ['starttls', 'direct'] as const) {
  test(`check: ${mode}: a good domain: every step, and exit code 0`, async (t) => {
    const { code, text } = await withCertificate(t, { names: [DOMAIN], days: 60 }, mode);
    assert.equal(code, 0);
    assert.match(text, /ok +policy +shop\.example is served/);
    assert.match(text, /ok +DNS +_xmpps?-client: priority 5, weight 0, xmpp\.shop\.example:\d+/);
    assert.match(text, mode === 'direct' ? /\(direct TLS\)/ : /\(STARTTLS\)/);
    assert.match(text, /ok +address +127\.0\.0\.1/);
    assert.match(text, /ok +TCP +connected to 127\.0\.0\.1 in \d+ ms/);
    assert.match(text, /ok +TLS +TLSv1\.3, TLS_/);
    assert.match(text, /ok +certificate +for shop\.example; by Sluice test authority \d+; (59|60) days left/);
    assert.match(text, /ok +features +log in by PLAIN, ANONYMOUS/);
    assert.match(text, /note +host-meta /);
    assert.match(text, /shop\.example: clients can log in/);
    assert.doesNotMatch(text, /FAIL|Next/);
  });
}

for (const [what, request, seen, next] of [
  ['that has run out', { names: [DOMAIN], days: 0 }, /FAIL +certificate .*; ran out on 20/, /Next: renew it/],
  [
    'for another name',
    { names: ['other.example'] },
    /FAIL +it is not for shop\.example \(it names other\.example\)/,
    /Next: get one that names shop\.example itself/,
  ],
  [
    'that is not valid yet',
    { names: [DOMAIN], isEarly: true },
    /FAIL +it is not valid yet/,
    /Next: compare the clocks/,
  ],
  [
    'that it has signed itself',
    { names: [DOMAIN], isSelfSigned: true },
    /FAIL +it has signed itself/,
    /Next: or pin it [^]*fingerprints = \["([0-9A-F]{2}:){31}/,
  ],
] as const) {
  test(`check: a certificate ${what}: what it is, what to do, and exit code 1`, async (t) => {
    const { code, text } = await withCertificate(t, request);
    assert.equal(code, 1);
    assert.match(text, seen);
    assert.match(text, next);
    assert.match(text, /no client can log in/);
  });
}

test('check: a certificate with a few days left is good, with a warning', async (t) => {
  const { code, text } = await withCertificate(t, { names: [DOMAIN], days: 3 });
  assert.equal(code, 0);
  assert.match(text, /warn +certificate .* [23] days left/);
});

test('check: a port where nobody listens: what to look at', async (t) => {
  const [port = 0] = await freePorts(1);
  const zone = { [`_xmpp-client._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port }] }, [HOST]: { A: ['127.0.0.1'] } };
  const { code, text } = await run(t, zone);
  assert.equal(code, 1);
  assert.match(text, /FAIL +TCP +127\.0\.0\.1: connection refused/);
  assert.match(
    text,
    new RegExp(`Nobody takes the connection at xmpp.shop.example:${port}[^]*Next: see that the XMPP server runs`),
  );
});

test('check: a domain that DNS does not know, and an SRV record to a name that it does not know', async (t) => {
  const unknown = await run(t, {});
  assert.equal(unknown.code, 1);
  assert.match(unknown.text, /FAIL +address +DNS knows no address of shop\.example/);
  assert.match(
    unknown.text,
    /Next: see that shop\.example is spelled right[^]*_xmpp-client\._tcp\.shop\.example\. SRV/,
  );
  const dangling = await run(t, { [`_xmpp-client._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port: 5222 }] } });
  assert.equal(dangling.code, 1);
  assert.match(dangling.text, /Next: add an address record for xmpp\.shop\.example/);
});

test('check: an address and a port that the gateway does not go to, and a domain that it does not serve', async (t) => {
  const zone = (port: number): FakeZone => ({
    [`_xmpp-client._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port }] },
    [HOST]: { A: ['10.1.2.3'] },
  });
  const inside = await run(t, zone(5222));
  assert.equal(inside.code, 1);
  assert.match(
    inside.text,
    /FAIL +address +10\.1\.2\.3 is private or special[^]*Next: [^]*host = "xmpp\.shop\.example"/,
  );
  const mail = await run(t, { ...zone(25), [HOST]: { A: ['127.0.0.1'] } });
  assert.match(mail.text, /port 25 is not among allowPorts/);
  const denied = await run(t, {}, { denyDomains: ['*.example'] });
  assert.equal(denied.code, 1);
  assert.match(denied.text, /FAIL +policy +shop\.example: denyDomains[^]*Next: name it in the settings/);
});

test('check: a server without TLS', async (t) => {
  const u = await ScriptedServer.start(t, { autoLogin: true });
  const zone = {
    [`_xmpp-client._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port: u.port }] },
    [HOST]: { A: ['127.0.0.1'] },
  };
  const { code, text } = await run(t, zone);
  assert.equal(code, 1);
  assert.match(text, /offers no STARTTLS[^]*Next: switch TLS for clients on/);
});

test('check: one dead server of two is shown, and does no harm', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'starttls', { names: [DOMAIN] }, { autoLogin: true });
  const [dead = 0] = await freePorts(1);
  const SRV = [
    { target: HOST, port: dead, priority: 1 },
    { target: HOST, port: u.port, priority: 2 },
  ];
  const zone = { [`_xmpp-client._tcp.${DOMAIN}`]: { SRV }, [HOST]: { A: ['127.0.0.1'] } };
  const { code, text } = await run(t, zone, { defaultEndpoint: { ca: authority.caFile } });
  assert.equal(code, 0);
  assert.match(text, /FAIL +TCP/);
});

test('check --config: what a configuration means, what may surprise, and what comes next', async (t) => {
  const authority = await authorityFor(t);
  const file = join(authority.caFile, '..', 'sluice.json');
  const domains = { 'a.example': { host: '192.0.2.1', tls: 'none' }, 'b.example': { ca: 'ca.pem' } };
  await writeFile(file, JSON.stringify({ port: 5281, domains }));
  const lines: string[] = [];
  const asked = { command: 'check', values: { config: file }, topic: undefined } as const;
  assert.equal(await check(asked, (line) => lines.push(line)), 0);
  const text = lines.join('\n');
  assert.match(text, /in order\.\n +listens +port 5281[^]*serves +a\.example, b\.example; others: none/);
  assert.match(text, /warning +a\.example: tls = "none" sends passwords to 192\.0\.2\.1 in clear text/);
  assert.match(text, /Next: sluice check a\.example --config /);
  await writeFile(file, JSON.stringify({ prot: 5281 }));
  await assert.rejects(
    check(asked, () => {}),
    /prot: is no setting; did you mean "port"\?/,
  );
});
