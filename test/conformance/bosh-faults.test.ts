import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import test from 'node:test';
import { ERRORS } from '../../src/core/errors.ts';
import type { Connector } from '../../src/core/ports.ts';
import { AUTH, startBench, type Bench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import { stillClock } from '../support/still-clock.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;
const FEATURES = { xml: '<stream:features/>', name: 'features', ns: 'http://etherx.jabber.org/streams', bytes: 18 };

/** The gateway has read all that was sent before: it answers this later. */
async function received(bench: Bench): Promise<void> {
  await bench.request({ method: 'GET', path: '/http-bind/' });
}

/** Servers that do nothing, and fail as no server does where a stanza says so. */
const faulty: Connector = {
  name: 'faulty',
  connect: (_request, client) => {
    queueMicrotask(() => {
      client.opened({ version: '1.0' });
      client.deliver(FEATURES);
    });
    return {
      send: ({ xml }) => {
        if (xml.includes('fault')) throw new TypeError('a fault at /home/somewhere.ts');
        client.deliver({ xml, name: 'message', ns: 'jabber:client', bytes: xml.length });
      },
      restart: () => {},
      close: () => client.closed(),
      pause: () => {},
      resume: () => {},
    };
  },
};

test('BOSH-ERR-05: a fault of the gateway ends the session that met it, and no other', async (t) => {
  const bench = await startBench(t, { connector: faulty });
  const [one, two] = [bench.bosh(), bench.bosh()];
  await one.create();
  await two.create();
  const held = await two.send();
  const { status, type, condition, text } = await one.ask(message('fault'));
  assert.deepEqual([status, type, condition], [200, 'terminate', 'internal-server-error']);
  assert.doesNotMatch(text, /TypeError|home/);
  assert.equal((await one.ask()).condition, 'item-not-found');
  await two.send(message('fine'));
  assert.match((await held.answer).text, /id='fine'/);
});

test('BOSH-ERR-07: undefined-condition is never used', () => {
  assert.deepEqual(
    Object.values(ERRORS).filter(({ bosh }) => (bosh as string) === 'undefined-condition'),
    [],
  );
});

test('BOSH-ERR-08: an error of the stream is told as remote-stream-error, whole, whatever stands in it', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const inner = "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>";
  const text = "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>&lt;again&gt;</text>";
  const held = await client.send();
  server.end(`<stream:error>${inner}${text}<why xmlns='urn:app'/></stream:error></stream:stream>`);
  const answer = await held.answer;
  assert.deepEqual([answer.type, answer.condition, answer.payload.length], ['terminate', 'remote-stream-error', 1]);
  for (const wanted of [inner, text, "<why xmlns='urn:app'/>"]) assert.ok(answer.text.includes(wanted), answer.text);
});

test('BOSH-ERR-15: a client that comes back after 20 seconds still learns why its session ended', async (t) => {
  const clock = stillClock(t);
  const bench = await startBench(t, { clock });
  const { client, server } = await bench.session();
  server.reset();
  await received(bench);
  clock.advance(20_000);
  const { type, condition } = await client.ask();
  assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
});

for (const address of ['127.0.0.1', '169.254.169.254', '10.0.0.1', '192.168.1.1', '100.64.0.1', '0.0.0.0']) {
  test(`B-22: a served domain that DNS leads to ${address} is not connected`, async (t) => {
    const { u } = await startBench(t);
    t.mock.method(Resolver.prototype, 'resolveSrv', () =>
      Promise.resolve([{ name: 'inside.test', port: u.port, priority: 0, weight: 0 }]),
    );
    const resolve4 = t.mock.method(Resolver.prototype, 'resolve4', () => Promise.resolve([{ address, ttl: 0 }]));
    t.mock.method(Resolver.prototype, 'resolve6', () => Promise.resolve([{ address: `::ffff:${address}`, ttl: 0 }]));
    const bench = await startBench(t, { domains: { 'example.com': {} } });
    const start = performance.now();
    const { type, condition } = await bench.bosh().create();
    assert.deepEqual([type, condition, u.untaken], ['terminate', 'remote-connection-failed', 0]);
    assert.ok(resolve4.mock.callCount() > 0 && performance.now() - start < 1000);
  });
}

test('B-42: a thousand new rids at once: the first outside the window ends the session, and all are answered', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const last = client.rid + 1000;
  const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.again(last - i, message(i))));
  const answers = await Promise.all(all.map(({ answer }) => answer));
  assert.equal(answers[0]?.condition, 'item-not-found');
  for (const { status, type, condition } of answers) {
    assert.deepEqual([status, type], [200, 'terminate']);
    assert.match(condition ?? '', /^(item-not-found|other-request)$/);
  }
  await server.expectEnd();
  await bench.proveHealthy();
});

test('B-44: creation requests in a storm from one address are refused before any server is dialled', async (t) => {
  const limits = { limitPrivateAddresses: true, sessionsPerMinutePerAddress: 20 };
  const bench = await startBench(t, limits, { autoLogin: true });
  const create = body({ rid: 1, to: 'example.com', ver: '1.11', wait: 60, hold: 1 });
  const http = await Promise.all(Array.from({ length: 20 }, () => bench.http()));
  let refused = 0;
  for (let i = 0; i < 25; i++) {
    const responses = await Promise.all(http.map((one) => one.request({ body: create })));
    for (const response of responses) {
      if (response.status === 200) assert.ok(readAnswer(response).attributes['sid']);
      else if (response.header('retry-after') !== undefined) refused++;
    }
  }
  assert.deepEqual([refused, bench.u.connections.length], [480, 20]);
});

test('XBOSH-03: what the client gets is in jabber:client, however the server wrote it', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send("<iq xmlns='jabber:client' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>");
  await server.expect("id='q'");
  server.send("<iq type='result' id='q'/>");
  assert.match((await held.answer).payload[0] ?? '', /^\{jabber:client\}iq/);
  server.send("<c:message xmlns:c='jabber:client' id='p'/>");
  assert.match((await client.ask()).payload[0] ?? '', /^\{jabber:client\}message/);
});

test('XBOSH-04: a stanza without a namespace of its own is one of jabber:client', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.send("<message id='bare'><body>hello</body></message>");
  const xml = await server.expect("id='bare'");
  assert.doesNotMatch(xml, /httpbind/);
  assert.match(xml, /^<message( xmlns='jabber:client')? id='bare'.*><body>hello<\/body><\/message>$/);
});

test('XBOSH-SASL-02: EXTERNAL is not configured: it passes to the server as it is, and fails there', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const external = AUTH.replace('PLAIN', 'EXTERNAL');
  const held = await client.send(external);
  assert.equal(await server.expect('<auth'), external);
  server.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/></failure>");
  const { type, text } = await held.answer;
  assert.deepEqual([type, /<invalid-mechanism/.test(text)], [undefined, true]);
});
