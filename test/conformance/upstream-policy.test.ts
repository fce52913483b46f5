import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { readAnswer } from '../support/bosh-client.ts';
import { FakeDns } from '../support/fake-dns.ts';
import { openGateway } from '../support/open-gateway.ts';
import { ScriptedServer } from '../support/scripted-server.ts';
import { eventually } from '../support/waiting.ts';

const refused = async (bench: Awaited<ReturnType<typeof startBench>>, to: string): Promise<string | undefined> =>
  (await bench.bosh().create({ to })).condition;

for (const transport of ['bosh', 'websocket'] as const) {
  test(`BOSH-SESSION-03: allowDomains and denyDomains: by name, suffix and regular expression (${transport})`, async (t) => {
    const dns = await FakeDns.start(t, {});
    const bench = await startBench(t, {
      serveOthers: true,
      dnsServers: dns.servers,
      dnsCacheSeconds: 0,
      allowDomains: ['one.test', '*.two.test', '/^chat\\d+\\.three\\.test$/', /four\.test/],
      denyDomains: ['bad.two.test', '*.evil.two.test', '/x.*\\.two\\.test/', 'example.com'],
    });
    const isServed = async (to: string): Promise<boolean> => {
      dns.questions.length = 0;
      if (transport === 'bosh') {
        const condition = await refused(bench, to);
        assert.equal(condition, dns.questions.length > 0 ? 'remote-connection-failed' : 'host-unknown', to);
      } else {
        const client = await bench.socket();
        client.open(`to='${to}' version='1.0'`);
        await client.message();
        const isThere = /<remote-connection-failed /.test(await client.message());
        assert.equal(isThere, dns.questions.length > 0, to);
      }
      return dns.questions.length > 0;
    };
    for (const to of ['one.test', 'ONE.test.', 'a.two.test', 'b.a.two.test', 'chat7.three.test', 'four.test']) {
      assert.equal(await isServed(to), true, to);
    }
    for (const to of [
      ...[
        'two.test',
        'one.test.evil',
        'xone.test',
        'a.one.test',
        'chat.three.test',
        'chat7.three.test.evil',
        'xfour.test',
      ],
      ...['bad.two.test', 'a.evil.two.test', 'xy.two.test', 'example.com', 'localhost', 'other.test'],
    ]) {
      assert.equal(await isServed(to), false, to);
    }
    assert.equal(bench.u.untaken, 0, 'a denied domain is denied although it is named');
  });
}

test('BOSH-SESSION-03: where domains are named, only they are served', async (t) => {
  const dns = await FakeDns.start(t, {});
  const bench = await startBench(t, { dnsServers: dns.servers });
  assert.equal(await refused(bench, 'other.test'), 'host-unknown');
  assert.deepEqual(dns.questions, []);
  await bench.proveHealthy();
});

test('BOSH-SEC-08: a server of strangers that is slow takes the places of its own domain only', async (t) => {
  const { bench } = await openGateway(
    t,
    { '_xmpp-client._tcp.slow.test': 'silent', '_xmpps-client._tcp.slow.test': 'silent' },
    { maxDialsPerDomain: 2, connectSeconds: 1, creationWaitSeconds: 0 },
  );
  for (let i = 0; i < 2; i++) assert.ok((await bench.bosh().create({ to: 'slow.test' })).attributes['sid']);
  const create = (to: string) =>
    bench.bosh().post(`<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='${to}' ver='1.11'/>`);
  const { status, header } = await create('slow.test');
  assert.deepEqual([status, header('retry-after')], [503, '5']);
  assert.equal(readAnswer(await create('quick.test')).status, 200);
  await eventually('the places are free again', () => bench.gateway.stats().streams === 0);
  assert.ok((await bench.bosh().create({ to: 'slow.test' })).attributes['sid']);
});

test('predecessor: a default server for all domains; an entry with a host of its own goes there', async (t) => {
  const [common, own] = await Promise.all([1, 2].map(() => ScriptedServer.start(t)));
  const at = (u: ScriptedServer | undefined) => ({ host: '127.0.0.1', port: u?.port ?? 0, tls: 'none' as const });
  const bench = await startBench(t, {
    domains: { 'own.test': at(own) },
    defaultEndpoint: at(common),
    serveOthers: true,
  });
  for (const [to, u] of [
    ['any.test', common],
    ['own.test', own],
  ] as const) {
    const created = bench.bosh().create({ to });
    assert.match((await (await u?.accept())?.expectHeader()) ?? '', new RegExp(` to='${to}'`));
    u?.connections.at(-1)?.sendHeader('');
    assert.ok((await created).attributes['sid']);
  }
});
