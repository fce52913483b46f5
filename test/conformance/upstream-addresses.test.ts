import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import type { Bench } from '../support/bench.ts';
import { connectsDuring } from '../support/connects.ts';
import type { FakeRecords, FakeZone } from '../support/fake-dns.ts';
import { openGateway } from '../support/open-gateway.ts';
import { KEY, ask, sha256 } from '../support/prebind.ts';

const DOMAIN = 'shop.example';
const HOST = 'xmpp.shop.example';
const PORT = 5222;

/** How a client comes in. `begin` ends when the client was told that there is no server for it. */
interface FrontEnd {
  readonly name: string;
  /** Whether its clients can ask for a route. */
  readonly hasRoute: boolean;
  begin(bench: Bench, to: string, route?: string): Promise<void>;
}

const FRONT_ENDS: readonly FrontEnd[] = [
  {
    name: 'BOSH',
    hasRoute: true,
    async begin(bench, to, route) {
      const { type, condition } = await bench.bosh().create({ to, route });
      assert.equal(type, 'terminate');
      assert.match(condition ?? '', /^(remote-connection-failed|host-unknown)$/);
    },
  },
  {
    name: 'WebSocket',
    hasRoute: false,
    async begin(bench, to) {
      const client = await bench.socket();
      client.open(`to='${to}' version='1.0'`);
      assert.match(await client.message(), /^<open /);
      assert.match(await client.message(), /<(remote-connection-failed|host-unknown) /);
    },
  },
  {
    name: 'prebind',
    hasRoute: false,
    async begin(bench, to) {
      // Somebody else each time: who has failed has to wait.
      const body = JSON.stringify({ jid: `${randomUUID()}@${to}`, password: 'secret' });
      const { status, text } = await ask(bench.t, bench.port, { body });
      assert.ok(status >= 400, text);
    },
  },
];
/** Any domain may be asked for, as often as one likes. */
const PREBIND = {
  prebindCallers: { site: { keyHash: sha256(KEY), domains: ['*'] } },
  prebindLoginsPerSecond: 1000,
};

/** Special ranges, with addresses at both ends of them. */
const RANGES: readonly (readonly [name: string, ...addresses: string[]])[] = [
  ['this network', '0.0.0.0', '0.255.255.255'],
  ['private 10/8', '10.0.0.0', '10.255.255.255'],
  ['shared 100.64/10', '100.64.0.0', '100.100.100.200', '100.127.255.255'],
  ['loopback', '127.0.0.1', '127.255.255.254'],
  ['link-local', '169.254.0.1', '169.254.169.254'],
  ['private 172.16/12', '172.16.0.1', '172.31.255.255'],
  ['IETF assignments', '192.0.0.8', '192.0.0.171'],
  ['documentation', '192.0.2.1', '198.51.100.1', '203.0.113.1'],
  ['6to4 relays', '192.88.99.1'],
  ['private 192.168/16', '192.168.0.1', '192.168.255.255'],
  ['benchmarking', '198.18.0.1', '198.19.255.255'],
  ['multicast', '224.0.0.1', '239.255.255.255'],
  ['reserved, broadcast', '240.0.0.1', '255.255.255.255'],
  ['IPv6 unspecified and loopback', '::', '::1'],
  ['IPv4-compatible', '::7f00:1', '::10.0.0.1', '::a9fe:a9fe'],
  ['IPv4-mapped', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe'],
  ['IPv4-translated', '::ffff:0:127.0.0.1'],
  ['NAT64', '64:ff9b::7f00:1', '64:ff9b::10.0.0.1', '64:ff9b:1::a00:1'],
  ['discard only', '100::1'],
  ['Teredo', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ['ORCHID', '2001:20::1'],
  ['IPv6 documentation', '2001:db8::1', '3fff::1'],
  ['6to4', '2002:7f00:1::1', '2002:a00:1::'],
  ['segment routing', '5f00::1'],
  ['unique local', 'fc00::1', 'fd00:ec2::254'],
  ['IPv6 link-local', 'fe80::1', 'febf::1'],
  ['IPv6 site-local', 'fec0::1'],
  ['IPv6 multicast', 'ff02::1'],
];

const recordsOf = (addresses: readonly string[]): FakeRecords => ({
  A: addresses.filter((address) => !address.includes(':')),
  AAAA: addresses.filter((address) => address.includes(':')),
});

const literal = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** Ways to an address, each of them the client's or a stranger's to choose. */
const WAYS: readonly {
  readonly name: string;
  readonly isRoute?: true;
  zone(records: FakeRecords, address: string): FakeZone;
  to(address: string): string;
  route?(address: string): string;
}[] = [
  { name: 'the domain, as an address', zone: () => ({}), to: literal },
  { name: "the domain's own address record", zone: (records) => ({ [DOMAIN]: records }), to: () => DOMAIN },
  ...(['_xmpp-client', '_xmpps-client'] as const).map((service) => ({
    name: `the target of ${service}`,
    zone: (records: FakeRecords) => ({
      [`${service}._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port: PORT }] },
      [HOST]: records,
    }),
    to: () => DOMAIN,
  })),
  {
    name: 'an address as the target of SRV',
    zone: (_records, address) => ({ [`_xmpp-client._tcp.${DOMAIN}`]: { SRV: [{ target: address, port: PORT }] } }),
    to: () => DOMAIN,
  },
  {
    name: 'a route to a name under an allowed suffix',
    isRoute: true,
    zone: (records) => ({ 'evil.pool.example': records }),
    to: () => DOMAIN,
    route: () => `xmpp:evil.pool.example:${PORT}`,
  },
  {
    name: 'a route to the address',
    isRoute: true,
    zone: () => ({}),
    to: () => DOMAIN,
    route: (address) => `xmpp:${literal(address)}:${PORT}`,
  },
];

for (const frontEnd of FRONT_ENDS) {
  for (const way of WAYS) {
    if (way.isRoute === true && !frontEnd.hasRoute) continue;
    test(`UP-ADDR-01, BOSH-SEC-10: ${frontEnd.name}: no connection to any special address by ${way.name}`, async (t) => {
      let zone: FakeZone = {};
      const changing = new Proxy({}, { get: (_target, name: string) => zone[name] }) as FakeZone;
      const routes = [`*.pool.example:${PORT}`];
      // What one round has learnt is no help to the next one.
      const { bench } = await openGateway(t, changing, { ...PREBIND, allowAddresses: [], dnsCacheSeconds: 0, routes });
      for (const [range, ...addresses] of RANGES) {
        for (const address of addresses) {
          zone = way.zone(recordsOf([address]), address);
          const connects = await connectsDuring(() => frontEnd.begin(bench, way.to(address), way.route?.(address)));
          assert.equal(connects, 1, `${range}: ${address}: the client alone connects`);
        }
      }
    });
  }

  test(`UP-ADDR-01: ${frontEnd.name}: DNS rebinding: what was checked is dialled, and nothing that DNS says later`, async (t) => {
    const ports = ['1024-65535'];
    for (const [range, special = ''] of RANGES) {
      let asked = 0;
      // At first a good address, where nobody listens; then the special one. And both of them in one answer.
      const rebinding = () => recordsOf(asked++ < 2 ? ['127.0.0.9'] : [special]);
      for (const [host, expected] of [
        [rebinding, [2, 1]],
        [recordsOf(['127.0.0.9', special]), [2, 2]],
      ] as const) {
        if (range === 'loopback') continue;
        asked = 0;
        const zone = { [`_xmpp-client._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port: 59_999 }] }, [HOST]: host };
        const settings = { ...PREBIND, allowAddresses: ['127.0.0.9'], allowPorts: ports, dnsCacheSeconds: 0 };
        const { bench } = await openGateway(t, zone, settings);
        const counts = [
          await connectsDuring(() => frontEnd.begin(bench, DOMAIN)),
          await connectsDuring(() => frontEnd.begin(bench, DOMAIN)),
        ];
        assert.deepEqual(counts, expected, `${range}: ${special}`);
      }
    }
  });
}

test('UP-ADDR-01: ports that are none of XMPP are not connected to, by SRV neither, nor where there is none', async (t) => {
  const zone = (port: number): FakeZone => ({
    [`_xmpp-client._tcp.${DOMAIN}`]: { SRV: [{ target: HOST, port }] },
    [HOST]: { A: ['127.0.0.1'] },
  });
  for (const port of [22, 25, 53, 80, 110, 445, 993]) {
    const { bench, reason } = await openGateway(t, zone(port));
    const connects = await connectsDuring(async () => {
      assert.equal((await bench.bosh().create({ to: DOMAIN })).condition, 'remote-connection-failed');
    });
    assert.equal(connects, 1);
    assert.match(reason('upstream-refused'), new RegExp(`port ${port} is not among allowPorts`));
  }
});
