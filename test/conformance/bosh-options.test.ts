import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import test from 'node:test';
import { parseSettings } from '../../src/config/schema.ts';
import { createGateway } from '../../src/gateway.ts';
import { startBench, SUCCESS } from '../support/bench.ts';
import { body, BoshClient, readAnswer } from '../support/bosh-client.ts';
import { createAuthority } from '../support/certificates.ts';
import { ScriptedServer } from '../support/scripted-server.ts';
import { stillClock } from '../support/still-clock.ts';
import { eventually } from '../support/waiting.ts';

const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;
const DAY = 86_400_000;

test('BOSH-INACT-05: without a period none is announced, and a client may stay away for ever', async (t) => {
  const clock = stillClock(t);
  const bench = await startBench(t, { clock, inactivitySeconds: 0 });
  for (const hold of [1, 0]) {
    const { client, server } = await bench.login({ wait: 5, hold });
    assert.equal(client.created['inactivity'], undefined);
    const held = await client.send(message('last'));
    await server.expect(/<message|<iq/);
    clock.advance(5000);
    await held.answer;
    clock.advance(365 * DAY);
    await client.send(message('back'));
    await server.expect('back');
  }
  assert.equal(bench.gateway.stats().sessions, 2);
});

test('BOSH-INACT-05: a pause that is over ends the session even so, and the next request lifts it', async (t) => {
  const clock = stillClock(t);
  const bench = await startBench(t, { clock, inactivitySeconds: 0 });
  const { client } = await bench.login({ hold: 0 });
  await client.ask('', { pause: 60 });
  await client.ask();
  clock.advance(DAY);
  assert.equal(bench.gateway.stats().sessions, 1);
  await client.ask('', { pause: 60 });
  clock.advance(59_000);
  assert.equal(bench.gateway.stats().sessions, 1);
  clock.advance(2000);
  assert.equal(bench.gateway.stats().sessions, 0);
});

test('BOSH-MULTI-01: switched off, no answer has `stream`, and a later request with `to` is an ordinary one', async (t) => {
  const bench = await startBench(t, { maxStreamsPerSession: 1 });
  const { client, server } = await bench.login({ wait: 1 });
  assert.equal(client.created['stream'], undefined);
  const held = await client.send('', { to: 'example.com' });
  server.send("<message id='x'/>");
  const answers = [await held.answer, await client.ask('', { to: 'example.com' })];
  assert.match(answers[0]?.text ?? '', /id='x'/);
  const [, empty] = answers;
  assert.deepEqual([empty?.type, empty?.payload], [undefined, []]);
  await client.send(message('up'), { to: 'example.com' });
  await server.expect("id='up'");
  answers.push(await client.ask('', { type: 'terminate' }));
  for (const { attributes } of answers) assert.equal(attributes['stream'], undefined);
  assert.deepEqual([bench.u.connections.length, bench.u.untaken], [1, 0]);
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

test('BOSH-HTTP-16: port and path are 5280 and /http-bind/ by default, and follow the settings', async (t) => {
  const { port: usual, path } = parseSettings({});
  assert.deepEqual([usual, path], [5280, '/http-bind/']);
  const { u } = await startBench(t, {}, { autoLogin: true });
  const port = await freePort();
  const domains = { 'example.com': { host: '127.0.0.1', port: u.port, tls: 'none' } } as const;
  const gateway = createGateway({ host: '127.0.0.1', port, path: '/chat/bosh', domains, drainSeconds: 0.2 });
  t.after(() => gateway.stop());
  await gateway.start();
  assert.equal(gateway.port, port);
  const text = body({ rid: 1, to: 'example.com', ver: '1.11' });
  for (const [where, works] of [
    ['/chat/bosh', true],
    ['/chat/bosh/', true],
    ['/http-bind/', false],
    ['/http-bind', false],
  ] as const) {
    const answer = await new BoshClient(t, port, { path: where }).post(text);
    if (works) assert.ok(readAnswer(answer).attributes['sid'], where);
    else assert.equal(answer.status, 404, where);
  }
});

test('BOSH-BRK-08: a pause takes no room of the answers that are kept for a repeat', async (t) => {
  const { client, server } = await (await startBench(t)).login();
  const texts = [];
  for (const id of ['a', 'b']) {
    const held = await client.send(message(id));
    await server.expect(`id='${id}'`);
    server.send(`<message id='to-${id}'/>`);
    texts.push((await held.answer).text);
  }
  const [a, b] = [client.rid - 1, client.rid];
  assert.deepEqual((await client.ask('', { pause: 20 })).payload, []);
  assert.equal((await (await client.again(b)).answer).text, texts[1]);
  const again = await (await client.again(client.rid, '', { pause: 20 })).answer;
  assert.deepEqual([again.type, again.payload], [undefined, []]);
  assert.equal((await (await client.again(a)).answer).text, texts[0], 'the answer before');
});

test('BOSH-BRK-08: what a superseded connection was told is not what a repeat gets', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const first = await client.send(message('a'));
  await server.expect("id='a'");
  const second = await client.again(first.rid, message('a'));
  assert.equal((await first.answer).type, 'error');
  server.send("<message id='x'/>");
  const { text } = await second.answer;
  assert.match(text, /id='x'/);
  assert.equal((await (await client.again(first.rid)).answer).text, text);
});

test('XBOSH-SASL-02, XBOSH-RESTART-02: over TLS, `from` of the restart is in the new header', async (t) => {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const { certificateFile, keyFile } = await authority.issue({ names: ['example.com'] });
  const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
  const u = await ScriptedServer.start(t, { tls: { cert, key, mode: 'starttls' } });
  const domains = {
    'example.com': { host: '127.0.0.1', port: u.port, tls: 'starttls', ca: authority.caFile },
  } as const;
  const bench = await startBench(t, { domains });
  const client = bench.bosh();
  const created = client.create();
  const server = await u.accept();
  await server.negotiate();
  await created;
  assert.doesNotMatch(server.received, / from=/);
  const external = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>";
  const auth = await client.send(external);
  await server.expect((xml) => xml === external);
  server.send(SUCCESS);
  await auth.answer;
  await client.restart({ from: 'user@example.com' });
  assert.match(await server.expectHeader(), / from='user@example\.com'/);
});

test('XBOSH-SASL-02: where the server refuses EXTERNAL, the client is told, and may try something else', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const auth = await client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
  await server.expect('EXTERNAL');
  server.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/></failure>");
  assert.match((await auth.answer).text, /<failure.*invalid-mechanism/);
  await client.send(message('alive'));
  await server.expect('alive');
});

test('BOSH-SEC-09: a client that polls for ever for features that never come is ended in time, with its stream', async (t) => {
  const bench = await startBench(t, { authenticationSeconds: 1.5, negotiateSeconds: 60, creationWaitSeconds: 0.2 });
  const beside = await bench.login();
  const client = bench.bosh();
  const start = performance.now();
  await client.create({ wait: 1, hold: 0 });
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader();
  let answer = await client.ask();
  while (answer.type === undefined) answer = await client.ask();
  const took = performance.now() - start;
  assert.equal(answer.condition, 'policy-violation');
  assert.ok(took >= 1400 && took < 2500, `${took} ms`);
  assert.match(await server.closed(), /end tag|bare/);
  assert.match((await client.ask()).condition ?? '', /^(item-not-found|policy-violation)$/);
  await eventually('it is gone', () => bench.gateway.stats().sessions === 1);
  await beside.client.send(message('alive'));
  await beside.server.expect('alive');
});

test('BOSH-SEC-09: neither failed logins nor traffic make the time longer', async (t) => {
  const bench = await startBench(t, { authenticationSeconds: 1 });
  const { client, server } = await bench.session();
  const start = performance.now();
  for (;;) {
    const held = await client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>");
    server.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
    const { type, condition } = await held.answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (type === undefined) continue;
    assert.equal(condition, 'policy-violation');
    break;
  }
  const took = performance.now() - start;
  assert.ok(took >= 900 && took < 2000, `${took} ms`);
});

test('BOSH-RID-07: a gap that never fills: after wait the request is answered, after inactivity the session is gone', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 2, maxInactivitySeconds: 2 });
  const { client, server } = await bench.session({ wait: 1 });
  const parked = await client.again(client.rid + 2, message('never'));
  const { response, type, payload } = await parked.answer;
  const took = response.at - parked.sentAt;
  assert.ok(took >= 950 && took < 1500, `${took} ms`);
  assert.ok(type === undefined || type === 'error');
  assert.deepEqual(payload, []);
  await server.expectEnd();
  const silence = performance.now() - parked.sentAt;
  assert.ok(silence >= 1900 && silence < 3500, `${silence} ms`);
  server.end();
  await bench.settled();
  assert.doesNotMatch(server.received, /never/);
});

test('BOSH-RID-07: parked requests are bounded in bytes: one takes the place of the other, and each has the limit of a body', async (t) => {
  const bench = await startBench(t, {
    maxBodyBytes: 100_000,
    maxUpstreamBacklogBytes: 100_000,
    maxUpstreamBytes: 50_000,
  });
  const { client, server } = await bench.session();
  const padded = (id: string, bytes: number): string =>
    `<message xmlns='jabber:client' id='${id}'><body>${'x'.repeat(bytes)}</body></message>`;
  const older = [];
  for (let i = 0; i < 10; i++) older.push(await client.again(client.rid + 2, padded(`big-${i}`, 90_000)));
  older.pop();
  for (const { answer } of older) assert.equal((await answer).type, 'error');
  const response = await client.post(body({ rid: client.rid + 2, sid: client.sid }, padded('huge', 110_000)));
  assert.equal(response.status, 413);
  await client.again(client.rid + 1, message('first'));
  await server.expect("id='first'");
  await server.expect(/id='big-\d'/);
  await client.again(client.rid + 3, message('fence'));
  await server.expect("id='fence'");
});
