import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvents, StreamView } from '../../src/core/events.ts';
import type { Gateway } from '../../src/gateway.ts';
import { startBench } from '../support/bench.ts';
import { EchoConnector, KINDS, PlugBench, message } from '../support/plugs.ts';
import { eventually } from '../support/waiting.ts';

type Told = {
  [Name in keyof GatewayEvents]: readonly [name: Name, ...values: GatewayEvents[Name]];
}[keyof GatewayEvents];

const NAMES: readonly (keyof GatewayEvents)[] = [
  ...(['stream-add', 'stream-restart', 'stream-terminate', 'nodes', 'response-acknowledged', 'no-client'] as const),
  'error',
];

/** Everything that a gateway tells from now on. */
function listen(gateway: Gateway): Told[] {
  const told: Told[] = [];
  for (const name of NAMES)
    gateway.events.on(name, (...values: unknown[]) => void told.push([name, ...values] as never));
  return told;
}

const of = <Name extends keyof GatewayEvents>(told: readonly Told[], name: Name) =>
  told.filter((one): one is Extract<Told, readonly [Name, ...unknown[]]> => one[0] === name);

const xml = (stanzas: readonly { readonly xml: string }[]): string => stanzas.map((one) => one.xml).join('');

test('the life of a BOSH session in events, with session and stream in each', async (t) => {
  const bench = await startBench(t);
  const told = listen(bench.gateway);
  const { client, server } = await bench.login();
  const held = await client.send(message('m'));
  await server.expect("id='m'");
  server.send("<message id='back'/>");
  await held.answer;
  const end = await client.send('', { type: 'terminate' });
  await server.expectEnd();
  server.end();
  await end.answer;
  await bench.settled();
  assert.deepEqual(
    told.map(([name]) => name).filter((name) => name !== 'response-acknowledged'),
    ['stream-add', 'nodes', 'stream-restart', 'nodes', 'stream-terminate'],
  );
  const [[, stream]] = of(told, 'stream-add') as [readonly ['stream-add', StreamView]];
  assert.equal(stream.request.to, 'example.com');
  assert.deepEqual(stream.session, { id: client.sid, transport: 'bosh', clientAddress: '127.0.0.1' });
  for (const one of told) {
    const views = one.slice(1).filter((value) => typeof value === 'object' && value !== null && 'session' in value);
    if (one[0] === 'response-acknowledged') assert.equal(one[2].id, client.sid);
    else assert.deepEqual(views, [stream], one[0]);
  }
  assert.match(xml(of(told, 'nodes').at(-1)?.[1] ?? []), /id='m'/);
});

test('the life of a WebSocket session in events', async (t) => {
  const bench = await startBench(t);
  const told = listen(bench.gateway);
  const { client, server } = await bench.streamLogin();
  client.send(message('m'));
  await server.expect("id='m'");
  client.reset();
  await bench.settled();
  assert.deepEqual(
    told.map(([name]) => name),
    ['stream-add', 'nodes', 'stream-restart', 'nodes', 'stream-terminate'],
  );
  const [, stream, end] = of(told, 'stream-terminate')[0] ?? [];
  assert.deepEqual([stream?.session.transport, end?.code], ['websocket', 'client-gone']);
});

test('response-acknowledged: a client that acknowledges has what it says that it has', async (t) => {
  const bench = await startBench(t);
  const told = listen(bench.gateway);
  const { client, server } = await bench.session({ ack: 1 });
  const first = await client.send();
  server.send("<message id='one'/>");
  await first.answer;
  const acknowledged = () => of(told, 'response-acknowledged').map(([, { rid }]) => rid);
  assert.deepEqual(acknowledged(), [first.rid - 1], 'the next request acknowledges the one before');
  const second = await client.send('', { ack: first.rid - 1 });
  server.send("<message id='two'/>");
  await second.answer;
  assert.deepEqual(acknowledged(), [first.rid - 1], 'it says that it has not');
  const third = await client.send();
  await eventually('both are', () => acknowledged().length === 3);
  assert.deepEqual(acknowledged(), [first.rid - 1, first.rid, second.rid]);
  const [, { stanzas }, session, stream] = of(told, 'response-acknowledged')[1] ?? assert.fail();
  assert.match(xml(stanzas), /id='one'/);
  assert.deepEqual([session.id, stream?.session], [client.sid, session]);
  third.abort();
});

test('response-acknowledged: without acknowledgements, once an answer cannot be asked for again', async (t) => {
  const bench = await startBench(t);
  const told = listen(bench.gateway);
  const { client, server } = await bench.session();
  const created = client.rid;
  for (const id of ['a', 'b', 'c']) {
    const held = await client.send();
    server.send(`<message id='${id}'/>`);
    await held.answer;
  }
  const rids = of(told, 'response-acknowledged').map(([, { rid }]) => rid);
  assert.deepEqual(rids, [created, created + 1]);
});

test('no-client: what waits when a BOSH client is gone, and what comes after, each once and with the reason', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 1, maxInactivitySeconds: 1 });
  const told = listen(bench.gateway);
  const { client, server } = await bench.login({ inactivity: 1 });
  server.send("<message id='one' from='a@b' type='chat'/><message id='two' from='a@b' type='chat'/>");
  await server.expect('recipient-unavailable');
  server.send("<message id='late' from='a@b' type='chat'/>");
  await eventually('all are told', () => of(told, 'no-client').length === 2);
  server.end();
  await bench.settled();
  const undelivered = of(told, 'no-client');
  assert.deepEqual(
    undelivered.flatMap(([, stanzas]) => stanzas.map((one) => /id='(\w+)'/.exec(one.xml)?.[1])),
    ['one', 'two', 'late'],
  );
  for (const [, , stream, why] of undelivered) {
    assert.equal(stream.session.id, client.sid);
    assert.deepEqual([why.end?.code, why.isManaged], ['client-gone', false]);
  }
});

test('no-client: what was in an answer that never arrived', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 1, maxInactivitySeconds: 1 });
  const told = listen(bench.gateway);
  const { client, server } = await bench.login({ inactivity: 1 });
  const held = await client.send();
  // The connection is gone before the answer is.
  held.abort();
  server.send("<message id='lost' from='a@b'/>");
  await eventually('it is told', () => of(told, 'no-client').length > 0);
  assert.match(xml(of(told, 'no-client')[0]?.[1] ?? []), /id='lost'/);
});

test('no-client: under stream management the server keeps what was not acknowledged', async (t) => {
  const bench = await startBench(t);
  const told = listen(bench.gateway);
  const { client, server } = await bench.streamLogin();
  server.send("<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>");
  await client.message('enabled');
  client.socket.pause();
  const big = 'x'.repeat(60_000);
  for (let i = 0; i < 300; i++) server.send(`<message id='m${i}'><body>${big}</body></message>`);
  await eventually('the server is not read any more', () => server.socket.writableLength > 0);
  client.reset();
  await eventually('they are told', () => of(told, 'no-client').length > 0);
  const [, stanzas, , why] = of(told, 'no-client')[0] ?? assert.fail();
  assert.deepEqual([why.end?.code, why.isManaged], ['client-gone', true]);
  const ids = stanzas.map((one) => Number(/id='m(\d+)'/.exec(one.xml)?.[1]));
  assert.deepEqual(
    ids,
    ids.map((_, index) => (ids[0] ?? 0) + index),
    'in order, without a gap',
  );
});

for (const kind of KINDS) {
  test(`${kind}: no-client names what a hook still had`, async (t) => {
    const hooks = { stanza: async () => new Promise<undefined>(() => {}) };
    const connector = new EchoConnector();
    const bench = await PlugBench.start(t, { connector, hooks, hookSeconds: 0.1 });
    const told = listen(bench.gateway);
    const client = await bench.client(kind);
    assert.equal(await client.ended(), 'internal-server-error');
    const [, stanzas, , why] = of(told, 'no-client')[0] ?? assert.fail();
    assert.deepEqual([stanzas.map(({ name }) => name), why.end?.code], [['features'], 'plug-fault']);
  });

  test(`${kind}: error has the stream that it hit`, async (t) => {
    const connector = new EchoConnector(() => ({
      send() {
        throw new RangeError('out of paper');
      },
    }));
    const bench = await PlugBench.start(t, { connector });
    const told = listen(bench.gateway);
    const client = await bench.client(kind);
    await client.until('features');
    await client.send(message('x'));
    await client.ended();
    const [, error, stream] = of(told, 'error')[0] ?? assert.fail();
    assert.deepEqual([error.code, stream?.session.transport], ['plug-fault', kind]);
    assert.ok(error.cause instanceof RangeError);
    assert.deepEqual(of(told, 'stream-terminate')[0]?.[2]?.code, 'plug-fault');
  });
}
