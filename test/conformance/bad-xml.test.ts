import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { body, HTTPBIND, readAnswer } from '../support/bosh-client.ts';
import { frame, FRAMING } from '../support/raw-websocket.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const GOOD = "<message xmlns='jabber:client' id='good'/>";
const inStanza = (content: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from("<message xmlns='jabber:client' id='bad'>"),
    Buffer.from(content),
    Buffer.from('</message>'),
  ]);

/** What may stand in no stanza, and the stream error (or the WebSocket close code) that it is answered with. */
// prettier-ignore
const INSIDE: readonly (readonly [id: string, what: string, content: string | Buffer, answer: RegExp | number])[] = [
  ['X-05', 'mismatched tags', '<a></b>', /not-well-formed/],
  ['X-06', 'stray </stream:stream>', '</stream:stream>', /not-well-formed/],
  ['X-09', 'comment', '<!-- c -->', /restricted-xml/],
  ['X-10', 'processing instruction', '<?a b?>', /restricted-xml/],
  ['X-10', 'misplaced XML declaration', "<?xml version='1.0'?>", /not-well-formed|restricted-xml/],
  ['X-12', 'doctype', '<!DOCTYPE a [<!ENTITY b "c">]>', /not-well-formed|restricted-xml/],
  ['X-14', 'undeclared entity', '&nbsp;', /not-well-formed/],
  ['X-15', '&#0;', '&#0;', /not-well-formed/],
  ['X-15', '&#xD800;', '&#xD800;', /not-well-formed/],
  ['X-15', '&#x110000;', '&#x110000;', /not-well-formed/],
  ['X-15', '&#99999999999;', '&#99999999999;', /not-well-formed/],
  ['X-16', 'NUL', '\0', /not-well-formed/],
  ['X-16', 'U+000B', '\u000b', /not-well-formed/],
  ['X-17', 'U+FFFE', '\ufffe', /not-well-formed/],
  ['X-18', 'a lone continuation byte', latin1('\x80'), 1007],
  ['X-18', 'byte FF', latin1('\xff'), 1007],
  ['X-19', 'overlong <', latin1('\xc0\xbc'), 1007],
  ['X-20', 'encoded surrogates', latin1('\xed\xa0\xbd\xed\xb8\x80'), 1007],
  ['X-21', 'above U+10FFFF', latin1('\xf4\x90\x80\x80'), 1007],
  ['X-26', 'duplicate attribute', "<a b='1' b='2'/>", /not-well-formed/],
  ['X-26', 'one name through two prefixes', "<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>", /not-well-formed/],
  ['X-27', 'unbound prefix', '<x:a/>', /not-well-formed/],
  ['X-27', 'unbound prefix of an attribute', "<a x:b=''/>", /not-well-formed/],
  ['X-28', "xmlns:x=''", "<a xmlns:x=''/>", /not-well-formed/],
  ['X-29', 'xml rebound', "<a xmlns:xml='urn:x'/>", /not-well-formed/],
  ['X-30', 'the XML namespace rebound', "<a xmlns:y='http://www.w3.org/XML/1998/namespace'/>", /not-well-formed/],
  ['X-31', 'the XML namespace as default', "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", /not-well-formed/],
  ['X-32', 'xmlns bound', "<a xmlns:xmlns='urn:x'/>", /not-well-formed/],
  ['X-33', 'the xmlns namespace bound', "<a xmlns:y='http://www.w3.org/2000/xmlns/'/>", /not-well-formed/],
  ['X-34', 'a:b:c', "<a:b:c xmlns:a='u'/>", /not-well-formed/],
  ['X-34', 'a:-b', "<a:-b xmlns:a='u'/>", /not-well-formed/],
  ['X-35', ']]>', 'a]]>b', /not-well-formed/],
  ['X-35', 'bare &', 'a & b', /not-well-formed/],
  ['X-35', '< in an attribute', "<a b='<'/>", /not-well-formed/],
  ['X-36', 'unquoted attribute', '<a b=c/>', /not-well-formed/],
  ['X-39', '100,000 nested elements', '<a>'.repeat(100_000), /policy-violation/],
  ['X-40', '10,000 attributes', `<a${Array.from({ length: 10_000 }, (_, i) => ` a${i}=''`).join('')}/>`, /policy-violation/],
  ['X-40', '500 kB name', `<${'n'.repeat(500_000)}/>`, /policy-violation/],
  ['X-50', 'HTML', 'a<br>&copy;', /not-well-formed/],
];

for (const [id, what, content, answer] of INSIDE) {
  test(`${id}: BOSH: ${what} is refused, and nothing is forwarded`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.session();
    const [start = '', end = ''] = body({ rid: client.rid + 1, sid: client.sid }, `${GOOD}@`).split('@');
    const text = Buffer.concat([Buffer.from(start), inStanza(content), Buffer.from(end)]);
    const { type, condition } = readAnswer(await client.post(text));
    assert.equal(type, 'terminate');
    assert.equal(
      condition,
      answer instanceof RegExp && answer.source === 'policy-violation' ? 'policy-violation' : 'bad-request',
    );
    await client.send("<message xmlns='jabber:client' id='alive'/>");
    assert.match((await server.event()).text, /alive|^<\/stream:stream/);
    await bench.proveHealthy();
  });

  test(`${id}: WebSocket: ${what} is refused, and nothing is forwarded`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.stream();
    client.write(frame(inStanza(content)));
    if (typeof answer === 'number') assert.equal((await client.ended()).code, answer);
    else {
      assert.match(await client.message('stream error'), answer);
      assert.equal(await client.message('close'), `<close xmlns="${FRAMING}" />`);
      assert.equal((await client.ended()).code, 1000);
    }
    assert.equal((await server.event()).kind, typeof answer === 'number' ? 'end' : 'end');
    await bench.proveHealthy();
  });
}

const creation = body({ rid: 1, to: 'example.com', ver: '1.11' });

/** Bodies that are wrong around their elements. */
// prettier-ignore
const BODIES: readonly (readonly [id: string, what: string, text: string | Buffer])[] = [
  ['X-01', 'text', 'hello'],
  ['X-01', 'JSON', '{"a":1}'],
  ['X-01', 'white space', ' \n '],
  ['X-02', 'two roots', creation + creation],
  ['X-03', 'text after the root', `${creation}x`],
  ['X-04', 'unclosed root', creation.replace('</body>', '')],
  ['X-04', 'end inside a tag', creation.slice(0, 40)],
  ['X-05', 'surplus end tag', `${creation}</body>`],
  ['X-06', '</stream:stream> in the wrapper', creation.replace('</body>', '</stream:stream></body>')],
  ['X-07', '<stream:features/> as payload', creation.replace('</body>', "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/></body>")],
  ['X-07', '<stream:stream/> as payload', creation.replace('</body>', "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/></body>")],
  ['X-08', 'text between payloads', creation.replace('</body>', '<iq/>x<iq/></body>')],
  ['X-08', 'CDATA in the wrapper', creation.replace('</body>', '<![CDATA[x]]></body>')],
  ['X-09', 'comment before', `<!-- c -->${creation}`],
  ['X-10', 'processing instruction after', `${creation}<?a b?>`],
  ['X-11', 'doctype', `<!DOCTYPE body>${creation}`],
  ['X-12', 'billion laughs', `<!DOCTYPE body [<!ENTITY a "&b;&b;&b;"><!ENTITY b "lol">]>${creation}`],
  ['X-13', 'external entity', `<!DOCTYPE body [<!ENTITY a SYSTEM "file:///etc/passwd">]>${creation}`],
  ['X-22', 'UTF-16', Buffer.from(`\ufeff${creation}`, 'utf16le')],
  ['X-22', 'UTF-7', creation.replaceAll('<', '+ADw-')],
  ['X-24', 'ISO-8859-1', `<?xml version='1.0' encoding='ISO-8859-1'?>${creation}`],
  ['X-24', 'XML 1.1', `<?xml version='1.1'?>${creation}`],
  ['X-25', 'white space before the declaration', ` <?xml version='1.0'?>${creation}`],
  ['X-37', 'a wrapper in jabber:client', creation.replace(HTTPBIND, 'jabber:client')],
  ['X-38', 'a wrapper in the wrapper', creation.replace('</body>', `${creation}</body>`)],
];

for (const [id, what, text] of BODIES) {
  test(`${id}: BOSH: ${what} creates nothing`, async (t) => {
    const bench = await startBench(t);
    const response = await bench.bosh().post(text);
    assert.ok(response.status === 400 || readAnswer(response).condition === 'bad-request', response.text);
    await bench.proveHealthy();
  });
}

test('X-23, X-25: BOSH: white space in front is accepted; a byte-order mark is, or is refused', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  assert.ok(readAnswer(await bench.bosh().post(`\n ${creation}\n`)).attributes['sid']);
  const { type, condition } = readAnswer(await bench.bosh().post(`\ufeff${creation}`));
  assert.ok(type === undefined || condition === 'bad-request');
});

test('X-41, NS-12: a thousand declarations for a thousand payloads', async (t) => {
  const bench = await startBench(t);
  const declared = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`xmlns:p${i}`, `urn:${i}`]));
  const text = body({ rid: 1, to: 'example.com', ver: '1.11', ...declared }, GOOD.repeat(1000));
  assert.equal(readAnswer(await bench.bosh().post(text)).condition, 'policy-violation');
  await bench.proveHealthy();
});

test('NS-12: the greatest wrapper that passes is not multiplied on its way to the server', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const declared = Object.fromEntries(
    Array.from({ length: 31 }, (_, i) => [`xmlns:p${i}`, `urn:${'u'.repeat(10_000)}${i}`]),
  );
  const uses = Object.keys(declared)
    .map((name) => `${name.slice(6)}:a`)
    .join(' ');
  const text = body({ rid: client.rid + 1, sid: client.sid, ...declared }, `<a xmlns='u' b='${uses}'/>`.repeat(1000));
  const before = server.received.length;
  await client.write(text);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.ok(
    server.received.length - before < 8 * text.length,
    `${text.length} bytes became ${server.received.length - before}`,
  );
});

for (const [id, what, xml, wanted] of [
  [
    'X-43',
    'names of Object.prototype',
    "<message xmlns='jabber:client'><__proto__ constructor='1'/></message>",
    /<__proto__ constructor='1'\/>/,
  ],
  ['X-45', 'stream:error of another namespace', "<stream:error xmlns:stream='urn:evil'/>", /urn:evil/],
  ['X-52', 'a nonsense ack', "<a xmlns='urn:xmpp:sm:3' h='99999999999'/>", /h='99999999999'/],
] as const) {
  test(`${id}: ${what} is forwarded as data, from both fronts`, async (t) => {
    const bench = await startBench(t);
    const bosh = await bench.session();
    await bosh.client.send(xml);
    await bosh.server.expect(wanted);
    const socket = await bench.stream();
    socket.client.send(xml);
    await socket.server.expect(wanted);
  });
}

for (const name of ['features', 'stream', 'odd']) {
  test(`X-07, NS-13: WebSocket: <stream:${name}/> of a client is refused`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.stream();
    client.send(`<stream:${name} xmlns:stream='http://etherx.jabber.org/streams'/>`);
    assert.match(await client.message(), /<(invalid-xml|bad-format|invalid-namespace) /);
    await server.expectEnd();
    await bench.proveHealthy();
  });
}
