import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { DomainLookup } from '../../src/upstream/lookup.ts';
import type { Dns } from '../../src/upstream/dns.ts';
import { startBlackHole } from '../support/black-hole.ts';
import { connectsDuring } from '../support/connects.ts';
import type { FakeZone } from '../support/fake-dns.ts';
import { authorityFor, openGateway, securedServer } from '../support/open-gateway.ts';
import { ScriptedServer } from '../support/scripted-server.ts';
import { within } from '../support/waiting.ts';
import { freePorts } from '../support/real-server.ts';

const DOMAIN = 'shop.example';
const STARTTLS = `_xmpp-client._tcp.${DOMAIN}`;
const DIRECT = `_xmpps-client._tcp.${DOMAIN}`;
const HOST = 'xmpp.shop.example';
const LOCAL = { A: ['127.0.0.1'] };

/** Two servers of the domain: one wants STARTTLS, one has direct TLS; and a gateway for them. */
async function twoWays(t: TestContext, zone: (starttls: number, direct: number) => FakeZone, settings = {}) {
  const authority = await authorityFor(t);
  const [starttls, direct] = await Promise.all([
    securedServer(t, authority, 'starttls', { names: [DOMAIN] }),
    securedServer(t, authority, 'direct', { names: [DOMAIN] }),
  ]);
  const all = { [HOST]: LOCAL, ...zone(starttls.port, direct.port) };
  const defaultEndpoint = { ca: authority.caFile };
  return { starttls, direct, ...(await openGateway(t, all, { defaultEndpoint, ...settings })) };
}

for (const [what, priorities, first] of [
  ['direct TLS at 5, STARTTLS at 10', [10, 5], 'direct'],
  ['direct TLS at 10, STARTTLS at 5', [5, 10], 'starttls'],
] as const) {
  test(`UP-DNS-02, UP-DNS-03: ${what}: ${first} is taken`, async (t) => {
    const { bench, starttls, direct } = await twoWays(t, (plain, secured) => ({
      [STARTTLS]: { SRV: [{ target: HOST, port: plain, priority: priorities[0] }] },
      [DIRECT]: { SRV: [{ target: HOST, port: secured, priority: priorities[1] }] },
    }));
    const created = bench.bosh().create({ to: DOMAIN });
    const server = await (first === 'direct' ? direct : starttls).accept();
    await server.negotiate();
    assert.ok((await created).attributes['sid']);
    assert.equal((first === 'direct' ? starttls : direct).untaken, 0);
    assert.ok(server.socket instanceof TLSSocket);
    // The scripted server with STARTTLS has read the header in clear, the other one nothing but TLS.
    assert.equal(server.received.match(/<stream:stream /g)?.length, first === 'direct' ? 1 : 2);
  });
}

test('UP-DNS-01: a dead server at priority 10, a living one at 20: the second is used, at once', async (t) => {
  const [dead = 0] = await freePorts(1);
  const { bench, starttls } = await twoWays(t, (port) => ({
    [STARTTLS]: {
      SRV: [
        { target: HOST, port: dead, priority: 10 },
        { target: HOST, port, priority: 20 },
      ],
    },
  }));
  const start = performance.now();
  const created = bench.bosh().create({ to: DOMAIN });
  await (await starttls.accept()).negotiate();
  assert.ok((await created).attributes['sid']);
  assert.ok(performance.now() - start < 1000);
});

test('UP-DNS-01: a thousand look-ups with the weights 80 and 20 begin about as often with each', async () => {
  const record = (name: string, weight: number) => ({ name, weight, port: 5222, priority: 10 });
  const records = [record('a.example', 80), record('b.example', 20)];
  const dns = { srv: async (name: string) => (name.startsWith('_xmpp-client') ? records : []) } as unknown as Dns;
  const lookup = new DomainLookup({ domains: {} }, [], dns);
  let first = 0;
  for (let i = 0; i < 1000; i++) {
    const request = { to: DOMAIN, transport: 'bosh', clientAddress: '' } as const;
    for await (const { host } of lookup.targets(request, new AbortController().signal)) {
      if (host === 'a.example') first++;
      break;
    }
  }
  assert.ok(first > 740 && first < 860, `${first} of 1000`);
});

test('UP-DNS-04: "." for direct TLS leaves STARTTLS; "." for both is a failure, without a SYN to the address record', async (t) => {
  const none = { SRV: [{ target: '.', port: 0 }] };
  const one = await twoWays(t, (port) => ({ [DIRECT]: none, [STARTTLS]: { SRV: [{ target: HOST, port }] } }));
  const created = one.bench.bosh().create({ to: DOMAIN });
  await (await one.starttls.accept()).negotiate();
  assert.ok((await created).attributes['sid']);

  for (const zone of [{ [DIRECT]: none, [STARTTLS]: none }, { [STARTTLS]: none }, { [DIRECT]: none }]) {
    const { bench, dns, reason } = await openGateway(t, { ...zone, [DOMAIN]: LOCAL });
    const connects = await connectsDuring(async () => {
      assert.equal((await bench.bosh().create({ to: DOMAIN })).condition, 'remote-connection-failed');
    });
    assert.equal(connects, 1, 'the client alone connects');
    assert.ok(!dns.questions.some((question) => question.endsWith(` ${DOMAIN}`)), dns.questions.join());
    assert.match(reason('upstream-unreachable'), /offers no XMPP/);
  }
});

test('UP-DNS-05: without SRV records the domain itself is dialled, at 5222', async (t) => {
  for (const zone of [{ [DOMAIN]: LOCAL }, { [DOMAIN]: LOCAL, [STARTTLS]: {}, [DIRECT]: {} }]) {
    const { bench, dns, reason } = await openGateway(t, zone, { allowAddresses: ['127.0.0.0/8'] });
    const { condition } = await bench.bosh().create({ to: DOMAIN });
    assert.equal(condition, 'remote-connection-failed');
    assert.ok(dns.questions.includes(`A ${DOMAIN}`));
    assert.match(reason('upstream-unreachable'), /^shop\.example:5222 \(starttls\): 127\.0\.0\.1: connection refused$/);
  }
});

test('UP-DNS-05: a name server that fails is not one that says no', async (t) => {
  const { bench, dns } = await openGateway(t, { [STARTTLS]: 'broken', [DOMAIN]: LOCAL });
  assert.equal((await bench.bosh().create({ to: DOMAIN })).condition, 'remote-connection-failed');
  assert.ok(!dns.questions.includes(`A ${DOMAIN}`));
});

test('UP-DNS-06: a fixed server needs no DNS: neither in its own entry nor as the default', async (t) => {
  const u = await ScriptedServer.start(t, { autoLogin: true });
  const fixed = { host: '127.0.0.1', port: u.port, tls: 'none' } as const;
  for (const settings of [{ domains: { [DOMAIN]: fixed } }, { defaultEndpoint: fixed }]) {
    const { bench, dns } = await openGateway(t, {}, settings);
    assert.ok((await bench.bosh().create({ to: DOMAIN })).attributes['sid']);
    assert.deepEqual(dns.questions, []);
  }
});

test('UP-DNS-07: an address that does not answer costs less than 400 ms', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'starttls', { names: [DOMAIN] });
  await startBlackHole(t, '127.0.0.2', u.port);
  const zone = {
    [STARTTLS]: { SRV: [{ target: HOST, port: u.port }] },
    [HOST]: { A: ['127.0.0.2', '127.0.0.1'] },
  };
  const { bench } = await openGateway(t, zone, { defaultEndpoint: { ca: authority.caFile } });
  const start = performance.now();
  const created = bench.bosh().create({ to: DOMAIN });
  const server = await u.accept();
  const took = performance.now() - start;
  assert.ok(took > 200 && took < 400, `${took} ms`);
  await server.negotiate();
  assert.ok((await created).attributes['sid']);
});

test('UP-DNS-07: IPv6 that is refused and IPv4 that is alive: connected in less than a second', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'direct', { names: [DOMAIN] });
  const zone = {
    [DIRECT]: { SRV: [{ target: HOST, port: u.port }] },
    [HOST]: { AAAA: ['::1'], A: ['127.0.0.1'] },
  };
  const { bench } = await openGateway(t, zone, { defaultEndpoint: { ca: authority.caFile } });
  const created = bench.bosh().create({ to: DOMAIN });
  await (await within(u.accept(), 'a connection', 1000)).negotiate();
  assert.ok((await created).attributes['sid']);
});

test('UP-DNS-08, U-01: all servers leave SYNs unanswered: remote-connection-failed when the time is over', async (t) => {
  const port = await startBlackHole(t, '127.0.0.2');
  const zone = {
    [STARTTLS]: { SRV: [1, 2, 3, 4, 5, 6].map((priority) => ({ target: HOST, port, priority })) },
    [HOST]: { A: ['127.0.0.2'] },
  };
  const settings = { connectSeconds: 0.8, attemptSeconds: 0.3, creationWaitSeconds: 5 };
  const { bench, reason } = await openGateway(t, zone, settings);
  const start = performance.now();
  assert.equal((await bench.bosh().create({ to: DOMAIN })).condition, 'remote-connection-failed');
  const took = performance.now() - start;
  assert.ok(took > 750 && took < 1500, `${took} ms`);
  assert.match(
    reason('upstream-timeout'),
    /xmpp\.shop\.example:\d+ \(starttls\): .*no answer in 0\.3 s; no connection in 0\.8 s/,
  );
});

test('UP-DNS-08: the next server is tried after one that takes the connection and hangs up, not after one that has greeted', async (t) => {
  const [silent, greeting, good] = await Promise.all([1, 2, 3].map(() => ScriptedServer.start(t)));
  const [a, b, c] = [silent, greeting, good].map((server) => server?.port ?? 0) as [number, number, number];
  const zone = (...ports: number[]) => ({
    [STARTTLS]: { SRV: ports.map((port, priority) => ({ target: HOST, port, priority })) },
    [HOST]: LOCAL,
  });
  const settings = { domains: { [DOMAIN]: { tls: 'optional' as const } }, serveOthers: true };
  const first = await openGateway(t, zone(a, c), settings);
  const created = first.bench.bosh().create({ to: DOMAIN });
  (await silent?.accept())?.hangUp();
  await (await good?.accept())?.negotiate();
  assert.ok((await created).attributes['sid']);

  const second = await openGateway(t, zone(b, c), settings);
  const failed = second.bench.bosh().create({ to: DOMAIN });
  const server = await greeting?.accept();
  await server?.expectHeader();
  server?.sendHeader();
  server?.hangUp();
  assert.equal((await failed).condition, 'remote-connection-failed');
  assert.equal(good?.untaken, 0);
});

for (const mode of ['starttls', 'direct'] as const) {
  test(`UP-DNS-09, U-14: ${mode}: a certificate for the SRV target alone is refused`, async (t) => {
    const authority = await authorityFor(t);
    const u = await securedServer(t, authority, mode, { names: [HOST] });
    const zone = {
      [mode === 'direct' ? DIRECT : STARTTLS]: { SRV: [{ target: HOST, port: u.port }] },
      [HOST]: LOCAL,
    };
    const { bench, reason } = await openGateway(t, zone, { defaultEndpoint: { ca: authority.caFile } });
    const created = bench.bosh().create({ to: DOMAIN, from: `user@${DOMAIN}` });
    if (mode === 'starttls') (await u.accept()).negotiate().catch(() => {});
    assert.equal((await created).condition, 'remote-connection-failed');
    assert.match(reason('upstream-tls'), /is not for shop\.example but for xmpp\.shop\.example/);
    assert.doesNotMatch(u.received, /user@|<auth/);
  });
}

test('UP-DNS-10: two sessions in a second are one set of questions', async (t) => {
  const { bench, dns, starttls } = await twoWays(t, (port) => ({
    [STARTTLS]: { SRV: [{ target: HOST, port }] },
    [HOST]: { ...LOCAL, ttl: 30 },
  }));
  for (let i = 0; i < 2; i++) {
    const created = bench.bosh().create({ to: DOMAIN });
    await (await starttls.accept()).negotiate();
    assert.ok((await created).attributes['sid']);
  }
  assert.deepEqual(dns.questions.toSorted(), [`A ${HOST}`, `AAAA ${HOST}`, `SRV ${STARTTLS}`, `SRV ${DIRECT}`]);
});

test('UP-DNS-01: an embedder finds the servers by a lookup of its own', async (t) => {
  const u = await ScriptedServer.start(t, { autoLogin: true });
  const asked: string[] = [];
  const lookup = {
    async *targets({ to }: { to: string }) {
      asked.push(to);
      yield { host: '127.0.0.1', port: u.port, tls: 'none' as const, trusted: true };
    },
  };
  const { bench, dns } = await openGateway(t, {}, { lookup });
  assert.ok((await bench.bosh().create({ to: DOMAIN })).attributes['sid']);
  assert.deepEqual([asked, dns.questions], [[DOMAIN], []]);
});

test('U-33: CNAME loops, port 0, targets that are no names, more records than anybody needs: bounded, and what is good is used', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'starttls', { names: [DOMAIN] });
  const odd = ['bad target.example', 'a..b', '127.0.0.1', '-'].map((target) => ({ target, port: u.port, priority: 1 }));
  const zone: FakeZone = {
    [STARTTLS]: {
      SRV: [
        { target: HOST, port: 0, priority: 0 },
        ...odd,
        { target: 'loop.shop.example', port: u.port, priority: 2 },
        { target: HOST, port: u.port, priority: 3 },
      ],
    },
    'loop.shop.example': { CNAME: ['loop.shop.example'] },
    [HOST]: LOCAL,
  };
  const { bench } = await openGateway(t, zone, { defaultEndpoint: { ca: authority.caFile } });
  const created = bench.bosh().create({ to: DOMAIN });
  await (await u.accept()).negotiate();
  assert.ok((await created).attributes['sid']);
  assert.equal(u.untaken, 0);

  const many = Array.from({ length: 10_000 }, (_, i) => ({
    name: `h${i}.example`,
    port: 5222,
    priority: i,
    weight: 0,
  }));
  const dns = { srv: async () => many } as unknown as Dns;
  const hosts: string[] = [];
  const request = { to: DOMAIN, transport: 'bosh', clientAddress: '' } as const;
  const start = performance.now();
  const lookup = new DomainLookup({ domains: { [DOMAIN]: { tls: 'starttls' } } }, [], dns);
  for await (const { host } of lookup.targets(request, new AbortController().signal)) hosts.push(host);
  assert.deepEqual([hosts.length, hosts[0]], [16, 'h0.example']);
  assert.ok(performance.now() - start < 500);
});
