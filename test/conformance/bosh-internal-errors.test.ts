import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ERRORS } from '../../src/core/errors.ts';
import type { Connector, Downstream, StreamRequest, Upstream } from '../../src/core/ports.ts';
import { createGateway } from '../../src/gateway.ts';
import { BoshClient } from '../support/bosh-client.ts';
import { eventually } from '../support/waiting.ts';

type Operation = 'connect' | keyof Upstream;

const NS_STREAMS = 'http://etherx.jabber.org/streams';
const SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;
const stanza = (xml: string, name: string, ns: string) => ({ xml, name, ns, bytes: xml.length });

/** Answers each message by a success; for the client whose `ua` names one of its operations, that one fails. */
class FaultyConnector implements Connector {
  readonly name = 'faulty';
  readonly ended: string[] = [];

  connect({ custom }: StreamRequest, client: Downstream): Upstream {
    const ua = custom?.get('ua') ?? '';
    const fault = (operation: Operation): void => {
      if (ua === operation) throw new TypeError(`secret fault in ${operation} at 10.1.2.3`);
    };
    fault('connect');
    queueMicrotask(() => {
      client.opened({ from: 'example.com', version: '1.0' });
      client.deliver(stanza('<stream:features/>', 'features', NS_STREAMS));
    });
    return {
      send() {
        fault('send');
        client.deliver(stanza(SUCCESS, 'success', 'urn:ietf:params:xml:ns:xmpp-sasl'));
      },
      restart: () => fault('restart'),
      close: () => {
        this.ended.push(ua);
        fault('close');
        client.closed();
      },
      pause: () => fault('pause'),
      resume: () => fault('resume'),
    };
  }
}

async function faultyBench(t: TestContext, settings = {}) {
  const connector = new FaultyConnector();
  const gateway = createGateway({ port: 0, host: '127.0.0.1', connector, drainSeconds: 0.2, ...settings });
  await gateway.start();
  t.after(() => gateway.stop());
  const create = async (ua: string) => {
    const client = new BoshClient(t, gateway.port);
    return { client, answer: await client.create({ ua }) };
  };
  const good = await create('good');
  /** The other session lives on, and a new one can be made. */
  const proveOthers = async (): Promise<void> => {
    for (const { client } of [good, await create('new')])
      assert.match((await client.ask(message('m'))).text, /<success/);
  };
  return { connector, gateway, create, proveOthers };
}

test('BOSH-ERR-05: a fault while a stanza is sent: internal-server-error for that session alone', async (t) => {
  const { connector, gateway, create, proveOthers } = await faultyBench(t);
  const { client } = await create('send');
  const held = await client.send();
  const { status, type, condition, text } = await client.ask(message('x'));
  assert.deepEqual([status, type, condition], [200, 'terminate', 'internal-server-error']);
  assert.doesNotMatch(text, /secret|TypeError|10\.1/);
  assert.notEqual((await held.answer).condition, 'internal-server-error');
  assert.deepEqual([gateway.stats().sessions, connector.ended], [1, ['send']]);
  assert.equal((await client.ask()).condition, 'item-not-found');
  await proveOthers();
});

test('BOSH-ERR-05: a fault while the stream is opened: internal-server-error, and no session', async (t) => {
  const { gateway, create, proveOthers } = await faultyBench(t);
  const { answer } = await create('connect');
  assert.deepEqual(
    [answer.status, answer.type, answer.condition, answer.attributes['sid']],
    [200, 'terminate', 'internal-server-error', undefined],
  );
  assert.deepEqual([gateway.stats().sessions, gateway.stats().streams], [1, 1]);
  await proveOthers();
});

test('BOSH-ERR-05: a fault while the stream is restarted: internal-server-error for that session alone', async (t) => {
  const { gateway, create, proveOthers } = await faultyBench(t);
  const { client } = await create('restart');
  await client.ask(message('x'));
  const { type, condition } = await (await client.restart()).answer;
  assert.deepEqual([type, condition, gateway.stats().sessions], ['terminate', 'internal-server-error', 1]);
  await proveOthers();
});

test('BOSH-ERR-05: a fault while the stream is closed: the session is gone all the same', async (t) => {
  const { gateway, create, proveOthers } = await faultyBench(t);
  const { client } = await create('close');
  const { type } = await client.ask('', { type: 'terminate' });
  assert.equal(type, 'terminate');
  assert.equal((await client.ask()).condition, 'item-not-found');
  await eventually('the session is gone', () => gateway.stats().sessions === 1, 1000);
  await proveOthers();
});

test('BOSH-ERR-05: a fault while a silent session is closed harms no other', async (t) => {
  const { gateway, create, proveOthers } = await faultyBench(t, { inactivitySeconds: 0, firstRequestSeconds: 1 });
  await create('close');
  await proveOthers();
  await eventually('the session is gone', () => gateway.stats().sessions === 2, 3000);
  await proveOthers();
});

test('BOSH-ERR-07: undefined-condition, which would need a child of its own, is not used', () => {
  const src = join(import.meta.dirname, '../../src/bosh');
  for (const [code, { bosh }] of Object.entries(ERRORS)) assert.notEqual(bosh, 'undefined-condition', code);
  for (const file of globSync('*.ts', { cwd: src })) {
    assert.doesNotMatch(readFileSync(join(src, file), 'utf8'), /undefined-condition/, file);
  }
});
