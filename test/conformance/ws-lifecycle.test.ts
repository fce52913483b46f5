import assert from 'node:assert/strict';
import test from 'node:test';
import { AUTH, BIND, MECHANISMS, startBench, SUCCESS } from '../support/bench.ts';
import { infoset } from '../support/infoset.ts';
import { SERVER_HEADER } from '../support/namespace-vectors.ts';
import { FRAMING, type RawWebSocket } from '../support/raw-websocket.ts';

const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;
const CLOSE = `<close xmlns="${FRAMING}" />`;
const OPEN = `<open xmlns='${FRAMING}' to='example.com' version='1.0'/>`;

/** `<open/>` where none came yet, that error, `<close/>`, 1000. */
async function endsWith(client: RawWebSocket, condition: RegExp, withOpen = false): Promise<void> {
  if (withOpen) assert.match(await client.message('<open/>'), /^<open /);
  assert.match(await client.message('stream error'), condition);
  assert.equal(await client.message('<close/>'), CLOSE);
  assert.equal((await client.ended()).code, 1000);
}

for (const [id, first, condition] of [
  ['WS-OPEN-01, W-25', message('no'), /<(not-authorized|bad-format) /],
  ['WS-OPEN-02, W-26', "<open xmlns='jabber:client' to='example.com' version='1.0'/>", /<invalid-namespace /],
  ['WS-OPEN-02', "<open to='example.com' version='1.0'/>", /<invalid-namespace /],
  [
    'WS-NS-01, W-44',
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing-server' to='example.com' version='1.0'/>",
    /<invalid-namespace /,
  ],
  ['WS-OPEN-10, W-27', OPEN.replace('/>', '><x/></open>'), /<bad-format /],
  ['WS-OPEN-10, W-27', OPEN.replace('/>', '>text</open>'), /<bad-format /],
  ['WS-OPEN-07, W-29', OPEN.replace(" version='1.0'", ''), /<unsupported-version /],
  ['WS-OPEN-07', OPEN.replace('1.0', '0.9'), /<unsupported-version /],
  ['WS-OPEN-07, W-29', OPEN.replace('1.0', 'abc'), /<unsupported-version /],
  ['WS-OPEN-06', OPEN.replace('example.com', 'unknown.test'), /<host-unknown /],
  ['WS-OPEN-06, W-28', OPEN.replace(" to='example.com'", ''), /<improper-addressing /],
  ['W-28, B-17', OPEN.replace('example.com', 'example.com&apos; from=&apos;a'), /<(improper-addressing|host-unknown) /],
  ['W-28, B-20', OPEN.replace('example.com', '127.0.0.1'), /<(host-unknown|improper-addressing) /],
] as const) {
  test(`${id}: first message ${first.slice(0, 60)}: <open/>, error, <close/>; no connection to the server`, async (t) => {
    const bench = await startBench(t);
    const client = await bench.socket();
    client.send(first);
    await endsWith(client, condition, true);
    await bench.proveHealthy();
  });
}

for (const declaration of ['', "<?xml version='1.0'?>"]) {
  test(`WS-OPEN-01, W-24: ${declaration}<stream:stream> where the old framing is off: <open/>, error, <close/>`, async (t) => {
    const bench = await startBench(t, { oldFraming: false });
    const client = await bench.socket();
    const names = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
    client.send(`${declaration}<stream:stream ${names} to='example.com' version='1.0'>`);
    await endsWith(client, /<(bad-format|not-well-formed) /, true);
    await bench.proveHealthy();
  });
}

test('WS-OPEN-02: a later <close/> in a wrong namespace is invalid-namespace', async (t) => {
  const { client } = await (await startBench(t)).stream();
  client.send("<close xmlns='urn:wrong'/>");
  await endsWith(client, /<invalid-namespace /);
});

test('WS-OPEN-03, WS-OPEN-04, NSV-72: <open/> brings the header of the server, in the form that Strophe wants', async (t) => {
  const bench = await startBench(t);
  const client = await bench.socket();
  client.open();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.send(SERVER_HEADER.replace("'s1'", "'s>1'").replace(' id=', " xmlns:ex='urn:ex' id="));
  const open = await client.message();
  assert.ok(open.startsWith('<open '));
  assert.doesNotMatch(open, /xmlns:/);
  assert.equal(infoset(open), `{${FRAMING}}open[@from="example.com", @id="s>1", @version="1.0"] lang="en"`);
});

test('WS-OPEN-05, WS-OPEN-11: a slow server: a local <open/> goes first, features follow, early messages come after the header', async (t) => {
  const bench = await startBench(t, { openWaitSeconds: 0.2 });
  const client = await bench.socket();
  client.open();
  client.send(AUTH);
  const server = await bench.u.accept();
  await server.expectHeader();
  assert.match(await client.message(), /^<open [^>]*id=/);
  assert.doesNotMatch(server.received, /<auth/);
  server.sendHeader(MECHANISMS);
  assert.match(await client.message(), /^<stream:features/);
  await server.expect('<auth');
});

test('WS-OPEN-03: ids of <open/> made by the gateway are fresh', async (t) => {
  const bench = await startBench(t);
  const ids = new Set<string | undefined>();
  for (let i = 0; i < 5; i++) {
    const client = await bench.socket();
    client.send(message('no'));
    ids.add(/ id=["'](.*?)["']/.exec(await client.message())?.[1]);
  }
  assert.equal(ids.size, 5);
});

test('WS-OPEN-06: a server that cannot be reached: <open/>, remote-connection-failed, <close/>', async (t) => {
  const bench = await startBench(t);
  await bench.u.stop();
  const client = await bench.socket();
  client.open();
  await endsWith(client, /<remote-connection-failed /, true);
});

test('WS-OPEN-07: a higher version is answered by 1.0', async (t) => {
  const bench = await startBench(t);
  for (const version of ['1.1', '9.9']) {
    const client = await bench.socket();
    client.open(`to='example.com' version='${version}'`);
    const server = await bench.u.accept();
    assert.match(await server.expectHeader(), / version='1\.0'/);
    server.sendHeader('');
    assert.match(await client.message(), / version=["']1\.0["']/);
  }
});

test('WS-OPEN-08, NSV-35, XBOSH-06: <open/> becomes a stream header; nothing unknown is copied, and no `from` in clear text', async (t) => {
  const bench = await startBench(t);
  const client = await bench.socket();
  client.open("xmlns:x='urn:x' x:y='z' foo='1' to='example.com' from='u@example.com' version='1.0' xml:lang='pt-BR'");
  const header = await (await bench.u.accept()).expectHeader();
  assert.match(header, / to='example\.com'.* xml:lang='pt-BR'/);
  assert.doesNotMatch(header, /urn:x|foo|from/);
});

test('W-26: a prefixed <open/> is the same element', async (t) => {
  const bench = await startBench(t);
  const client = await bench.socket();
  client.send(`<f:open xmlns:f='${FRAMING}' to='example.com' version='1.0'></f:open>`);
  await (await bench.u.accept()).negotiate();
  assert.match(await client.message(), /^<open /);
});

test('WS-OPEN-09, WS-RESTART-02, W-32: a second <open/> before authentication is an error, and no second connection', async (t) => {
  const bench = await startBench(t);
  for (const again of [OPEN, OPEN.replace('example.com', 'other.test')]) {
    const { client, server } = await bench.stream();
    client.send(again);
    await endsWith(client, /<(policy-violation|bad-format|host-unknown) /);
    await server.expectEnd();
  }
  assert.equal(bench.u.untaken, 0);
});

test('WS-RESTART-02, W-32: a second <open/> after bind is an error', async (t) => {
  const { client, server } = await (await startBench(t)).streamLogin();
  client.open();
  await endsWith(client, /<(policy-violation|bad-format) /);
  await server.expectEnd();
});

test('WS-RESTART-02, SASL2-03: no restart is due after a SASL2 success', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  server.send("<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@b</authorization-identifier></success>");
  await client.message();
  client.open();
  await endsWith(client, /<(policy-violation|bad-format) /);
});

test('WS-RESTART-01: after SASL success an <open/> opens a new stream on the same connection', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.stream();
  client.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  assert.match(await client.message(), /^<success/);
  client.open();
  assert.match(await server.expectHeader(), / to='example\.com'/);
  const id = server.sendHeader(BIND);
  assert.match(await client.message(), new RegExp(`^<open .* id=["']${id}["']`));
  assert.match(await client.message(), /^<stream:features.*xmpp-bind/);
  assert.deepEqual([bench.u.connections.length, /<\/stream:stream/.test(server.received)], [1, false]);
});

test('WS-RESTART-03, W-33: a restart may not change the domain', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  server.send(SUCCESS);
  await client.message();
  client.open("to='other.test' version='1.0'");
  await endsWith(client, /<(host-unknown|policy-violation) /);
  await server.expectEnd();
});

test('WS-OPEN-12, W-37: no <open/> in time: the connection is ended', async (t) => {
  const bench = await startBench(t, { openSeconds: 0.3 });
  const client = await bench.socket();
  await endsWith(client, /<connection-timeout /, true);
});

test('WS-OPEN-12, W-37: not authenticated in time: the connection is ended', async (t) => {
  const bench = await startBench(t, { authenticationSeconds: 1 });
  const { client, server } = await bench.stream();
  await endsWith(client, /<(connection-timeout|policy-violation) /);
  await server.expectEnd();
});

test('WS-FEAT-01, WS-FEAT-02, WS-FEAT-03, WS-TLS-01: features come after <open/>, without starttls and compression', async (t) => {
  const bench = await startBench(t);
  const client = await bench.socket();
  client.open();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader(
    `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><compression xmlns='http://jabber.org/features/compress'/>${MECHANISMS}`,
  );
  assert.match(await client.message(), /^<open /);
  const features = await client.message();
  assert.match(features, /^<stream:features .*mechanisms/);
  assert.doesNotMatch(features, /starttls|compression/);
});

for (const xml of [
  "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
  "<compress xmlns='http://jabber.org/protocol/compress'/>",
]) {
  test(`WS-FEAT-01, X-51: ${xml.slice(0, 9)} of the client is not forwarded`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.stream();
    client.send(xml);
    client.send(message('next'));
    await server.event();
    assert.doesNotMatch(server.received, /<(starttls|compress)/);
  });
}
