import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { infoset } from '../support/infoset.ts';
import { frame, FRAMING, OPCODE, type RawWebSocket } from '../support/raw-websocket.ts';

const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;
const CLOSE = `<close xmlns="${FRAMING}" />`;

/** `<open/>` where none came yet, that error, `<close/>`, 1000. */
async function endsWith(client: RawWebSocket, condition: RegExp, withOpen = false): Promise<void> {
  if (withOpen) assert.match(await client.message('<open/>'), /^<open /);
  assert.match(await client.message('stream error'), condition);
  assert.equal(await client.message('<close/>'), CLOSE);
  assert.equal((await client.ended()).code, 1000);
}

test('WS-ERR-01, NSV-73: a stream error of the server is one message, then <close/>', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  server.send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
  const error = await client.message();
  assert.equal(
    infoset(error),
    '{http://etherx.jabber.org/streams}error({urn:ietf:params:xml:ns:xmpp-streams}conflict)',
  );
  assert.match(error, /^<stream:error /);
  assert.equal(await client.message(), CLOSE);
  assert.equal((await client.ended()).code, 1000);
});

test('WS-ERR-02: an error of the client ends the stream of the server too', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.send('<message');
  await endsWith(client, /<not-well-formed /);
  await server.expectEnd();
});

test('WS-CLOSE-01: what the server still sends after <close/> is delivered; then <close/> and 1000', async (t) => {
  const bench = await startBench(t, { closeSeconds: 3 });
  const { client, server } = await bench.stream();
  client.send(CLOSE);
  await server.expectEnd();
  server.send("<message id='1'/><message id='2'/>");
  server.end();
  assert.match(await client.message(), /id='1'/);
  assert.match(await client.message(), /id='2'/);
  assert.equal(await client.message(), CLOSE);
  assert.equal((await client.ended()).code, 1000);
  await bench.settled();
});

test('U-35, WS-CLOSE-01: a server that never answers the end tag does not keep the client', async (t) => {
  const bench = await startBench(t, { closeSeconds: 0.3 });
  const { client } = await bench.stream();
  client.send(CLOSE);
  assert.equal((await client.ended()).code, 1000);
  await bench.settled();
});

test('WS-CLOSE-02, WS-CLOSE-03: the server ends: <close/>, and 1000 when the client has answered', async (t) => {
  const bench = await startBench(t, { closeSeconds: 30 });
  const { client, server } = await bench.stream();
  server.end();
  assert.equal(await client.message(), CLOSE);
  client.send(CLOSE);
  assert.equal((await client.ended()).code, 1000);
});

test('WS-CLOSE-02: a client that does not answer <close/> is closed after a time', async (t) => {
  const bench = await startBench(t, { closeSeconds: 0.3 });
  const { client, server } = await bench.stream();
  server.end();
  assert.equal(await client.message(), CLOSE);
  assert.equal((await client.ended()).code, 1000);
});

for (const [what, leave] of [
  ['reset', (client: RawWebSocket) => client.reset()],
  ['Close 1001', (client: RawWebSocket) => client.close(1001)],
  ['Close 1000', (client: RawWebSocket) => client.close(1000)],
] as const) {
  test(`WS-CLOSE-04, W-21: ${what} without <close/>: the stream ends orderly`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.streamLogin();
    leave(client);
    await server.expectEnd();
    server.end();
    await bench.settled();
  });

  test(`WS-CLOSE-04, SM-03: ${what} with resumable stream management: the server sees a broken connection`, async (t) => {
    const { client, server } = await (await startBench(t)).streamLogin();
    server.send("<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>");
    await client.message();
    leave(client);
    assert.equal(await server.closed(), 'bare');
  });
}

test('WS-CLOSE-05: a server lost under stream management: no <close/>, no 1000', async (t) => {
  const { client, server } = await (await startBench(t)).streamLogin();
  server.send("<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>");
  await client.message();
  server.reset();
  const { code } = await client.ended();
  assert.ok(code === 1011 || code === 1014, `${code}`);
  assert.equal(client.waiting, 0);
});

test('WS-CLOSE-05: a server lost without stream management: an error at most, no <close/>, no 1000', async (t) => {
  const { client, server } = await (await startBench(t)).streamLogin();
  server.reset();
  const { code } = await client.ended();
  assert.ok(code === 1011 || code === 1014, `${code}`);
  while (client.waiting > 0) assert.match(await client.message(), /remote-connection-failed/);
});

test('WS-CLOSE-06: a Close is answered with Close, and nothing follows', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.polite = false;
  client.close(1001);
  server.send('<message/>');
  const { opcode, payload } = await client.control();
  assert.deepEqual([opcode, payload.readUInt16BE(0)], [OPCODE.close, 1001]);
  await client.ended();
  assert.ok(client.waiting <= 1);
});

test('WS-CLOSE-08, W-35: see-other-uri on <close/> of a client is ignored', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.stream();
  client.send(`<close xmlns='${FRAMING}' see-other-uri='http://127.0.0.1:${bench.u.port}/'/>`);
  await server.expectEnd();
  server.end();
  assert.equal(await client.message(), CLOSE);
  await client.ended();
  assert.equal(bench.u.untaken, 0);
});

test('WS-CLOSE-09: shutdown: system-shutdown, <close/>, 1001; the server sees the end tag', async (t) => {
  const bench = await startBench(t, { drainSeconds: 3 });
  const { client, server } = await bench.stream();
  const stopped = bench.gateway.stop();
  assert.match(await client.message(), /<system-shutdown /);
  assert.equal(await client.message(), CLOSE);
  await server.expectEnd();
  server.end();
  const { code } = await client.ended();
  assert.ok(code === 1001 || code === 1012);
  await stopped;
});

test('WS-PING-01: a ping is answered while data flows', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  for (let i = 0; i < 500; i++) server.send(`<message><body>${'x'.repeat(1000)}</body></message>`);
  client.write(frame('abc', { opcode: OPCODE.ping }));
  assert.equal((await client.control()).payload.toString(), 'abc');
});

test('WS-PING-02: white space of the server never reaches the client', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  for (const space of [' ', '\n', ' \r\n\t']) {
    server.send(space);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  server.send("<iq id='next'/>");
  assert.match(await client.message(), /next/);
});

test('WS-PING-03, W-41: a client that answers no ping is lost; one that does stays', async (t) => {
  const bench = await startBench(t, { pingSeconds: 0.2 });
  const lost = await bench.stream();
  const alive = await bench.stream();
  lost.client.polite = false;
  await lost.server.expectEnd();
  await alive.client.control();
  alive.client.send(message('alive'));
  await alive.server.expect('alive');
});

test('WS-PING-04: XMPP pings pass, both ways', async (t) => {
  const { client, server } = await (await startBench(t)).streamLogin();
  client.send("<iq xmlns='jabber:client' type='get' id='c'><ping xmlns='urn:xmpp:ping'/></iq>");
  await server.expect("id='c'");
  server.send("<iq type='get' id='s'><ping xmlns='urn:xmpp:ping'/></iq>");
  assert.match(await client.message(), /id='s'/);
  client.send("<r xmlns='urn:xmpp:sm:3'/>");
  await server.expect('<r ');
});

test('W-34: a stanza after <close/> is ignored', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.send(CLOSE);
  client.send(message('late'));
  await server.expectEnd();
  server.end();
  assert.equal(await client.message(), CLOSE);
  assert.doesNotMatch(server.received, /late/);
});
