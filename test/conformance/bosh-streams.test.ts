import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { GatewayOptions } from '../../src/gateway.ts';
import { AUTH, BIND, startBench, SUCCESS, type Bench } from '../support/bench.ts';
import { XBOSH, type Attributes, type BoshClient } from '../support/bosh-client.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;
const VERSION = `{${XBOSH}}version`;
/** What a client says that opens another stream (XEP-0206 §3). */
const ADD = { to: 'other.test', 'xmlns:xmpp': XBOSH, 'xmpp:version': '1.0' };
const OTHER_HEADER = "from='other.test' version='1.0'";

/** A gateway with two servers: u serves example.com, u2 other.test. */
async function twoServers(t: TestContext, settings: Partial<GatewayOptions> = {}) {
  const u2 = await ScriptedServer.start(t);
  return { u2, bench: await startBench(t, settings, {}, { 'other.test': u2 }) };
}

/** A session with a stream to each of the two. */
async function twoStreams(t: TestContext, attributes: Attributes = {}, settings: Partial<GatewayOptions> = {}) {
  const { u2, bench } = await twoServers(t, settings);
  const { client, server: s1 } = await bench.session(attributes);
  const { server: s2, answer } = await addStream(client, u2);
  const [name1 = '', name2 = ''] = [client.created['stream'], answer.attributes['stream']];
  assert.ok(name1 !== '' && name2 !== '' && name1 !== name2);
  return { bench, u2, client, s1, s2, name1, name2 };
}

async function addStream(client: BoshClient, server: ScriptedServer, attributes: Attributes = {}) {
  const request = await client.send('', { ...ADD, ...attributes });
  const connection = await server.accept();
  await connection.expectHeader();
  connection.sendHeader('<a/>', OTHER_HEADER);
  return { server: connection, answer: await request.answer };
}

/** The gateway has read all that was sent before: it answers this later. */
async function received(bench: Bench): Promise<void> {
  await bench.request({ method: 'GET', path: '/http-bind/' });
}

test('BOSH-MULTI-02: the creation answer names the stream, unguessably', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const names = new Set<string>();
  for (let i = 0; i < 200; i++) names.add((await bench.bosh().create()).attributes['stream'] ?? '');
  assert.equal(names.size, 200);
  for (const name of names) assert.match(name, /^[\w-]{22,}$/);
});

test('BOSH-MULTI-02: the name of a stream is not the session id', async (t) => {
  const { client } = await (await startBench(t)).session();
  assert.notEqual(client.created['stream'], client.sid);
});

test('BOSH-MULTI-03, BOSH-MULTI-09: an empty request with `to` opens another stream, and its answer names it', async (t) => {
  const { u2, bench } = await twoServers(t);
  const { client } = await bench.session();
  const { server, answer } = await addStream(client, u2, { 'xml:lang': 'fr' });
  assert.match(server.received, / to='other\.test'.* xml:lang='fr'/);
  const { stream, from, authid, [VERSION]: version, ...more } = answer.attributes;
  assert.match(stream ?? '', /^[\w-]{22,}$/);
  assert.deepEqual([from, version, more], ['other.test', '1.0', {}]);
  assert.match(server.socket.destroyed ? '' : (authid ?? ''), /^stream-/);
  assert.match(answer.text, /<stream:features/);
});

test('BOSH-MULTI-03: a server that is slow: the stream is named at once, its features follow under the name', async (t) => {
  const { u2, bench } = await twoServers(t, { creationWaitSeconds: 0.2 });
  const { client } = await bench.session();
  const { attributes } = await client.ask('', ADD);
  const server = await u2.accept();
  const held = await client.send();
  server.sendHeader('<a/>', OTHER_HEADER);
  const later = await held.answer;
  assert.deepEqual(
    [later.attributes['stream'], later.attributes['from'], later.attributes[VERSION]],
    [attributes['stream'], 'other.test', '1.0'],
  );
  assert.match(later.text, /<stream:features/);
});

test('BOSH-MULTI-03: a request that opens a stream is repeated: it opens one', async (t) => {
  const { u2, bench } = await twoServers(t);
  const { client } = await bench.session();
  const first = await client.send('', ADD);
  const server = await u2.accept();
  const again = await client.again(first.rid, '', ADD);
  assert.equal((await first.answer).type, 'error');
  server.sendHeader('<a/>', OTHER_HEADER);
  const answer = await again.answer;
  const replay = await (await client.again(first.rid, '', ADD)).answer;
  assert.equal(replay.text, answer.text);
  assert.deepEqual([u2.untaken, bench.gateway.stats().streams], [0, 2]);
});

test('BOSH-MULTI-03: two streams to one domain are two logins', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.login();
  const { server, answer } = await addStream(client, bench.u, { to: 'example.com' });
  const held = await client.send(message('second'), { stream: answer.attributes['stream'] });
  await server.expect('second');
  server.send("<message id='x'/>");
  assert.equal((await held.answer).attributes['stream'], answer.attributes['stream']);
});

test('BOSH-MULTI-04: an answer names one stream and carries of that alone; an empty one names none', async (t) => {
  const { client, s1, s2, name1, name2 } = await twoStreams(t, { hold: 0 });
  s1.send("<message id='one'/><iq id='fence'/>");
  s2.send("<message id='two'/>");
  const got: string[] = [];
  while (got.length < 2) {
    const { payload, text, attributes } = await client.ask();
    const { stream } = attributes;
    if (payload.length === 0) assert.equal(stream, undefined);
    if (/id="one"/.test(payload.join())) assert.deepEqual([stream, /'two'/.test(text)], [name1, false]);
    if (/id="two"/.test(payload.join())) assert.deepEqual([stream, /'one'/.test(text)], [name2, false]);
    got.push(...(payload.join().match(/"(one|two)"/g) ?? []));
  }
  assert.deepEqual((await client.ask()).attributes, {});
});

test('BOSH-MULTI-04: streams take turns: one that floods does not silence the other', async (t) => {
  const { bench, client, s1, s2, name2 } = await twoStreams(t, {}, { maxResponseBytes: 1024 });
  for (let i = 0; i < 50; i++) s1.send(`<message id='${i}'><body>${'x'.repeat(900)}</body></message>`);
  s2.send("<message id='two'/>");
  await received(bench);
  const names: (string | undefined)[] = [];
  for (let i = 0; i < 3; i++) names.push((await client.ask()).attributes['stream']);
  assert.ok(names.includes(name2), names.join());
});

test('BOSH-MULTI-05: what names no stream goes to all of them; what names one, to that alone', async (t) => {
  const { client, s1, s2, name1, name2 } = await twoStreams(t, { hold: 0 });
  await client.ask("<presence xmlns='jabber:client'/>");
  await client.ask(message('for-one'), { stream: name1 });
  await client.ask(message('for-two'), { stream: name2 });
  await s1.expect('<presence');
  await s1.expect('for-one');
  await s2.expect('<presence');
  await s2.expect('for-two');
});

test('BOSH-MULTI-06, B-50: a stream that never was: item-not-found', async (t) => {
  const { client, s1, s2 } = await twoStreams(t);
  const { type, condition } = await client.ask(message('no'), { stream: 'nope' });
  assert.deepEqual([type, condition], ['terminate', 'item-not-found']);
  await s1.expectEnd();
  await s2.expectEnd();
});

test('BOSH-MULTI-06: payload for a stream that the client has just ended is ignored', async (t) => {
  const { client, s1, s2, name2 } = await twoStreams(t, { hold: 0 });
  await client.ask('', { type: 'terminate', stream: name2 });
  await s2.expectEnd();
  assert.equal((await client.ask(message('late'), { stream: name2 })).type, undefined);
  await client.ask(message('alive'));
  await s1.expect('alive');
});

test('BOSH-MULTI-06: payload for a stream that its server has just ended is ignored', async (t) => {
  const { client, s1, s2, name2 } = await twoStreams(t);
  const held = await client.send();
  s2.end();
  assert.deepEqual([(await held.answer).type, (await held.answer).attributes['stream']], ['terminate', name2]);
  const late = await client.send(message('late'), { stream: name2 });
  const alive = await client.send(message('alive'));
  assert.equal((await late.answer).type, undefined);
  await s1.expect('alive');
  s1.send("<message id='x'/>");
  assert.match((await alive.answer).text, /id='x'/);
});

test('BOSH-MULTI-07: terminate with a name ends that stream; that of the last one ends the session', async (t) => {
  const { bench, client, s1, s2, name1, name2 } = await twoStreams(t, { hold: 0 });
  const end = { type: 'terminate' };
  const first = await client.ask("<presence xmlns='jabber:client' type='unavailable'/>", { ...end, stream: name2 });
  assert.equal(first.type, undefined);
  await s2.expect('unavailable');
  await s2.expectEnd();
  await client.ask(message('alive'), { stream: name1 });
  await s1.expect('alive');
  const last = await client.ask('', { ...end, stream: name1 });
  assert.deepEqual([last.type, last.condition], ['terminate', undefined]);
  await s1.expectEnd();
  s1.end();
  s2.end();
  await bench.settled();
});

test('BOSH-MULTI-07: terminate without a name ends all, after its payload went to all', async (t) => {
  const { bench, client, s1, s2 } = await twoStreams(t);
  const last = await client.ask("<presence xmlns='jabber:client' type='unavailable'/>", { type: 'terminate' });
  assert.equal(last.type, 'terminate');
  for (const server of [s1, s2]) {
    await server.expect('unavailable');
    await server.expectEnd();
    server.end();
  }
  await bench.settled();
});

test('BOSH-MULTI-07: terminate of the last stream that lives, while the end of the other is still to be told', async (t) => {
  const { bench, client, s1, s2, name1 } = await twoStreams(t);
  s2.reset();
  await received(bench);
  const answers = [await client.ask('', { type: 'terminate', stream: name1 })];
  await s1.expectEnd();
  s1.end();
  if (answers[0]?.attributes['stream'] !== undefined) answers.push(await client.ask());
  assert.deepEqual([answers.at(-1)?.type, answers.at(-1)?.attributes['stream']], ['terminate', undefined]);
  await bench.settled();
});

test('BOSH-MULTI-08: a server that is lost ends its stream alone', async (t) => {
  const { client, s1, s2, name2 } = await twoStreams(t);
  const held = await client.send();
  s2.reset();
  const { type, condition, attributes } = await held.answer;
  assert.deepEqual([type, condition, attributes['stream']], ['terminate', 'remote-connection-failed', name2]);
  const next = await client.send(message('alive'));
  await s1.expect('alive');
  s1.send("<message id='x'/>");
  assert.match((await next.answer).text, /id='x'/);
});

test('BOSH-MULTI-08: the first stream may end before the second; what it had sent comes first', async (t) => {
  const { bench, client, s1, s2, name1, name2 } = await twoStreams(t);
  s1.end("<message id='last'/><stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
  await received(bench);
  const [payload, end] = [await client.ask(), await client.ask()];
  assert.deepEqual([/last/.test(payload.text), payload.type, payload.attributes['stream']], [true, undefined, name1]);
  assert.deepEqual([end.condition, end.attributes['stream']], ['remote-stream-error', name1]);
  assert.match(end.text, /<conflict/);
  const held = await client.send(message('alive'));
  await s2.expect('alive');
  s2.send("<message id='x'/>");
  assert.equal((await held.answer).attributes['stream'], name2);
});

test('BOSH-MULTI-08: where all servers are lost, the last end is that of the session', async (t) => {
  const { bench, client, s1, s2, name1 } = await twoStreams(t);
  s1.reset();
  await received(bench);
  s2.reset();
  await received(bench);
  const first = await client.ask();
  const last = first.attributes['stream'] === undefined ? first : await client.ask();
  if (first !== last) assert.equal(first.attributes['stream'], name1);
  assert.deepEqual([last.type, last.condition], ['terminate', 'remote-connection-failed']);
  await bench.settled();
});

for (const [to, condition] of [
  ['unknown.test', 'host-unknown'],
  ['old.test', 'host-gone'],
  ['a b', 'improper-addressing'],
  ['', 'improper-addressing'],
  ['down.test', 'remote-connection-failed'],
] as const) {
  test(`BOSH-MULTI-08: another stream to '${to}': ${condition}, for that stream alone`, async (t) => {
    const down = await ScriptedServer.start(t);
    const bench = await startBench(t, { retiredDomains: ['old.test'] }, {}, { 'down.test': down });
    await down.stop();
    const { client, server } = await bench.session();
    const answer = await client.ask('', { ...ADD, to });
    assert.deepEqual([answer.type, answer.condition], ['terminate', condition]);
    assert.ok(answer.attributes['stream'] !== undefined && answer.attributes['stream'] !== client.created['stream']);
    await client.send(message('alive'));
    await server.expect('alive');
  });
}

test('BOSH-MULTI-03: no more streams than maxStreamsPerSession; those that are go on', async (t) => {
  const { u2, bench } = await twoServers(t, { maxStreamsPerSession: 2 });
  const { client, server } = await bench.session();
  await addStream(client, u2);
  const { type, condition, attributes } = await client.ask('', ADD);
  assert.deepEqual([type, condition, u2.untaken], ['terminate', 'policy-violation', 0]);
  assert.ok(attributes['stream'] !== undefined);
  await client.send(message('alive'));
  await server.expect('alive');
});

test('BOSH-MULTI-03: a stream that is over makes room for another', async (t) => {
  const { u2, bench } = await twoServers(t, { maxStreamsPerSession: 2 });
  const { client } = await bench.session({ hold: 0 });
  for (let i = 0; i < 4; i++) {
    const { server, answer } = await addStream(client, u2);
    assert.match(answer.text, /<stream:features/);
    await client.ask('', { type: 'terminate', stream: answer.attributes['stream'] });
    await server.expectEnd();
  }
});

test('BOSH-MULTI-04, BOSH-BRK-06: what stood in a lost answer comes again under the name of its stream', async (t) => {
  const { bench, client, s2, name2 } = await twoStreams(t);
  const held = await client.send();
  held.abort();
  await received(bench);
  s2.send("<message id='kept'/>");
  const { text, attributes } = await client.ask();
  assert.deepEqual([/kept/.test(text), attributes['stream']], [true, name2]);
});

test('BOSH-MULTI-04: each stream logs in and restarts by its name', async (t) => {
  const { client, s2, name2 } = await twoStreams(t);
  const auth = await client.send(AUTH, { stream: name2 });
  await s2.expect('<auth');
  s2.send(SUCCESS);
  assert.equal((await auth.answer).attributes['stream'], name2);
  const restart = await client.restart({ to: 'other.test', stream: name2 });
  await s2.expectHeader();
  s2.sendHeader(BIND, OTHER_HEADER);
  const { attributes, text } = await restart.answer;
  assert.deepEqual([attributes['stream'], /<bind/.test(text)], [name2, true]);
});

test('BOSH-SESSION-18, B-15: creation attributes with another `to` in a later request open nothing', async (t) => {
  const { u2, bench } = await twoServers(t);
  const { client, server } = await bench.session();
  const held = await client.send('', { to: 'other.test', wait: 1, hold: 9, ver: '9.9', content: 'text/plain' });
  server.send("<message id='x'/>");
  const { text, response } = await held.answer;
  assert.deepEqual([/id='x'/.test(text), response.header('content-type')], [true, 'text/xml; charset=utf-8']);
  assert.deepEqual([u2.untaken, bench.u.untaken, bench.gateway.stats().streams], [0, 0, 1]);
});

for (const [what, isFirstEmpty] of [
  ['whose first request logs in', false],
  ['that first asks for its password, and polls meanwhile', true],
] as const) {
  test(`COMPAT(Pidgin): a client that says to in every body, ${what}, opens no second stream`, async (t) => {
    const bench = await startBench(t);
    const always = { to: 'example.com', 'xml:lang': 'en', 'xmlns:xmpp': XBOSH };
    const { client, server } = await bench.session({ secure: 'true', ver: '1.6' });
    if (isFirstEmpty) await client.send('', always);
    const auth = await client.send(AUTH, always);
    await server.expect('<auth');
    server.send(SUCCESS);
    await auth.answer;
    const restart = await client.restart(always);
    await server.expectHeader();
    server.sendHeader(BIND);
    assert.match((await restart.answer).text, /<bind/);
    const held = await client.send('', always);
    server.send("<message id='x'/>");
    assert.match((await held.answer).text, /id='x'/);
    const last = await client.ask('', { ...always, type: 'terminate' });
    assert.deepEqual([last.type, bench.u.connections.length], ['terminate', 1]);
  });
}
