import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { MESSAGE_VECTORS, CLIENT_HEADER, SERVER_HEADER, STREAM_VECTORS } from '../support/namespace-vectors.ts';
import { childInfosets, infoset } from '../support/infoset.ts';
import { FRAMING, type RawWebSocket } from '../support/raw-websocket.ts';

const CLOSE = `<close xmlns="${FRAMING}" />`;

/** `<open/>` where none came yet, that error, `<close/>`, 1000. */
async function endsWith(client: RawWebSocket, condition: RegExp, withOpen = false): Promise<void> {
  if (withOpen) assert.match(await client.message('<open/>'), /^<open /);
  assert.match(await client.message('stream error'), condition);
  assert.equal(await client.message('<close/>'), CLOSE);
  assert.equal((await client.ended()).code, 1000);
}

for (const vector of MESSAGE_VECTORS.filter(({ id }) => id === 'NSV-30' || id === 'NSV-31')) {
  test(`${vector.id}: WebSocket, end to end: ${vector.title}`, async (t) => {
    const { client, server } = await (await startBench(t)).stream();
    client.send(vector.input);
    const { text } = await server.event();
    const lang = vector.infosets[0]?.includes(' lang=') === true ? 'effective' : 'none';
    assert.deepEqual(childInfosets(`${CLIENT_HEADER}${text}</stream:stream>`, { lang }), vector.infosets);
  });
}

test('NSV-32: a root in no namespace is invalid-namespace', async (t) => {
  const { client } = await (await startBench(t)).stream();
  client.send('<presence/>');
  await endsWith(client, /<invalid-namespace /);
});

test('NSV-33, WS-11, W-43: a prefix declared on <open/> is unbound later', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.stream("xmlns:x='urn:x' to='example.com' version='1.0'");
  client.send("<message xmlns='jabber:client'><x:a/></message>");
  await endsWith(client, /<(not-well-formed|bad-format) /);
  assert.doesNotMatch(server.received, /urn:x|<message/);
});

test('NSV-34, X-46: a stream error of the client is passed on, and both sides are closed', async (t) => {
  const { client, server } = await (await startBench(t)).stream();
  client.send("<error xmlns='http://etherx.jabber.org/streams'/>");
  await server.expect('<stream:error');
  await server.expectEnd();
  assert.equal(await client.message(), CLOSE);
  assert.equal((await client.ended()).code, 1000);
});

for (const vector of STREAM_VECTORS.filter(({ id }) => /^NSV-7[0145]$/.test(id))) {
  test(`${vector.id}, WS-09, WS-10: server to WebSocket, end to end: ${vector.title}`, async (t) => {
    const bench = await startBench(t);
    const client = await bench.socket();
    client.open();
    const server = await bench.u.accept();
    await server.expectHeader();
    server.send((vector.header ?? SERVER_HEADER) + vector.input);
    assert.match(await client.message(), /^<open /);
    const lang = vector.infosets[0]?.includes(' lang=') === true ? 'effective' : 'none';
    assert.equal(infoset(await client.message(), { lang }), vector.infosets[0]);
  });
}

for (const ns of ['jabber:server', 'jabber:component:accept']) {
  test(`WS-NS-01, X-49, B-51: a stanza in ${ns} is never requalified`, async (t) => {
    const { client, server } = await (await startBench(t)).stream();
    client.send(`<message xmlns='${ns}' id='s'/>`);
    const event = await server.event();
    if (event.kind === 'element' && event.text.startsWith('<message'))
      assert.match(event.text, new RegExp(`xmlns='${ns}'`));
  });
}
