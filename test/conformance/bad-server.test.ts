import assert from 'node:assert/strict';
import test from 'node:test';
import { AUTH, MECHANISMS, startBench, type Bench } from '../support/bench.ts';
import type { ServerConnection } from '../support/scripted-server.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const LOST = ['terminate', 'remote-connection-failed'];

/** Everything that a WebSocket client still gets. */
async function allOf(socket: Awaited<ReturnType<Bench['socket']>>): Promise<string> {
  await socket.ended();
  let text = '';
  while (socket.waiting > 0) text += await socket.message();
  return text;
}

/** A server that says this before any features: what each client is told. */
async function greetBoth(bench: Bench, say: (server: ServerConnection) => void): Promise<string> {
  const created = bench.bosh().create();
  const first = await bench.u.accept();
  await first.expectHeader();
  say(first);
  const { type, condition, attributes, text } = await created;
  assert.deepEqual([type, condition, attributes['sid']], [...LOST, undefined]);
  const socket = await bench.socket();
  socket.open();
  const second = await bench.u.accept();
  await second.expectHeader();
  say(second);
  const told = await allOf(socket);
  assert.match(told, /^<open [^]*<remote-connection-failed [^]*<close /);
  await Promise.all([first.closed(), second.closed()]);
  return text + told;
}

test('U-01: a server that takes the connection and stays silent', async (t) => {
  const bench = await startBench(t, { negotiateSeconds: 0.3, creationWaitSeconds: 5 });
  const start = performance.now();
  await greetBoth(bench, () => {});
  const took = performance.now() - start;
  assert.ok(took > 550 && took < 2500, `${took} ms`);
  await bench.proveHealthy();
});

for (const banner of [
  '220 mail.example SMTP\r\n',
  'HTTP/1.1 400 Bad Request\r\n\r\n<html>x</html>',
  'SSH-2.0-x\r\n',
  '\x16\x03\x01',
]) {
  test(`U-02: a server of another protocol: ${JSON.stringify(banner)}`, async (t) => {
    const bench = await startBench(t);
    const told = await greetBoth(bench, (server) => server.send(latin1(banner)));
    assert.doesNotMatch(told, /220|HTTP\/1|SSH|html/);
    for (const { received } of bench.u.connections)
      assert.match(received, /<(not-well-formed|bad-format) [^]*<\/stream:stream>$/);
    await bench.proveHealthy();
  });
}

test('U-05: a header without id and from is taken; what is not known is left out', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.send("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
  server.send(`<stream:features>${MECHANISMS}</stream:features>`);
  const { attributes } = await created;
  assert.ok(attributes['sid']);
  assert.equal(attributes['authid'], undefined);
});

test('U-06: a header from another domain is passed on as it is, and logged', async (t) => {
  const lines: string[] = [];
  const log = (fields: object): void => void lines.push(JSON.stringify(fields));
  const bench = await startBench(t, { logger: { debug() {}, info: log, warn: log, error: log } });
  const created = bench.bosh().create();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader(MECHANISMS, "from='evil.example' version='1.0'");
  assert.equal((await created).attributes['from'], 'evil.example');
  assert.match(lines.join(), /"from":"evil\.example"/);
});

test('U-09: features of five megabytes are over the limit', async (t) => {
  const bench = await startBench(t);
  const told = await greetBoth(bench, (server) => {
    server.sendHeader();
    server.send(`<stream:features><x xmlns='urn:x'>${'y'.repeat(5_000_000)}</x></stream:features>`);
  });
  assert.doesNotMatch(told, /yyy/);
  await bench.proveHealthy();
});

for (const proceed of [
  "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
  "<proceed xmlns='urn:x'/>",
  '<proceed/>',
]) {
  test(`U-10: ${proceed} that nobody asked for never begins TLS`, async (t) => {
    const bench = await startBench(t);
    for (const open of [() => bench.session(), () => bench.login()]) {
      const { client, server } = await open();
      server.send(`${proceed}<message id='after'/>`);
      assert.match((await client.ask()).text, /<proceed[^]*id='after'/);
      await client.send("<message xmlns='jabber:client' id='clear'/>");
      await server.expect("id='clear'");
      assert.ok(!server.received.includes('\x16\x03'));
    }
  });
}

/** What breaks the rules in the middle of a stream, and the stream error that the server is told. */
// prettier-ignore
const BROKEN: readonly (readonly [id: string, what: string, bytes: string | Buffer, condition: RegExp])[] = [
  ['U-18', 'a DTD', '<!DOCTYPE a [<!ENTITY b "c">]>', /not-well-formed|restricted-xml/],
  ['U-18', 'an undeclared entity', '<message id="evil">&nbsp;</message>', /not-well-formed|restricted-xml/],
  ['U-18', 'a comment', '<!-- evil -->', /restricted-xml/],
  ['U-18', 'a comment in a stanza', '<message id="evil"><!-- c --></message>', /restricted-xml/],
  ['U-18', 'a processing instruction', '<?evil x?>', /restricted-xml/],
  ['U-19', 'invalid UTF-8', Buffer.concat([latin1('<message id="evil">\xff'), latin1('</message>')]), /not-well-formed/],
  ['U-19', 'overlong UTF-8', latin1('<message id="evil">\xc0\xbc</message>'), /not-well-formed/],
  ['U-19', 'UTF-16', Buffer.from('<message id="evil"/>', 'utf16le'), /not-well-formed|unsupported-encoding|bad-format/],
  ['U-19', 'NUL', '<message id="evil">\0</message>', /not-well-formed/],
  ['U-20', 'an unbound prefix', '<x:message id="evil"/>', /not-well-formed/],
  ['U-20', 'a duplicate attribute', '<message id="evil" id="2"/>', /not-well-formed/],
  ['U-20', 'mismatched tags', '<message id="evil"><body></message>', /not-well-formed/],
  ['U-21', 'text between stanzas', 'evil', /bad-format/],
  ['U-21', 'CDATA between stanzas', '<![CDATA[evil]]>', /bad-format/],
  ['U-08', 'a second header', "<stream:stream id='evil' xmlns:stream='http://etherx.jabber.org/streams'>", /bad-format|invalid-xml/],
  ['U-30', 'a body that ends sessions', "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' id='evil'/>", /bad-format/],
  ['U-31', '<close/> of WebSocket', "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='evil'/>", /bad-format/],
  ['U-31', '<open/> of WebSocket', "<x:open xmlns:x='urn:ietf:params:xml:ns:xmpp-framing' id='evil'/>", /bad-format/],
  ['U-22', 'a stanza above the limit', `<message id='evil'>${'x'.repeat(600_000)}</message>`, /policy-violation/],
  ['U-22', 'a stanza without end', `<message id='evil'>${'x'.repeat(2_000_000)}`, /policy-violation/],
  ['U-22', 'a hundred thousand levels', `<message id='evil'>${'<a>'.repeat(100_000)}`, /policy-violation/],
  ['U-22', 'ten thousand attributes', `<message id='evil' ${Array.from({ length: 10_000 }, (_, i) => `a${i}=''`).join(' ')}/>`, /policy-violation/],
];

for (const [id, what, bytes, condition] of BROKEN) {
  for (const transport of ['bosh', 'websocket'] as const) {
    test(`${id}: ${what}: the server is told, the client gets what was before, and nothing of it (${transport})`, async (t) => {
      const bench = await startBench(t);
      const { server, rest } = await opened(bench, transport);
      server.send(
        Buffer.concat([Buffer.from("<message id='good'/>"), Buffer.from(bytes), Buffer.from("<message id='evil'/>")]),
      );
      const told = await rest();
      assert.match(told, /id='good'/);
      assert.doesNotMatch(told, /evil|xxxx|urn:ietf:params:xml:ns:xmpp-framing' id|<a>/);
      assert.match(
        told,
        transport === 'bosh'
          ? /type='terminate' condition='remote-connection-failed'/
          : /<remote-connection-failed [^]*<close /,
      );
      assert.match(await server.expect('stream:error'), condition);
      await server.expectEnd();
      await bench.proveHealthy();
    });
  }
}

/** A session of that kind, and all that its client is told up to its end. */
async function opened(bench: Bench, transport: 'bosh' | 'websocket') {
  if (transport === 'websocket') {
    const { client, server } = await bench.stream();
    return { server, rest: () => allOf(client) };
  }
  const { client, server } = await bench.session();
  const rest = async (): Promise<string> => {
    let told = '';
    for (;;) {
      const { text, type } = await client.ask();
      told += text;
      if (type === 'terminate') return told;
    }
  };
  return { server, rest };
}

test('U-22, UP-XML-11: one byte now and then: a stanza must be complete in its time', async (t) => {
  const bench = await startBench(t, { stanzaSeconds: 0.4 });
  const { server, rest } = await opened(bench, 'bosh');
  server.send("<message id='good'/>");
  const drip = setInterval(() => server.send('x'), 50);
  t.after(() => clearInterval(drip));
  server.send("<message id='slow'><body>");
  const start = performance.now();
  const told = await rest();
  clearInterval(drip);
  const took = performance.now() - start;
  assert.ok(took > 350 && took < 1500, `${took} ms`);
  assert.doesNotMatch(told, /slow/);
  assert.match(await server.expect('stream:error'), /<policy-violation /);
  await bench.proveHealthy();
});

test('U-29: <compressed/> that nobody asked for switches nothing, and compression is not offered', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create();
  const server = await bench.u.accept();
  await server.expectHeader();
  const feature = "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";
  server.sendHeader(feature + MECHANISMS);
  const answer = await created;
  assert.doesNotMatch(answer.text, /compress/);
  const client = bench.bosh();
  client.sid = answer.attributes['sid'];
  client.rid = 1000;
  server.send("<compressed xmlns='http://jabber.org/protocol/compress'/><message id='after'/>");
  assert.match((await client.ask()).text, /id='after'/);
  await client.send(AUTH);
  await server.expect('<auth');
});
