import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { GatewayError } from '../../src/core/errors.ts';
import type { Hooks, Verdict } from '../../src/core/hooks.ts';
import type { Stanza } from '../../src/core/ports.ts';
import { readStanza } from '../../src/xml/read-stanza.ts';
import { startBench } from '../support/bench.ts';
import { BoshClient } from '../support/bosh-client.ts';
import { EchoConnector, KINDS, PlugBench, message } from '../support/plugs.ts';
import { RawWebSocket, frame } from '../support/raw-websocket.ts';
import { eventually } from '../support/waiting.ts';

const MANAGED = "<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>";
const POLICY = "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";

/** Acts on messages by their ids. */
function judge({ xml }: Stanza): Verdict {
  if (xml.includes("id='drop'")) return 'drop';
  if (xml.includes("id='refuse'")) return 'refuse';
  if (xml.includes("id='replace'")) return readStanza(message('replaced'));
  if (xml.includes("id='end'")) throw new GatewayError('policy-violation', 'not here');
  return undefined;
}

const later =
  (hook: (stanza: Stanza) => Verdict) =>
  async (stanza: Stanza): Promise<Verdict> => {
    await turn();
    return hook(stanza);
  };

for (const kind of KINDS) {
  for (const [how, hook] of [['at once', judge] as const, ['later', later(judge)] as const]) {
    test(`${kind}: hooks that answer ${how}: pass, replace, drop, refuse, in order, in both directions`, async (t) => {
      for (const direction of ['nodes', 'stanza'] as const) {
        const fromClient: string[] = [];
        const connector = new EchoConnector(({ client }) => ({
          send(stanza) {
            fromClient.push(stanza.xml);
            if (!stanza.xml.includes("type='error'")) client.deliver(stanza);
          },
        }));
        const bench = await PlugBench.start(t, { connector, hooks: { [direction]: hook } });
        const client = await bench.client(kind);
        await client.until('features');
        for (const id of ['one', 'drop', 'refuse', 'replace', 'two']) await client.send(message(id));
        const text = await client.until("id='two'");
        await eventually('all is there', () => fromClient.length === (direction === 'nodes' ? 3 : 6));
        const ids = (xml: string): string[] => [...xml.matchAll(/<message[^>]* id='(\w+)'/g)].map(([, id = '']) => id);
        const passed = ['one', 'replaced', 'two'];
        if (direction === 'nodes') {
          assert.deepEqual(ids(fromClient.join('')), passed);
          assert.deepEqual(ids(text).sort(), [...passed, 'refuse'].sort());
          assert.match(text, new RegExp(`<message[^>]* type='error' id='refuse'[^>]*><error type='modify'>${POLICY}`));
        } else {
          assert.deepEqual(ids(text), passed);
          assert.match(fromClient.join(''), new RegExp(`type='error' id='refuse'[^>]*><error type='modify'>${POLICY}`));
        }
        assert.deepEqual(bench.errors, []);
        await client.close();
      }
    });

    test(`${kind}: a hook refuses by throwing ${how}, and its code is what the client hears`, async (t) => {
      for (const direction of ['nodes', 'stanza']) {
        const bench = await PlugBench.start(t, { connector: new EchoConnector(), hooks: { [direction]: hook } });
        const client = await bench.client(kind);
        await client.until('features');
        await client.send(message('end'));
        assert.equal(await client.ended(), 'policy-violation');
        assert.deepEqual(bench.errors, [], 'a refusal is no fault');
      }
    });
  }

  test(`${kind}: what is taken out under stream management leaves something to be counted`, async (t) => {
    for (const direction of ['nodes', 'stanza'] as const) {
      const connector = new EchoConnector();
      const bench = await PlugBench.start(t, { connector, hooks: { [direction]: judge } });
      const client = await bench.client(kind);
      await client.until('features');
      connector.streams[0]?.deliver(MANAGED);
      await client.until('enabled');
      for (const id of ['drop', 'refuse', 'last']) await client.send(message(id));
      const text = await client.until("id='last'");
      assert.equal(text.match(/<iq [^>]*type='result'/g)?.length, 2, text);
      assert.doesNotMatch(text, /policy-violation/);
    }
  });

  test(`${kind}: what the client said before it left passes a slow hook first`, async (t) => {
    const connector = new EchoConnector();
    const nodes = later(() => undefined);
    const bench = await PlugBench.start(t, { connector, hooks: { nodes } });
    const client = await bench.client(kind);
    await client.until('features');
    await client.send(message('last-words'));
    await client.close();
    assert.match(connector.streams[0]?.sent.join('') ?? '', /last-words/);
  });

  test(`${kind}: what the server said before it left passes a slow hook first`, async (t) => {
    const connector = new EchoConnector(({ client }) => ({
      send(stanza) {
        client.deliver(stanza);
        client.closed();
      },
    }));
    const bench = await PlugBench.start(t, { connector, hooks: { stanza: later(() => undefined) } });
    const client = await bench.client(kind);
    await client.until('features');
    await client.send(message('last-words'));
    await client.until('last-words');
    await client.ended();
  });

  test(`${kind}: accept sees who asks for what, and refuses with the code that it throws`, async (t) => {
    const asked: string[] = [];
    const hooks: Hooks = {
      async accept({ to }, { transport, clientAddress }) {
        await turn();
        asked.push(`${to} ${transport} ${clientAddress}`);
        if (to !== 'example.com') throw new GatewayError('host-unknown', 'by our list');
      },
    };
    const connector = new EchoConnector();
    const bench = await PlugBench.start(t, { connector, hooks });
    const welcome = await bench.client(kind);
    await welcome.until('features');
    await welcome.send(message('hello'));
    await welcome.until('hello');
    assert.equal(await (await bench.client(kind, 'other.example')).ended(), 'host-unknown');
    assert.deepEqual(asked, [`example.com ${kind} 127.0.0.1`, `other.example ${kind} 127.0.0.1`]);
    assert.equal(connector.streams.length, 1);
    assert.deepEqual(bench.errors, []);
    assert.equal(bench.gateway.stats().streams, 1);
  });

  test(`${kind}: a client that leaves while it waits to be accepted is not connected`, async (t) => {
    let accept = (): void => {};
    const hooks = { accept: () => new Promise<void>((resolve) => (accept = resolve)) };
    const connector = new EchoConnector();
    const bench = await PlugBench.start(t, { connector, hooks });
    const client = await bench.client(kind);
    if (kind === 'bosh') await client.close();
    else await client.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    await eventually('nothing is left', () => bench.gateway.stats().streams === 0);
    accept();
    await turn();
    assert.equal(connector.streams.length, 0);
  });
}

test('a hook that takes its time stops the server, and lets it go on', async (t) => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const hooks: Hooks = {
    stanza: async ({ name }) => {
      if (name === 'message') await held;
      return undefined;
    },
  };
  const words: string[] = [];
  const connector = new EchoConnector(() => ({
    pause: () => void words.push('pause'),
    resume: () => void words.push('resume'),
  }));
  const bench = await PlugBench.start(t, { connector, hooks, maxQueuedBytes: 2048 });
  const client = await bench.client('websocket');
  await client.until('features');
  for (let i = 0; i < 4; i++) connector.streams[0]?.deliver(message(`${i}${'x'.repeat(1000)}`));
  assert.deepEqual(words, ['pause']);
  release();
  await client.until('3xxx');
  assert.deepEqual(words, ['pause', 'resume']);
});

test('a hook that takes its time stops a client that reads, and ends one that does not', async (t) => {
  const hooks: Hooks = { nodes: ({ name }) => (name === 'message' ? new Promise<Verdict>(() => {}) : undefined) };
  const limits = {
    maxQueuedBytes: 2048,
    maxUpstreamBytes: 2048,
    maxBodyBytes: 10_000,
    maxUpstreamBacklogBytes: 10_000,
  };
  const bench = await PlugBench.start(t, { connector: new EchoConnector(), hooks, ...limits });
  const polite = await RawWebSocket.connect(t, bench.gateway.port);
  polite.open();
  await polite.message('<open/>');
  await polite.message('features');
  let taken = 0;
  bench.gateway.events.on('nodes', (stanzas) => (taken += stanzas.length));
  // The socket is not read any more once the hook has too much before it: nothing is lost, nothing is ended.
  for (let i = 0; i < 3; i++) polite.send(message(`${i}${'x'.repeat(1000)}`));
  await eventually('three are there', () => taken === 3);
  const bytes = frame(message('x'.repeat(9000)));
  for (let i = 0; i < 2000; i++) polite.write(bytes);
  await eventually('the gateway does not read', () => polite.socket.writableLength > 0);
  assert.ok(taken < 100, String(taken));
  assert.equal(bench.gateway.stats().sessions, 1);

  // BOSH cannot be stopped but by holding its answers: who sends on is ended.
  const client = new BoshClient(t, bench.gateway.port);
  await client.create();
  const big = `<message xmlns='jabber:client'>${'x'.repeat(9000)}</message>`;
  const answers = [await client.send(big), await client.send(big), await client.send(big)];
  const ends = await Promise.all(answers.map(({ answer }) => answer));
  assert.ok(ends.some(({ condition }) => condition === 'policy-violation'));
});

test('hooks see what goes to a real server, and all of it in order', async (t) => {
  const seen: string[] = [];
  const hooks: Hooks = {
    nodes: (stanza) => void seen.push(`> ${stanza.name}`) as undefined,
    stanza: (stanza) => void seen.push(`< ${stanza.name}`) as undefined,
  };
  const bench = await startBench(t, { hooks });
  const { client, server } = await bench.login();
  const held = await client.send(message('m'));
  await server.expect("id='m'");
  server.send("<message id='back'/>");
  assert.match((await held.answer).text, /back/);
  assert.deepEqual(seen, ['< features', '> auth', '< success', '< features', '> message', '< message']);
});
