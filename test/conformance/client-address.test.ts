import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { decodeProxyHeader } from '../../src/core/proxy-header.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import { startBench, type Bench } from '../support/bench.ts';
import { body } from '../support/bosh-client.ts';
import { authorityFor, securedServer } from '../support/open-gateway.ts';
import { startListener } from '../support/client-hello.ts';

const ME = '127.0.0.1';

/** The address that a session is said to come from, by BOSH and by WebSocket. */
async function seenBy(bench: Bench, headers: Readonly<Record<string, string>>): Promise<string[]> {
  const seen: string[] = [];
  const listen = ({ session }: { session: { clientAddress: string } }): void => void seen.push(session.clientAddress);
  bench.gateway.events.on('stream-add', listen);
  await bench.session({}, { headers });
  const socket = await bench.socket({ headers });
  socket.open();
  await (await bench.u.accept()).negotiate();
  await socket.message();
  bench.gateway.events.off('stream-add', listen);
  return seen;
}

/** What is trusted, where it is said, what is said, and who that is then. */
// prettier-ignore
const RULES: readonly (readonly [proxies: string[], header: GatewayOptions['proxyHeader'], headers: Record<string, string>, address: string])[] = [
  [[], undefined, { 'X-Forwarded-For': '203.0.113.1', Forwarded: 'for=203.0.113.1' }, ME],
  [['192.0.2.0/24'], undefined, { 'X-Forwarded-For': '203.0.113.1' }, ME],
  [[ME], undefined, {}, ME],
  [[ME], undefined, { 'X-Forwarded-For': '203.0.113.1' }, '203.0.113.1'],
  [[ME], undefined, { 'X-Forwarded-For': '198.51.100.9, 203.0.113.1' }, '203.0.113.1'],
  [['127.0.0.0/8', '10.0.0.0/8'], undefined, { 'X-Forwarded-For': '198.51.100.9, 203.0.113.1, 10.0.0.3, 10.0.0.2' }, '203.0.113.1'],
  [['127.0.0.0/8', '10.0.0.0/8'], undefined, { 'X-Forwarded-For': '10.0.0.3, 10.0.0.2' }, '10.0.0.3'],
  [[ME], undefined, { 'X-Forwarded-For': 'unknown' }, ME],
  [[ME], undefined, { 'X-Forwarded-For': '203.0.113.1, garbage' }, ME],
  [[ME], undefined, { 'X-Forwarded-For': '203.0.113.1:4711' }, '203.0.113.1'],
  [[ME], undefined, { 'X-Forwarded-For': '[2001:db8::7]:4711' }, '2001:db8::7'],
  [[ME], undefined, { 'X-Forwarded-For': '2001:db8::7' }, '2001:db8::7'],
  [[ME], undefined, { 'X-Forwarded-For': '::ffff:203.0.113.1' }, '203.0.113.1'],
  [[ME], undefined, { Forwarded: 'for=203.0.113.1', 'X-Real-IP': '203.0.113.2' }, ME],
  [[ME], 'forwarded', { Forwarded: 'for=203.0.113.1', 'X-Forwarded-For': '198.51.100.1' }, '203.0.113.1'],
  [[ME], 'forwarded', { Forwarded: 'proto=https; For="[2001:db8::7]:47"' }, '2001:db8::7'],
  [[ME], 'forwarded', { Forwarded: 'for=198.51.100.9;by=x, for=203.0.113.1' }, '203.0.113.1'],
  [[ME], 'forwarded', { Forwarded: 'for=_hidden' }, ME],
  [[ME], 'forwarded', { 'X-Forwarded-For': '203.0.113.1' }, ME],
];

for (const [trustedProxies, proxyHeader, headers, address] of RULES) {
  const said =
    Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('; ') || 'nothing';
  test(`BOSH-HTTP-15: trusted: ${trustedProxies.join() || 'nobody'}, ${proxyHeader ?? 'by default'}: ${said}: it is ${address}`, async (t) => {
    const bench = await startBench(t, { trustedProxies, ...(proxyHeader !== undefined && { proxyHeader }) });
    assert.deepEqual(await seenBy(bench, headers), [address, address]);
  });
}

test('BOSH-HTTP-15, BOSH-SEC-08: behind a trusted proxy its clients are counted, each for itself', async (t) => {
  const settings = {
    trustedProxies: [ME],
    maxSessionsPerAddress: 1,
    maxConnectionsPerAddress: 1,
    limitPrivateAddresses: true,
  };
  const bench = await startBench(t, settings);
  const create = (address: string) =>
    bench.request({
      path: '/http-bind/',
      body: body({ rid: 1, to: 'example.com', ver: '1.11' }),
      headers: { 'X-Forwarded-For': address },
    });
  for (const address of ['203.0.113.1', '203.0.113.2']) {
    const created = create(address);
    await (await bench.u.accept()).negotiate();
    assert.equal((await created).status, 200);
    assert.equal((await create(address)).status, 503);
  }
});

/** A creation request on a connection that begins like this; the head of the answer. */
async function askBehind(t: TestContext, socket: Socket, prefix: string | Buffer): Promise<string> {
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  const text = body({ rid: 1, to: 'example.com', ver: '1.11', wait: 1 });
  socket.write(prefix);
  socket.write(`POST /http-bind/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  const [first] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean];
  return typeof first === 'boolean' ? '' : first.toString();
}

const LINE = 'PROXY TCP4 203.0.113.7 127.0.0.1 555 80\r\n';
const BEHIND_PROXY = { trustedProxies: [ME], proxyHeader: 'proxy-protocol' as const };

test('PROXY in: the address of a client behind a proxy, for HTTP and for https', async (t) => {
  const authority = await authorityFor(t);
  const { certificateFile, keyFile } = await authority.issue({ names: ['localhost'] });
  const bench = await startBench(
    t,
    { ...BEHIND_PROXY, tlsPort: 0, tlsCert: certificateFile, tlsKey: keyFile },
    { autoLogin: true },
  );
  const seen: string[] = [];
  bench.gateway.events.on('stream-add', ({ session }) => seen.push(session.clientAddress));
  assert.match(await askBehind(t, connect(bench.port, ME), LINE), /^HTTP\/1\.1 200/);
  const raw = connect(bench.gateway.tlsPort ?? 0, ME);
  raw.write(LINE.replace('.7', '.8'));
  assert.match(await askBehind(t, connectTls({ socket: raw, rejectUnauthorized: false }), ''), /^HTTP\/1\.1 200/);
  const v2 = Buffer.from('0d0a0d0a000d0a515549540a2111000ccb0071097f000001022b0050', 'hex');
  assert.match(await askBehind(t, connect(bench.port, ME), v2), /^HTTP\/1\.1 200/);
  assert.match(await askBehind(t, connect(bench.port, ME), 'PROXY UNKNOWN\r\n'), /^HTTP\/1\.1 200/);
  assert.deepEqual(seen, ['203.0.113.7', '203.0.113.8', '203.0.113.9', ME]);
});

test('PROXY in: a proxy that does not say who comes is cut; who is no proxy cannot say it', async (t) => {
  const trusting = await startBench(t, BEHIND_PROXY, { autoLogin: true });
  for (const prefix of ['', 'PROXY TCP4 nonsense\r\n', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n']) {
    assert.equal(await askBehind(t, connect(trusting.port, ME), prefix), '', prefix);
  }
  const wary = await startBench(t, { ...BEHIND_PROXY, trustedProxies: ['192.0.2.1'] }, { autoLogin: true });
  assert.match(await askBehind(t, connect(wary.port, ME), ''), /^HTTP\/1\.1 200/);
  assert.match(await askBehind(t, connect(wary.port, ME), LINE), /^HTTP\/1\.1 400/);
  // Fields of HTTP do not count then.
  const seen: string[] = [];
  trusting.gateway.events.on('stream-add', ({ session }) => seen.push(session.clientAddress));
  assert.match(await askBehind(t, connect(trusting.port, ME), LINE), /^HTTP\/1\.1 200/);
  assert.deepEqual(seen, ['203.0.113.7']);
});

test('PROXY in: one who begins and does not go on is cut', async (t) => {
  const bench = await startBench(t, { ...BEHIND_PROXY, requestSeconds: 1 });
  const socket = connect(bench.port, ME);
  t.after(() => socket.destroy());
  socket.write('PROXY TCP4 ');
  socket.resume();
  await once(socket, 'close');
});

for (const proxyProtocol of ['v1', 'v2'] as const) {
  for (const tls of ['none', 'starttls', 'direct'] as const) {
    test(`PROXY out: ${proxyProtocol}, ${tls}: the server is told whose connection it is, before anything else`, async (t) => {
      const { port, first } = await startListener(t);
      const bench = await startBench(t, {
        trustedProxies: [ME],
        domains: { 'example.com': { host: ME, port, tls, proxyProtocol } },
        attemptSeconds: 0.3,
        negotiateSeconds: 0.3,
      });
      const created = bench.bosh({ headers: { 'X-Forwarded-For': '203.0.113.5' } }).create();
      const bytes = await first();
      const { source, length } = decodeProxyHeader(bytes) ?? assert.fail('no PROXY header');
      assert.equal(source?.address, '203.0.113.5');
      const rest = bytes.subarray(length).toString('latin1');
      if (rest !== '') assert.ok(rest.startsWith(tls === 'direct' ? '\x16\x03' : '<?xml'));
      await created;
    });
  }
}

test('PROXY out: domains that do not ask for it get none', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'starttls');
  const domains = { 'example.com': { host: ME, port: u.port, tls: 'starttls', ca: authority.caFile } } as const;
  const bench = await startBench(t, { domains });
  const created = bench.bosh().create();
  const server = await u.accept();
  await server.negotiate();
  await created;
  assert.ok(server.received.startsWith('<?xml'));
});
