import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { startDevServer } from '../../src/devserver/server.ts';
import { createGateway } from '../../src/gateway.ts';
import { AUTH, BIND, startBench, SUCCESS, type Bench } from '../support/bench.ts';
import { oldFraming } from '../support/clients/old-framing.ts';
import { childInfosets } from '../support/infoset.ts';
import { CLIENT_HEADER } from '../support/namespace-vectors.ts';
import type { RawWebSocket } from '../support/raw-websocket.ts';
import type { ServerConnection } from '../support/scripted-server.ts';

const DECLARATIONS = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
const HEADER = `<stream:stream ${DECLARATIONS} to='example.com' version='1.0'>`;
const END = '</stream:stream>';

/** A stream in the old framing, its features told. */
async function oldStream(bench: Bench, header = HEADER): Promise<{ client: RawWebSocket; server: ServerConnection }> {
  const client = await bench.socket();
  client.send(header);
  const server = await bench.u.accept();
  await server.negotiate();
  assert.match(await client.message('the header'), /^<stream:stream /);
  assert.match(await client.message('features'), /^<stream:features /);
  return { client, server };
}

async function refused(client: RawWebSocket, condition: RegExp): Promise<void> {
  assert.match(await client.message('stream error'), condition);
  assert.equal(await client.message('the end tag'), END);
  assert.equal((await client.ended()).code, 1000);
}

test('the old framing: the header, elements and the end tag are messages, both ways, and SASL restarts the stream', async (t) => {
  const bench = await startBench(t);
  const client = await bench.socket();
  client.send(HEADER);
  const server = await bench.u.accept();
  assert.match(await server.expectHeader(), / to='example\.com'/);
  const id = server.sendHeader('<mechanisms/>');
  const header = await client.message();
  assert.match(
    header,
    /^<stream:stream xmlns="jabber:client" xmlns:stream="http:\/\/etherx\.jabber\.org\/streams" .*[^/]>$/,
  );
  assert.match(header, new RegExp(` from='example\\.com' id='${id}' version='1\\.0'`));
  assert.match(await client.message(), /^<stream:features .*<mechanisms/);

  client.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  assert.match(await client.message(), /^<success/);
  client.send(HEADER);
  await server.expectHeader();
  server.sendHeader(BIND);
  assert.match(await client.message(), /^<stream:stream /);
  assert.match(await client.message(), /xmpp-bind/);

  client.send(END);
  await server.expectEnd();
  server.send("<message id='late'/>");
  server.end();
  assert.match(await client.message(), /late/);
  assert.equal(await client.message(), END);
  assert.equal((await client.ended()).code, 1000);
  assert.equal(bench.u.connections.length, 1);
  await bench.settled();
});

for (const [what, header, mirrored] of [
  ['a self-closed header', HEADER.replace(/>$/, '/>'), /\/>$/],
  ['an XML declaration in front', `<?xml version='1.0'?>\n${HEADER}`, /[^/]>$/],
  [
    'another prefix',
    `<x:stream xmlns='jabber:client' xmlns:x='http://etherx.jabber.org/streams' to='example.com' version='1.0' >`,
    /[^/]>$/,
  ],
] as const) {
  test(`the old framing: ${what}`, async (t) => {
    const bench = await startBench(t);
    const client = await bench.socket();
    client.send(header);
    await (await bench.u.accept()).negotiate();
    assert.match(await client.message(), mirrored);
    assert.match(await client.message(), /^<stream:features /);
  });
}

test('the old framing: elements inherit from the header, and several come in one message', async (t) => {
  const bench = await startBench(t);
  const header = HEADER.replace(' to=', " xmlns:x='urn:x' xml:lang='pt' to=");
  const { client, server } = await oldStream(bench, header);
  assert.match(server.received, / xml:lang='pt'/);
  client.send(
    " <message id='1'><x:a/></message>\n<iq id='2'><q xmlns='urn:q'/></iq><presence xmlns='jabber:client'/> ",
  );
  const texts = [await server.event(), await server.event(), await server.event()].map(({ text }) => text);
  assert.deepEqual(childInfosets(`${CLIENT_HEADER}${texts.join('')}${END}`, { lang: 'none' }), [
    '{jabber:client}message[@id="1"]({urn:x}a)',
    '{jabber:client}iq[@id="2"]({urn:q}q)',
    '{jabber:client}presence',
  ]);
});

test('the old framing: a message of the server is one element that stands alone', async (t) => {
  const { client, server } = await oldStream(await startBench(t));
  server.send("<message id='1'/><message id='2'><body>b</body></message>");
  assert.match(await client.message(), /^<message xmlns='jabber:client' xml:lang='en' id='1'\/>$/);
  assert.match(
    await client.message(),
    /^<message xmlns='jabber:client' xml:lang='en' id='2'><body>b<\/body><\/message>$/,
  );
});

for (const [wrong, condition] of [
  ["<message id='no'>", /<not-well-formed /],
  ["<message id='no'/>text", /<bad-format /],
  ["<message id='no'/></stream:stream>", /<(not-well-formed|bad-format) /],
  ["</stream><stream><message id='no'/>", /<(not-well-formed|bad-format) /],
  ["<message id='no'/><!-- c -->", /<restricted-xml /],
  ["<message id='no' xmlns=''/>", /<invalid-namespace /],
  ["<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<policy-violation /],
  ['<stream:features/>', /<bad-format /],
  [HEADER, /<policy-violation /],
] as const) {
  test(`the old framing: ${wrong.slice(0, 40)} ends the stream, and nothing of the message is forwarded`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await oldStream(bench);
    client.send(wrong);
    await refused(client, condition);
    await server.expectEnd();
    assert.doesNotMatch(server.received, /id='no'/);
    await bench.proveHealthy();
  });
}

for (const [wrong, condition] of [
  [HEADER.replace('example.com', 'unknown.test'), /<host-unknown /],
  [HEADER.replace(" to='example.com'", ''), /<improper-addressing /],
  [HEADER.replace(" version='1.0'", ''), /<unsupported-version /],
  [HEADER.replace('jabber:client', 'jabber:server'), /<invalid-namespace /],
  [HEADER.replace('http://etherx.jabber.org/streams', 'urn:x'), /<invalid-namespace /],
  [`${HEADER}<presence/>`, /<(bad-format|not-well-formed) /],
  [`${HEADER.slice(0, -1)} a='1' a='2'>`, /<not-well-formed /],
] as const) {
  test(`the old framing: the header ${wrong.slice(15, 90)}: a header, the error and the end tag; no connection`, async (t) => {
    const bench = await startBench(t);
    const client = await bench.socket();
    client.send(wrong);
    assert.match(await client.message('a header'), /^<stream:stream /);
    await refused(client, condition);
    assert.equal(bench.u.untaken, 0);
    await bench.proveHealthy();
  });
}

test('the old framing: declarations of the header cannot multiply a message', async (t) => {
  const bench = await startBench(t, { maxPayloads: 2000 });
  const header = HEADER.replace(' to=', ` xmlns:x='urn:${'x'.repeat(3000)}' to=`);
  const { client, server } = await oldStream(bench, header);
  client.send('<x:a/>'.repeat(1500));
  await refused(client, /<policy-violation /);
  await server.expectEnd();
  assert.ok(server.received.length < 1000, `${server.received.length}`);
});

test('the old framing: the server ends: the end tag, and 1000 when the client has answered', async (t) => {
  const { client, server } = await oldStream(await startBench(t, { closeSeconds: 30 }));
  server.end();
  assert.equal(await client.message(), END);
  client.send(END);
  assert.equal((await client.ended()).code, 1000);
});

test('the old framing: a lost server leaves no end tag under stream management', async (t) => {
  const { client, server } = await oldStream(await startBench(t));
  server.send("<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>");
  await client.message();
  server.reset();
  assert.equal((await client.ended()).code, 1011);
  assert.equal(client.waiting, 0);
});

test('the old framing is chosen by the first element alone: later, neither is the other', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.stream();
  client.send(HEADER);
  assert.match(await client.message(), /<not-well-formed /);
  const { client: old } = await oldStream(bench);
  old.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.com' version='1.0'/>");
  await refused(old, /<bad-format /);
});

/** A gateway in front of the embedded server. */
async function startChat(t: TestContext): Promise<string> {
  const users = ['romeo', 'juliet'].map((name) => ({ name, password: 'secret' }));
  const server = await startDevServer({ users });
  t.after(() => server.stop());
  const gateway = createGateway({
    port: 0,
    host: '127.0.0.1',
    domains: { localhost: { host: '127.0.0.1', port: server.port, tls: 'none' } },
    drainSeconds: 0.2,
  });
  await gateway.start();
  t.after(() => gateway.stop());
  return `ws://127.0.0.1:${gateway.port}/xmpp-websocket`;
}

test('the old framing: two clients log in at the embedded server, chat and log out', async (t) => {
  const websocket = await startChat(t);
  const login = (user: string) => {
    const account = { user, jid: `${user}@localhost`, password: 'secret' };
    return oldFraming.login({ urls: { websocket, bosh: '' }, domain: 'localhost', account });
  };
  const [romeo, juliet] = await Promise.all([login('romeo'), login('juliet')]);
  t.after(() => [romeo, juliet].forEach((client) => client.destroy()));
  const text = `<b>&amp; "quoted" 'too'</b> ]]> 😀`;
  await romeo.sendPresence();
  await juliet.sendPresence();
  await romeo.sendMessage(juliet.jid, text);
  await juliet.message(text, 'romeo@localhost');
  await juliet.sendMessage(romeo.jid, `${text} too`);
  await romeo.message(`${text} too`, 'juliet@localhost');
  await romeo.logout();
  await juliet.logout();
});
