import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { startBench } from '../support/bench.ts';
import { createAuthority } from '../support/certificates.ts';
import { FakeDns } from '../support/fake-dns.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

/** Besides U, another server of the same domain, and a gateway that may be asked to go there. */
async function routed(t: TestContext, routes: (port: number) => string[]) {
  const other = await ScriptedServer.start(t);
  return { other, bench: await startBench(t, { routes: routes(other.port) }) };
}

test('BOSH-SESSION-12: without routes in the settings any route leads to the configured server', async (t) => {
  const bench = await startBench(t);
  for (const route of ['xmpp:127.0.0.1:22', 'xmpp:example.org:5222', 'xmpp:[::1]:5222', 'XMPP:other.example:1']) {
    const { client } = await bench.session({ route });
    assert.ok(client.sid, route);
  }
});

for (const host of ['127.0.0.1', 'localhost']) {
  test(`BOSH-SESSION-12: a route to ${host} that is allowed by its whole name is followed and trusted; the stream is still to the domain`, async (t) => {
    const { other, bench } = await routed(t, (port) => [`${host}:${port}`]);
    const client = bench.bosh();
    const created = client.create({ route: `xmpp:${host}:${other.port}` });
    const server = await other.accept();
    assert.match(await server.expectHeader(), / to='example\.com'/);
    server.sendHeader('');
    assert.equal((await created).attributes['from'], 'example.com');
    assert.equal(bench.u.untaken, 0);
    await bench.session();
  });
}

test('BOSH-SESSION-12: an IPv6 address stands in brackets', async (t) => {
  const listener = createServer((socket) => void socket.destroy());
  const isThere = await new Promise((resolve) => {
    listener.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true));
  });
  t.after(() => listener.close());
  let connections = 0;
  listener.on('connection', () => void connections++);
  // On a machine without IPv6 it is understood as well, and leads nowhere.
  const port = isThere === true ? (listener.address() as AddressInfo).port : 5999;
  const bench = await startBench(t, { routes: [`[::1]:${port}`] });
  const answer = await bench.bosh().create({ route: `xmpp:[::1]:${port}` });
  assert.deepEqual([answer.condition, connections], ['remote-connection-failed', isThere === true ? 1 : 0]);
  assert.equal((await bench.bosh().create({ route: `xmpp:::1:${port}` })).condition, 'bad-request');
});

test('BOSH-SESSION-12: a route under an allowed suffix is resolved and tried; others of its kind are not', async (t) => {
  const dns = await FakeDns.start(t, {});
  const bench = await startBench(t, { routes: ['*.pool.example:5999'], dnsServers: dns.servers });
  const ask = async (route: string) => (await bench.bosh().create({ route })).condition;
  assert.equal(await ask('xmpp:h1.pool.example:5999'), 'remote-connection-failed');
  assert.deepEqual(dns.questions.splice(0).toSorted(), ['A h1.pool.example', 'AAAA h1.pool.example']);
  for (const place of [
    'pool.example:5999',
    'evilpool.example:5999',
    'h1.pool.example:5998',
    'h1.pool.example.evil:5999',
  ]) {
    assert.equal(await ask(`xmpp:${place}`), 'host-unknown', place);
  }
  assert.deepEqual([dns.questions, bench.u.untaken], [[], 0]);
});

for (const place of ['127.0.0.1:22', 'redis.internal:6379', '169.254.169.254:80', '[::1]:22', 'localhost:5222']) {
  test(`B-23, BOSH-SESSION-12: route='xmpp:${place}' is host-unknown, and no connection, although others are allowed`, async (t) => {
    const { other, bench } = await routed(t, (port) => [`127.0.0.1:${port}`, '*.internal:5222']);
    const { type, condition } = await bench.bosh().create({ route: `xmpp:${place}` });
    assert.deepEqual([type, condition], ['terminate', 'host-unknown']);
    assert.equal(other.untaken, 0);
    await bench.proveHealthy();
  });
}

for (const route of [
  ...['xmpp:h:5222&#13;&#10;X', 'xmpp:h:0', 'xmpp:h:70000', 'xmpp::5222', ':::', ''],
  ...['xmpp://h:1', 'h:5222', 'xmpp:h', 'xmpp:h:99999', 'http:h:80', 'xmpp:h:', 'xmpp:h:5222:1', 'xmpp:a b:5222'],
  ...['xmpp:[::1:5222', 'xmpp:h:-1', 'xmpp:h:5e3', 'xmpp:h:٥٢٢٢', ' xmpp:h:5222', 'xmpp:h&#0;:5222'],
]) {
  test(`B-24, BOSH-SESSION-12: route='${route}' is bad-request`, async (t) => {
    const { other, bench } = await routed(t, (port) => [`127.0.0.1:${port}`, 'h:5222']);
    const { type, condition } = await bench.bosh().create({ route });
    assert.deepEqual([type, condition], ['terminate', 'bad-request']);
    assert.equal(other.untaken, 0);
    await bench.proveHealthy();
  });
}

for (const mode of ['direct', 'starttls'] as const) {
  for (const [whose, isTheDomains] of [
    ['the host of the route alone', false],
    ['the domain', true],
  ] as const) {
    test(`BOSH-SESSION-13: ${mode}: a route to a server with a certificate for ${whose}: ${isTheDomains ? 'a session' : 'remote-connection-failed'}`, async (t) => {
      const authority = await createAuthority();
      t.after(() => authority.remove());
      const request = isTheDomains
        ? { names: ['example.com'] }
        : { names: ['localhost', 'xmpp.example.org'], addresses: ['127.0.0.1'] };
      const { certificateFile, keyFile } = await authority.issue(request);
      const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
      const u = await ScriptedServer.start(t, { tls: { cert, key, mode } });
      const domains = { 'example.com': { host: 'elsewhere.invalid', tls: mode, ca: authority.caFile } };
      const bench = await startBench(t, { domains, routes: [`localhost:${u.port}`] });
      const created = bench.bosh().create({ route: `xmpp:localhost:${u.port}` });
      const server = mode === 'starttls' || isTheDomains ? await u.accept() : undefined;
      const negotiated = server?.negotiate();
      if (isTheDomains) {
        await negotiated;
        assert.ok((await created).attributes['sid']);
        assert.match(server?.received ?? '', / to='example\.com'/);
        assert.equal(server?.socket instanceof TLSSocket && Reflect.get(server.socket, 'servername'), 'example.com');
      } else {
        negotiated?.catch(() => {});
        const { type, condition } = await created;
        assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
      }
    });
  }
}

test('B-23: a route in a request that adds a stream is filtered too', async (t) => {
  const { other, bench } = await routed(t, (port) => [`127.0.0.1:${port}`]);
  const { client, server } = await bench.login();
  const { type, condition } = await client.ask('', { to: 'example.com', route: 'xmpp:127.0.0.1:22' });
  assert.deepEqual([type, condition], ['terminate', 'host-unknown']);
  assert.deepEqual([other.untaken, bench.u.untaken], [0, 0]);
  const added = client.send('', { to: 'example.com', route: `xmpp:127.0.0.1:${other.port}` });
  await (await other.accept()).expectHeader();
  await added;
  assert.equal(server.ended, undefined);
});
