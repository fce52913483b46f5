import assert from 'node:assert/strict';
import test from 'node:test';
import { AUTH, BIND, MECHANISMS, startBench, SUCCESS } from '../support/bench.ts';
import { readAnswer, XBOSH } from '../support/bosh-client.ts';
import { childInfosets, infoset } from '../support/infoset.ts';
import {
  BODY_VECTORS,
  CLIENT_HEADER,
  SERVER_HEADER,
  STREAM_VECTORS,
  type Vector,
} from '../support/namespace-vectors.ts';
import { eventually } from '../support/waiting.ts';

const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;
const FENCE = "<iq xmlns='jabber:client' id='fence'/>";

/** What U got, as it stands in the stream that the gateway opened. */
function inStream(xml: string, wanted: string): string {
  const lang = wanted.includes(' lang=') ? 'effective' : 'none';
  return childInfosets(`${CLIENT_HEADER}${xml}</stream:stream>`, { lang })[0] ?? '';
}

/** The same body with the sid and rid that a session asks for. */
function addressed(input: string, sid: string | undefined, rid: number): string {
  return input.replace("sid='S'", `sid='${sid}'`).replace("rid='101'", `rid='${rid}'`);
}

for (const vector of BODY_VECTORS.filter(({ id }) => id !== 'NSV-12' && id !== 'NSV-25')) {
  test(`${vector.id}: BOSH, end to end: ${vector.title}`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    await client.write(addressed(vector.input, client.sid, client.rid + 1));
    for (const wanted of vector.infosets) assert.equal(inStream((await server.event()).text, wanted), wanted);
  });
}

test('NSV-12: a payload in no namespace is refused', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session();
  const { input } = BODY_VECTORS.find(({ id }) => id === 'NSV-12') as Vector;
  assert.equal(readAnswer(await client.post(addressed(input, client.sid, client.rid + 1))).condition, 'bad-request');
  assert.doesNotMatch(bench.u.received, /presence/);
});

test('NSV-25, X-46: a stream error of the client is passed on, and both sides are closed', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const { input, infosets } = BODY_VECTORS.find(({ id }) => id === 'NSV-25') as Vector;
  const answer = readAnswer(await client.post(addressed(input, client.sid, client.rid + 1)));
  assert.equal(answer.type, 'terminate');
  assert.match(await server.expect('<stream:error'), /undefined-condition/);
  assert.equal(infosets.length, 1);
  await server.expectEnd();
});

for (const vector of STREAM_VECTORS.filter(({ id }) => id !== 'NSV-58' && id !== 'NSV-73')) {
  test(`${vector.id}: server to BOSH, end to end: ${vector.title}`, async (t) => {
    const bench = await startBench(t);
    const client = bench.bosh();
    const created = client.create({ wait: 1 });
    const server = await bench.u.accept();
    await server.expectHeader();
    server.send((vector.header ?? SERVER_HEADER) + vector.input);
    const payload = [...(await created).payload];
    while (payload.length < vector.infosets.length) payload.push(...(await client.ask()).payload);
    const comparable = payload.map((one, i) =>
      vector.infosets[i]?.includes(' lang=') ? one : one.replace(/ lang="\w*"/, ''),
    );
    assert.deepEqual(comparable, vector.infosets);
  });
}

test('NSV-58, XBOSH-01, XBOSH-ERR-01: a stream error is copied whole, with the prefix stream declared on the wrapper', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const { input, infosets } = STREAM_VECTORS.find(({ id }) => id === 'NSV-58') as Vector;
  const held = await client.send();
  server.send(`${input}</stream:stream>`);
  const { type, condition, payload, text } = await held.answer;
  assert.deepEqual([type, condition, payload], ['terminate', 'remote-stream-error', infosets]);
  assert.match(text, /^<body [^>]*xmlns:stream='http:\/\/etherx\.jabber\.org\/streams'/);
  await server.expectEnd();
});

test('XBOSH-01: features come with the prefix stream declared on the wrapper', async (t) => {
  const { client } = await (await startBench(t)).session();
  const created = await (await client.again(client.rid)).answer;
  assert.match(created.text, /^<body [^>]*xmlns:stream=[^>]*><stream:features/);
});

test('XBOSH-02: mixed elements keep the order of the server', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send();
  server.send(`<a xmlns='urn:a'/><iq id='1'/>${SUCCESS}`);
  const payload = [...(await held.answer).payload];
  while (payload.length < 3) payload.push(...(await client.ask()).payload);
  assert.deepEqual(
    payload.map((one) => /\}(\w+)/.exec(one)?.[1]),
    ['a', 'iq', 'success'],
  );
});

for (const [given, wanted] of [
  ['1.0', '1.0'],
  [undefined, '1.0'],
  ['0.9', '1.0'],
  ['2.0', '1.0'],
  ['abc', '1.0'],
]) {
  test(`XBOSH-05, B-53: xmpp:version=${given} becomes version='${wanted}' of the header, or is bad-request`, async (t) => {
    const bench = await startBench(t);
    const created = bench.bosh().create({ 'xmpp:version': given });
    const condition = created.then((answer) => answer.condition);
    const arrived = bench.u.accept().then((server) => server.expectHeader());
    const first = await Promise.race([condition, arrived]);
    if (first === 'bad-request') assert.ok(given !== undefined && given !== '1.0');
    else assert.match(first ?? '', / version='1\.0'/);
    arrived.catch(() => {});
  });
}

test('XBOSH-10: starttls and compression are not offered to the client; other features are', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader(
    `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression><x xmlns='urn:x'/>${MECHANISMS}`,
  );
  const {
    payload: [features = ''],
  } = await created;
  assert.doesNotMatch(features, /starttls|compress/);
  assert.match(features, /\{urn:x\}x.*mechanisms.*PLAIN/);
});

for (const xml of [
  "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
  "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
]) {
  test(`XBOSH-11, X-51: ${xml.slice(0, 9)} of the client is not forwarded`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.session();
    const held = await client.send(xml);
    await client.send(message('next'));
    await held.answer;
    const { text } = await server.event();
    assert.doesNotMatch(text, /starttls|compress/);
  });
}

test('XBOSH-12: while features are pending, requests are held', async (t) => {
  const bench = await startBench(t, { creationWaitSeconds: 0 });
  const client = bench.bosh();
  await client.create();
  const server = await bench.u.accept();
  await server.expectHeader();
  const held = await client.send();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(held.http.waiting, 0);
  server.sendHeader(MECHANISMS);
  assert.match((await held.answer).text, /mechanisms/);
});

test('XBOSH-RESTART-01, XBOSH-RESTART-04: a restart sends a new header on the same connection, and brings its features', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const auth = await client.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  assert.match((await auth.answer).text, /success/);
  const restart = await client.restart();
  assert.match(await server.expectHeader(), / to='example\.com'/);
  server.sendHeader(BIND);
  assert.match((await restart.answer).text, /<stream:features.*xmpp-bind/);
  assert.doesNotMatch(server.received, /<\/stream:stream/);
  assert.equal(bench.u.connections.length, 1);
});

for (const [given, wanted] of [
  ['fr', 'fr'],
  [undefined, 'en'],
] as const) {
  test(`XBOSH-RESTART-02: the language of a restart: ${given ?? 'absent'}`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    server.send(SUCCESS);
    await client.ask();
    await client.restart(given === undefined ? {} : { 'xml:lang': given });
    assert.match(await server.expectHeader(), new RegExp(` xml:lang='${wanted}'`));
  });
}

test('XBOSH-RESTART-03, B-40: payloads of a restart are ignored', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  server.send(SUCCESS);
  await client.ask();
  const restart = await client.restart({}, message('ignored'));
  await server.expectHeader();
  server.sendHeader(BIND);
  await restart.answer;
  await client.send(FENCE);
  await server.expect('fence');
});

test('XBOSH-RESTART-05: the new stream may use other prefixes', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  server.send(SUCCESS);
  await client.ask();
  const restart = await client.restart();
  await server.expectHeader();
  server.send(
    `<?xml version='1.0'?><s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' id='2' version='1.0'><s:features>${BIND}</s:features>`,
  );
  assert.match((await restart.answer).text, /<stream:features.*xmpp-bind/);
  const held = await client.send(FENCE);
  await server.expect('fence');
  server.send('<iq id="r"/></s:stream>');
  assert.match((await held.answer).text, /id="r"/);
});

test('XBOSH-RESTART-06, B-39: a restart that is not due is refused: before authentication', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const { type, condition } = await (await client.restart()).answer;
  assert.deepEqual([type, condition], ['terminate', 'bad-request']);
  await server.expectEnd();
});

test('XBOSH-RESTART-06, B-39: a restart that is not due is refused: twice, and after bind', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  const { type, condition } = await (await client.restart()).answer;
  assert.deepEqual([type, condition], ['terminate', 'bad-request']);
  await server.expectEnd();
  await bench.proveHealthy();
});

test('XBOSH-RESTART-06: two restarts in a row make one header', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  server.send(SUCCESS);
  await client.ask();
  await client.restart();
  await server.expectHeader();
  assert.equal((await (await client.restart()).answer).type, 'terminate');
  await server.expectEnd();
});

for (const [value, restarts] of [
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
] as const) {
  test(`XBOSH-RESTART-07: restart='${value}'`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    server.send(SUCCESS);
    await client.ask();
    await client.restart({ 'xmpp:restart': value }, FENCE);
    assert.equal((await server.event()).kind, restarts ? 'header' : 'element');
  });
}

for (const value of ['yes', 'TRUE', '']) {
  test(`XBOSH-RESTART-07, B-38: restart='${value}' is bad-request`, async (t) => {
    const { client } = await (await startBench(t)).session();
    assert.equal((await (await client.restart({ 'xmpp:restart': value })).answer).condition, 'bad-request');
  });
}

for (const content of ['dj1w==', '', '=', '=C2g9\n', '<text xml:lang="en">a&amp;b</text>']) {
  test(`XBOSH-SASL-01: SASL passes unchanged both ways: ${JSON.stringify(content)}`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    const element = (name: string): string => `<${name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${content}</${name}>`;
    const held = await client.send(element('response'));
    await server.expect((xml) => xml === element('response'));
    server.send(element('challenge'));
    assert.ok((await held.answer).text.includes(element('challenge')));
  });
}

test('XBOSH-ERR-01, A-18: stanzas before a stream error come first, in a body of their own where one can be had', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send();
  server.send(
    "<message id='last'/><stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
  );
  const first = await held.answer;
  assert.match(first.text, /id='last'/);
  const second = first.type === 'terminate' ? first : await client.ask();
  assert.deepEqual([second.condition, /conflict/.test(second.text)], ['remote-stream-error', true]);
});

test('XBOSH-ERR-02: a stream error while nothing is held waits for the next request; then the sid is unknown', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  server.send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
  await eventually('the stream is over', () => bench.gateway.stats().streams === 0);
  const { condition, text } = await client.ask();
  assert.deepEqual([condition, /<conflict/.test(text)], ['remote-stream-error', true]);
  assert.match((await client.ask()).condition ?? '', /^(item-not-found|remote-stream-error)$/);
});

test('XBOSH-ERR-03: a clean end of the server is no remote-stream-error', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send();
  server.end();
  const { type, condition } = await held.answer;
  assert.equal(type, 'terminate');
  assert.ok(condition === undefined || condition === 'remote-connection-failed');
});

test('XBOSH-UNAVAIL-01: what a dead session never got is answered, presence excepted', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 1 });
  const { client, server } = await bench.login({ wait: 1 });
  const route = "from='a@x.test/1' to='u@example.com/r'";
  await client.ask();
  server.send(
    `<presence ${route} id='p'/><iq ${route} type='get' id='i'><q xmlns='urn:q'/></iq><message ${route} id='m'/>`,
  );
  const iq = infoset(await server.expect("id='i'"));
  assert.match(
    iq,
    /^\{jabber:client\}iq\[.*@from="u@example.com\/r".*@to="a@x.test\/1", @type="error"\].*service-unavailable/,
  );
  const answer = infoset(await server.expect("id='m'"));
  assert.match(answer, /message\[.*@to="a@x.test\/1", @type="error"\].*recipient-unavailable/);
  await server.expectEnd();
});

test('XBOSH-UNAVAIL-02: results and errors are never answered', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 1 });
  const { client, server } = await bench.login({ wait: 1 });
  await client.ask();
  server.send("<iq type='result' id='1'/><iq type='error' id='2'/><message type='error' id='3'/>");
  await server.expectEnd();
});

test('XBOSH-UNAVAIL-03: with stream management nothing is injected', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 1 });
  const { client, server } = await bench.login({ wait: 1 });
  server.send("<enabled xmlns='urn:xmpp:sm:3' id='s'/>");
  await client.ask();
  server.send("<message from='a@x.test/1' to='u@example.com/r' id='m'/>");
  await server.expectEnd();
});

test('BOSH-INACT-03, SM-03: with resumable stream management an expired session leaves the server without an end tag', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 1 });
  const { client, server } = await bench.login({ wait: 1 });
  server.send("<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>");
  await client.ask();
  assert.equal(await server.closed(), 'bare');
});

test('XBOSH-05: restartlogic and version stand in the xbosh namespace', async (t) => {
  const { client } = await (await startBench(t)).session();
  assert.deepEqual([client.created[`{${XBOSH}}version`], client.created[`{${XBOSH}}restartlogic`]], ['1.0', 'true']);
});
