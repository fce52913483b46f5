import assert from 'node:assert/strict';
import test from 'node:test';
import { DOMParser } from '@xmldom/xmldom';
import { AUTH, BIND, MECHANISMS, startBench, SUCCESS } from '../support/bench.ts';
import { authorityFor, securedServer } from '../support/open-gateway.ts';
import { eventually } from '../support/waiting.ts';

const STREAMS = 'http://etherx.jabber.org/streams';
const FAILED = ['terminate', 'remote-connection-failed', undefined];

/** A header by a parser that is not ours. */
function readHeader(header: string): { root: string; attributes: Record<string, string> } {
  const { documentElement } = new DOMParser().parseFromString(`${header}</stream:stream>`, 'text/xml');
  const attributes = Object.fromEntries(
    [...(documentElement?.attributes ?? [])].map(({ name, value }) => [name, value]),
  );
  return { root: `{${documentElement?.namespaceURI}}${documentElement?.localName}`, attributes };
}

test('UP-STREAM-01, UP-STREAM-03: the header: its namespaces, version 1.0, the normalised domain, one XML declaration', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create({ to: 'EXAMPLE.com.', from: 'user@example.com', 'xml:lang': 'de' });
  const server = await bench.u.accept();
  const { root, attributes } = readHeader(await server.expectHeader());
  assert.equal(root, `{${STREAMS}}stream`);
  assert.deepEqual(attributes, {
    xmlns: 'jabber:client',
    'xmlns:stream': STREAMS,
    to: 'example.com',
    version: '1.0',
    'xml:lang': 'de',
  });
  assert.match(server.received, /^<\?xml version='1\.0'\?><stream:stream [^<]*$/);
  server.sendHeader('');
  await created;
});

test('UP-STREAM-02: `from` is the bare JID, and told over TLS only', async (t) => {
  const authority = await authorityFor(t);
  const u = await securedServer(t, authority, 'starttls');
  const domains = {
    'example.com': { host: '127.0.0.1', port: u.port, tls: 'starttls', ca: authority.caFile },
  } as const;
  const bench = await startBench(t, { domains });
  const created = bench.bosh().create({ from: 'user@example.com/phone' });
  const server = await u.accept();
  await server.negotiate();
  await created;
  const headers = (server.received.match(/<stream:stream [^>]*>/g) ?? []).map(
    (header) => readHeader(header).attributes['from'],
  );
  assert.deepEqual(headers, [undefined, 'user@example.com']);
});

for (const attributes of [
  { to: 'exa&quot;mple.com' },
  { to: 'example.com&lt;' },
  { to: 'example.com&apos; x=&apos;1' },
  { from: 'us&apos;er@example.com' },
  { from: 'us&lt;er@example.com' },
  { 'xml:lang': 'e&apos;n' },
  { 'xml:lang': 'e&lt;n' },
]) {
  test(`UP-STREAM-04: ${JSON.stringify(attributes)}: refused, or a header that is well-formed`, async (t) => {
    const bench = await startBench(t);
    const created = bench.bosh().create(attributes);
    const [name = '', value = ''] = Object.entries(attributes)[0] ?? [];
    if (name === 'to') {
      assert.equal((await created).condition, 'improper-addressing');
      assert.equal(bench.u.untaken, 0);
      return;
    }
    const server = await bench.u.accept();
    const header = await server.expectHeader();
    assert.deepEqual(
      Object.keys(readHeader(header).attributes).toSorted(),
      name === 'from'
        ? ['to', 'version', 'xml:lang', 'xmlns', 'xmlns:stream']
        : ['to', 'version', 'xmlns', 'xmlns:stream'],
      value,
    );
    server.sendHeader('');
    await created;
  });
}

for (const [what, header] of [
  ['another namespace of the root', `<stream:stream xmlns='jabber:client' xmlns:stream='urn:x' version='1.0'>`],
  ['a root that is no stream', `<stream:other xmlns='jabber:client' xmlns:stream='${STREAMS}' version='1.0'>`],
  ['a root without a prefix or namespace', `<stream version='1.0'>`],
  ['the content of servers', `<stream:stream xmlns='jabber:server' xmlns:stream='${STREAMS}' version='1.0'>`],
] as const) {
  test(`UP-STREAM-05, U-03: ${what}: invalid-namespace, and remote-connection-failed`, async (t) => {
    const bench = await startBench(t);
    const created = bench.bosh().create();
    const socket = await bench.socket();
    socket.open();
    for (let i = 0; i < 2; i++) {
      const server = await bench.u.accept();
      await server.expectHeader();
      server.send(`<?xml version='1.0'?>${header}`);
      assert.match(await server.expect('stream:error'), /<invalid-namespace /);
      await server.expectEnd();
      assert.equal(await server.closed(), 'end tag');
    }
    const { type, condition, attributes } = await created;
    assert.deepEqual([type, condition, attributes['sid']], FAILED);
    assert.match(await socket.message(), /^<open /);
    assert.match(await socket.message(), /<remote-connection-failed /);
    assert.match(await socket.message(), /^<close /);
  });
}

test('UP-STREAM-06: servers choose their prefixes; clients see the usual ones', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.send(`<s:stream xmlns:c='jabber:client' xmlns:s='${STREAMS}' id='i' from='example.com' version='1.0'>`);
  server.send(`<s:features>${MECHANISMS}</s:features>`);
  const answer = await created;
  assert.match(answer.text, /<stream:features[ >]/);
  assert.equal(answer.attributes['authid'], 'i');
  const client = bench.bosh();
  client.sid = answer.attributes['sid'];
  client.rid = 1000;
  server.send("<c:message id='m'><c:body>x</c:body></c:message>");
  assert.match((await client.ask()).text, /<message [^]*<body[ >]/);
});

for (const version of ['', "version='0.9'", "version='x'"]) {
  test(`UP-STREAM-07, U-04: a header with ${version || 'no version'} fails at once`, async (t) => {
    const bench = await startBench(t, { negotiateSeconds: 60 });
    const created = bench.bosh().create();
    const server = await bench.u.accept();
    await server.expectHeader();
    const start = performance.now();
    server.sendHeader(undefined, `from='example.com' ${version}`);
    const { condition } = await created;
    assert.equal(condition, 'remote-connection-failed');
    assert.ok(performance.now() - start < 1000);
    assert.match(await server.expect('stream:error'), /<unsupported-version /);
  });
}

test('UP-STREAM-08, U-09: a header, and then no features: remote-connection-failed after the limit', async (t) => {
  const bench = await startBench(t, { negotiateSeconds: 0.4, creationWaitSeconds: 0.1 });
  const client = bench.bosh();
  const start = performance.now();
  const created = client.create();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader();
  assert.ok((await created).attributes['sid'], 'the client is answered before');
  const { type, condition } = await client.ask();
  assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
  const took = performance.now() - start;
  assert.ok(took > 350 && took < 1500, `${took} ms`);
  assert.match(await server.expect('stream:error'), /<connection-timeout /);
});

test('UP-STREAM-10: a restart is a new header on the same connection, read anew, without an end tag before', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const auth = await client.send(AUTH);
  await server.expect('<auth');
  // The first stream is left in the middle of white space; the second one has other prefixes.
  server.send(`${SUCCESS}\n `);
  await auth.answer;
  const restart = await client.restart();
  await server.expectHeader();
  server.send(`<?xml version='1.0'?><x:stream xmlns:x='${STREAMS}' xmlns='jabber:client' id='second' version='1.0'>`);
  server.send(`<x:features>${BIND}</x:features>`);
  assert.match((await restart.answer).text, /<bind /);
  assert.doesNotMatch(server.received, /<\/stream:stream>/);
  assert.equal(bench.u.connections.length, 1);
});

for (const when of ['with the header', 'right after the header', 'after the features'] as const) {
  test(`UP-STREAM-11, U-25: a stream error ${when} is relayed`, async (t) => {
    const bench = await startBench(t);
    const error =
      "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
    for (const transport of ['bosh', 'websocket'] as const) {
      const created = transport === 'bosh' ? bench.bosh().create() : undefined;
      const socket = transport === 'websocket' ? await bench.socket() : undefined;
      socket?.open();
      const server = await bench.u.accept();
      await server.expectHeader();
      server.sendHeader(when === 'after the features' ? '' : undefined);
      if (when === 'right after the header') await new Promise((resolve) => setTimeout(resolve, 30));
      server.send(error);
      const texts: string[] = [];
      if (created !== undefined) {
        const first = await created;
        texts.push(first.text);
        if (first.type !== 'terminate') {
          const client = bench.bosh();
          client.sid = first.attributes['sid'];
          client.rid = 1000;
          texts.push((await client.ask()).text);
        }
        assert.match(texts.at(-1) ?? '', /type='terminate' condition='remote-stream-error'/);
      } else if (socket !== undefined) {
        await socket.ended();
        while (socket.waiting > 0) texts.push(await socket.message());
        assert.match(texts[0] ?? '', /^<open /);
        assert.match(texts.at(-1) ?? '', /^<close /);
      }
      assert.match(texts.join(), /<host-unknown /);
      assert.equal(await server.closed(), 'end tag');
    }
  });
}

test('UP-STREAM-12, UP-XML-05: all features but two reach the client, in their order, whatever they are', async (t) => {
  const bench = await startBench(t);
  const kept = [
    MECHANISMS,
    "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>",
    "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><bind xmlns='urn:xmpp:bind:0'/></inline></authentication>",
    "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>1000</max-bytes><idle-seconds>77</idle-seconds></limits>",
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v='/>",
    ...Array.from({ length: 12 }, (_, i) => `<f${i} xmlns='urn:x:${i}'><![CDATA[<&>]]>&#x41;&quot;</f${i}>`),
  ];
  const compression = "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";
  const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  const created = bench.bosh().create();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader([...kept.slice(0, 3), starttls, ...kept.slice(3, 9), compression, ...kept.slice(9)].join(''));
  const { text } = await created;
  assert.ok(text.includes(kept.join('')), text);
  assert.doesNotMatch(text, /starttls|compression/);
});

for (const [server, seen] of [
  ['100000', '65536'],
  ['65536', '65536'],
  ['2000', '2000'],
] as const) {
  test(`UP-STREAM-13: max-bytes of ${server} is ${seen} for a client of a gateway that takes 65536`, async (t) => {
    const bench = await startBench(t, { maxBodyBytes: 65_536 });
    const created = bench.bosh().create();
    const connection = await bench.u.accept();
    await connection.expectHeader();
    connection.sendHeader(`<limits xmlns='urn:xmpp:stream-limits:0'>\n<max-bytes>${server}</max-bytes></limits>`);
    assert.match((await created).text, new RegExp(`<max-bytes>${seen}</max-bytes>`));
  });
}

test('UP-STREAM-14: two sessions of one user are two connections', async (t) => {
  const bench = await startBench(t);
  const [one, other] = [await bench.session({ from: 'u@example.com' }), await bench.session({ from: 'u@example.com' })];
  assert.notEqual(one.server, other.server);
  one.server.send("<message id='for-one'/>");
  assert.match((await one.client.ask()).text, /for-one/);
  assert.equal(bench.u.connections.length, 2);
});

test('UP-XML-01: whatever clients try, the server gets no comment, processing instruction, DTD or entity of theirs', async (t) => {
  const bench = await startBench(t);
  for (const evil of [
    '<!-- c --><message/>',
    '<message><!-- c --></message>',
    '<message><?php x?></message>',
    '<message>&nbsp;</message>',
    '<!DOCTYPE m [<!ENTITY a "b">]><message>&a;</message>',
  ]) {
    const { client } = await bench.session();
    assert.equal((await client.ask(evil)).condition, 'bad-request');
    const socket = await bench.stream();
    socket.client.send(evil.replace('<message', "<message xmlns='jabber:client'"));
    await socket.client.ended();
  }
  assert.doesNotMatch(bench.u.received.replaceAll("<?xml version='1.0'?>", ''), /<!|<\?|&(?!lt;|gt;|amp;|quot;|apos;)/);
});

for (const transport of ['bosh', 'websocket'] as const) {
  test(`UP-XML-05, UP-XML-07, UP-XML-08: CDATA, references and quotes; language and names of the stream header (${transport})`, async (t) => {
    const bench = await startBench(t);
    const client = bench.bosh();
    const created = transport === 'bosh' ? client.create() : undefined;
    const socket = transport === 'websocket' ? await bench.socket() : undefined;
    socket?.open();
    const server = await bench.u.accept();
    await server.expectHeader();
    server.send(
      `<stream:stream xmlns='jabber:client' xmlns:stream='${STREAMS}' xmlns:q="urn:q" id='i' version='1.0' xml:lang='fr'>` +
        `<stream:features>${MECHANISMS}</stream:features>`,
    );
    await created;
    for (let i = 0; i < 2; i++) await socket?.message();
    server.send(`<message id="1" a='&#x22;"'><body><![CDATA[<&]]>&#65;&amp;</body><q:x q:y='z'/></message>`);
    server.send(`<message id='2' xml:lang='de'><body/></message>`);
    let text = '';
    while (!text.includes("id='2'")) text += socket === undefined ? (await client.ask()).text : await socket.message();
    const messages = (text.match(/<message [^]*?<\/message>/g) ?? []).join('');
    const wrapped = transport === 'bosh' ? `<r xmlns='jabber:client'>${messages}</r>` : `<r>${messages}</r>`;
    const [first, second] = new DOMParser()
      .parseFromString(wrapped, 'text/xml')
      .getElementsByTagNameNS('jabber:client', 'message');
    assert.deepEqual([first?.getAttribute('a'), first?.getAttribute('xml:lang')], ['""', 'fr']);
    assert.equal(first?.getElementsByTagNameNS('jabber:client', 'body')[0]?.textContent, '<&A&');
    assert.equal(first?.getElementsByTagNameNS('urn:q', 'x')[0]?.getAttributeNS('urn:q', 'y'), 'z');
    assert.equal(second?.getAttribute('xml:lang'), 'de');
  });
}

test('UP-XML-09: content elements go out without a prefix, and mean the same', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  await client.send("<c:message xmlns:c='jabber:client' id='p'><c:body>x</c:body></c:message>");
  const xml = await server.expect("id='p'");
  assert.match(xml, /^<message[ >]/);
  assert.match(xml, /<body[ >]/);
  assert.doesNotMatch(xml, /<c:/);
});

test('UP-CLOSE-01: what the server says after our end tag is delivered', async (t) => {
  const bench = await startBench(t, { closeSeconds: 2 });
  const { client, server } = await bench.streamLogin();
  client.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
  await server.expectEnd();
  server.send("<message id='late-1'/><message id='late-2'/>");
  server.end();
  const texts = [await client.message(), await client.message(), await client.message()];
  assert.match(texts.join(), /late-1[^]*late-2[^]*<close /);
  assert.equal(await server.closed(), 'end tag');
});

test('UP-CLOSE-02: after the end tag of the server nothing but our own follows', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  server.send('</stream:stream>');
  await server.expectEnd();
  void client.send("<message xmlns='jabber:client' id='too-late'/>");
  assert.equal(await server.closed(), 'end tag');
  assert.doesNotMatch(server.received, /too-late/);
});

test('UP-CLOSE-03, U-24: an end tag in CDATA or text is no end', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  server.send("<message id='c'><body><![CDATA[</stream:stream>]]>&lt;/stream:stream></body></message>");
  assert.match((await client.ask()).text, /id='c'/);
  server.send("<message id='d'/>");
  assert.match((await client.ask()).text, /id='d'/);
  assert.equal(server.ended, undefined);
});

test('UP-CLOSE-04: what a client sends with its end goes before the end tag, all of it', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  const long = 'x'.repeat(900_000);
  server.stopReading();
  void client.send(`<message xmlns='jabber:client' id='large'><body>${long}</body></message>`, { type: 'terminate' });
  await eventually('it is on its way', () => bench.gateway.stats().sessions === 0);
  server.readAgain();
  assert.ok((await server.expect('large')).includes(long));
  await server.expectEnd();
});
