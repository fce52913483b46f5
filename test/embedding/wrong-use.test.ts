import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { GatewayError } from '../../src/core/errors.ts';
import type { Stanza, Upstream } from '../../src/core/ports.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import { EchoConnector, FEATURES, KINDS, PlugBench, message, type Plugged } from '../support/plugs.ts';
import { eventually } from '../support/waiting.ts';

const BAD = 'bad.example';

/** A gateway whose connector is faulty for one domain, and a session of another that must not notice. */
async function faultyBench(
  t: TestContext,
  fault: (plugged: Plugged) => Partial<Upstream>,
  options: GatewayOptions = {},
) {
  const connector = new EchoConnector((plugged) => (plugged.request.to === BAD ? fault(plugged) : {}), 'faulty');
  const bench = await PlugBench.start(t, { connector, ...options });
  const good = await bench.client('bosh');
  await good.until('features');
  const proveOthers = async (): Promise<void> => {
    await good.send(message('still-here'));
    await good.until('still-here');
    assert.equal(bench.gateway.stats().sessions, 1);
  };
  return { bench, connector, proveOthers };
}

function culprit(errors: readonly GatewayError[], detail: RegExp): void {
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['plug-fault'],
  );
  assert.match(errors[0]?.detail ?? '', detail);
}

const boom = (): never => {
  throw new TypeError('secret at 10.1.2.3');
};

for (const kind of KINDS) {
  test(`${kind}: a connector that throws in connect() refuses that session alone, and is named`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, boom);
    const client = await bench.client(kind, BAD);
    assert.equal(await client.ended(), 'internal-server-error');
    culprit(bench.errors, /^the connector "faulty" failed in connect\(\): secret/);
    assert.ok(bench.errors[0]?.cause instanceof TypeError);
    await proveOthers();
  });

  test(`${kind}: a connector that returns no upstream refuses that session alone, and is named`, async (t) => {
    const connector = {
      name: 'async',
      connect: async () => new Promise<Upstream>(() => {}),
    };
    const bench = await PlugBench.start(t, { connector: connector as never });
    assert.equal(await (await bench.client(kind)).ended(), 'internal-server-error');
    culprit(bench.errors, /^the connector "async" failed in connect\(\): what it returned is no Upstream/);
  });

  test(`${kind}: a connector that throws in send() ends that session alone, and is named`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, () => ({ send: boom }));
    const client = await bench.client(kind, BAD);
    await client.until('features');
    await client.send(message('x'));
    assert.equal(await client.ended(), 'internal-server-error');
    culprit(bench.errors, /^the connector "faulty" threw in send\(\)/);
    await proveOthers();
  });

  test(`${kind}: a connector that throws in send() while what waited is sent is not hit by its own fault`, async (t) => {
    let isCalm = false;
    let sent = false;
    let open = (): void => {};
    const { bench, proveOthers } = await faultyBench(t, ({ client }) => {
      open = () => {
        client.opened({ from: BAD, version: '1.0' });
        isCalm = true;
      };
      return { send: boom, restart() {} };
    });
    const client = await bench.client(kind, BAD);
    bench.gateway.events.once('nodes', () => (sent = true));
    await client.send(message('early'));
    await eventually('the stanza is there', () => sent);
    open();
    assert.equal(await client.ended(), 'internal-server-error');
    assert.equal(isCalm, true);
    await proveOthers();
  });

  test(`${kind}: a connector that throws in close() is forgotten, and is named`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, () => ({ close: boom }));
    const client = await bench.client(kind, BAD);
    await client.until('features');
    await client.close();
    await eventually('one stream is left', () => bench.gateway.stats().streams === 1);
    culprit(bench.errors, /^the connector "faulty" threw in close\(\)/);
    await proveOthers();
  });

  test(`${kind}: a connector that throws in pause() ends that session alone, and is named`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, () => ({ pause: boom }), { maxQueuedBytes: 1024 });
    const client = await bench.client(kind, BAD);
    await client.until('features');
    await client.send(`<message xmlns='jabber:client'><body>${'x'.repeat(4000)}</body></message>`);
    assert.equal(await client.ended(), 'internal-server-error');
    culprit(bench.errors, /^the connector "faulty" threw in pause\(\)/);
    await proveOthers();
  });

  test(`${kind}: a connector that never opens the stream is given up, and is named`, async (t) => {
    const silent = { name: 'silent', connect: (): Upstream => mute };
    const mute = { send() {}, restart() {}, close() {}, pause() {}, resume() {} };
    const bench = await PlugBench.start(t, { connector: silent, authenticationSeconds: 1, openWaitSeconds: 0.1 });
    const client = await bench.client(kind);
    const condition = await client.ended();
    assert.match(condition ?? '', /^remote-connection-failed$/);
    assert.equal(bench.errors[0]?.code, 'upstream-timeout');
    assert.match(bench.errors[0]?.detail ?? '', /^the connector "silent" has not opened the stream in 1 s/);
    assert.equal(bench.gateway.stats().sessions, 0);
  });

  test(`${kind}: a connector that never ends the stream is given up, and is named`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, () => ({ close() {} }), { closeSeconds: 0.1 });
    const client = await bench.client(kind, BAD);
    await client.until('features');
    if (kind === 'bosh') await client.close();
    else await client.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    await eventually('one stream is left', () => bench.gateway.stats().streams === 1, 8000);
    culprit(bench.errors, /^the connector "faulty" did not call closed\(\) within 2\.1 s of close\(\)/);
    if (kind === 'websocket') assert.equal(await client.ended(), 'internal-server-error');
    await proveOthers();
  });

  test(`${kind}: a connector that opens twice ends that session alone, and is named`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, ({ client }) => ({
      send: () => client.opened({ from: BAD, version: '1.0' }),
    }));
    const client = await bench.client(kind, BAD);
    await client.until('features');
    await client.send(message('x'));
    assert.equal(await client.ended(), 'internal-server-error');
    culprit(bench.errors, /^the connector "faulty" called opened\(\) twice/);
    await proveOthers();
  });

  test(`${kind}: a connector that ends twice, or speaks after its end, is named once and not heard`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, ({ client, deliver }) => ({
      send: () => {
        client.closed();
        client.closed();
        deliver(message('ghost'));
        client.opened({});
      },
    }));
    const client = await bench.client(kind, BAD);
    await client.until('features');
    await client.send(message('x'));
    await client.ended();
    await assert.rejects(client.until('ghost'));
    culprit(bench.errors, /^the connector "faulty" called closed\(\) after its end/);
    await proveOthers();
  });

  test(`${kind}: a connector that delivers rubbish ends that session alone, and is named`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, ({ client }) => ({
      send: () => client.deliver('<message/>' as never),
    }));
    const client = await bench.client(kind, BAD);
    await client.until('features');
    await client.send(message('x'));
    assert.equal(await client.ended(), 'internal-server-error');
    culprit(bench.errors, /^the connector "faulty" delivered something that is no stanza/);
    await proveOthers();
  });

  test(`${kind}: a connector that opens, delivers and ends within connect() leaves nothing behind`, async (t) => {
    const connector = new EchoConnector(({ client, deliver, request }) => {
      client.opened({ from: request.to, version: '1.0' });
      deliver(FEATURES);
      client.closed();
      return { restart() {} };
    });
    const bench = await PlugBench.start(t, { connector });
    const order: string[] = [];
    for (const name of ['stream-add', 'stream-terminate'] as const)
      bench.gateway.events.on(name, () => order.push(name));
    await (await bench.client(kind)).ended();
    assert.deepEqual(order, ['stream-add', 'stream-terminate']);
    assert.deepEqual(bench.gateway.stats(), { sessions: 0, streams: 0, sessionsInTotal: 1 });
  });

  for (const hook of ['nodes', 'stanza'] as const) {
    const isTrap = ({ xml }: Stanza): boolean => xml.includes('trap');
    const wrong: [what: string, hook: (stanza: Stanza) => never, detail: RegExp][] = [
      ['throws', (stanza) => (isTrap(stanza) ? boom() : undefined) as never, /threw: secret/],
      ['rejects', (stanza) => (isTrap(stanza) ? Promise.reject(new Error('no')) : undefined) as never, /rejected: no/],
      ['hangs', (stanza) => (isTrap(stanza) ? new Promise(() => {}) : undefined) as never, /did not answer in 0\.1 s/],
      [
        'answers rubbish',
        (stanza) => (isTrap(stanza) ? true : undefined) as never,
        /answered true, which is no verdict/,
      ],
    ];
    for (const [what, run, detail] of wrong) {
      test(`${kind}: a hook "${hook}" that ${what} ends that session alone, and is named`, async (t) => {
        const { bench, proveOthers } = await faultyBench(t, () => ({}), { hooks: { [hook]: run }, hookSeconds: 0.1 });
        const client = await bench.client(kind, BAD);
        await client.until('features');
        await client.send(message('trap'));
        assert.equal(await client.ended(), 'internal-server-error');
        culprit(bench.errors, new RegExp(`^the hook "${hook}" ${detail.source}`));
        await proveOthers();
      });
    }
  }

  const refusals: [what: string, accept: (to: string) => Promise<void> | void, detail: RegExp][] = [
    ['throws', (to) => (to === BAD ? boom() : undefined), /threw: secret/],
    ['rejects', async (to) => (to === BAD ? boom() : undefined), /rejected: secret/],
    ['hangs', (to) => (to === BAD ? new Promise<void>(() => {}) : undefined), /did not answer in 0\.1 s/],
  ];
  for (const [what, accept, detail] of refusals) {
    test(`${kind}: a hook "accept" that ${what} refuses that session alone, and is named`, async (t) => {
      const hooks = { accept: ({ to }: { to: string }) => accept(to) };
      const { bench, connector, proveOthers } = await faultyBench(t, () => ({}), { hooks, hookSeconds: 0.1 });
      assert.equal(await (await bench.client(kind, BAD)).ended(), 'internal-server-error');
      culprit(bench.errors, new RegExp(`^the hook "accept" ${detail.source}`));
      assert.equal(connector.streams.length, 1, 'the connector was not asked');
      await proveOthers();
    });
  }

  test(`${kind}: a listener that throws, or rejects, is named, and nobody notices`, async (t) => {
    const { bench, proveOthers } = await faultyBench(t, () => ({}));
    const seen: number[] = [];
    bench.gateway.events.on('nodes', boom);
    // oxlint-disable-next-line typescript/no-misused-promises -- as many a program does
    bench.gateway.events.on('nodes', async () => boom());
    bench.gateway.events.on('nodes', (stanzas) => seen.push(stanzas.length));
    const client = await bench.client(kind, BAD);
    await client.until('features');
    await client.send(message('fine'));
    await client.until('fine');
    assert.deepEqual(seen, [1]);
    await eventually('both are told', () => bench.errors.length === 2);
    for (const { detail } of bench.errors) assert.match(detail ?? '', /^a listener of "nodes" failed: secret/);
    await client.close();
    bench.gateway.events.removeAllListeners('nodes');
    await proveOthers();
  });
}

test('a fault without a listener for errors is logged, and nothing is thrown', async (t) => {
  const told: object[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => void told.push(fields) };
  const bench = await PlugBench.start(t, { connector: { name: 'broken', connect: boom }, logger });
  bench.gateway.events.removeAllListeners('error');
  await (await bench.client('bosh')).ended();
  assert.ok(told.some((fields) => 'code' in fields && fields.code === 'plug-fault'));
});
