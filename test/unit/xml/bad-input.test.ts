import assert from 'node:assert/strict';
import test from 'node:test';
import { standAlone } from '../../../src/xml/graft.ts';
import { readDocument, type XmlErrorCode } from '../../../src/xml/reader.ts';
import { infoset } from '../../support/infoset.ts';
import { SERVER_HEADER } from '../../support/namespace-vectors.ts';
import { readerWithLog, readStream } from '../../support/xml.ts';

const HTTPBIND = 'http://jabber.org/protocol/httpbind';
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const inBody = (payload: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`<body xmlns='${HTTPBIND}'>`), Buffer.from(payload), Buffer.from('</body>')]);
const inMessage = (content: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from("<message xmlns='jabber:client'>"), Buffer.from(content), Buffer.from('</message>')]);

/** What no reader may pass, where it stands inside a stanza: in a body, in a message, in a stream. */
// prettier-ignore
const INSIDE: readonly (readonly [id: string, what: string, content: string | Buffer, code: XmlErrorCode])[] = [
  ['X-05', 'mismatched tags', '<a></b>', 'not-well-formed'],
  ['X-05', 'surplus end tag', '</body>', 'not-well-formed'],
  ['X-06', 'stray </stream:stream>', '</stream:stream>', 'not-well-formed'],
  ['X-09', 'comment', '<!-- c -->', 'restricted-xml'],
  ['X-10', 'processing instruction', '<?php x?>', 'restricted-xml'],
  ['X-10', 'XML declaration inside', "<?xml version='1.0'?>", 'not-well-formed'],
  ['X-11', 'doctype inside', '<!DOCTYPE a>', 'not-well-formed'],
  ['X-14', '&nbsp;', '&nbsp;', 'not-well-formed'],
  ...['toString', 'constructor', 'hasOwnProperty', '__proto__'].map((n) => ['X-14', `&${n};`, `&${n};`, 'not-well-formed'] as const),
  ['X-15', '&#0;', '&#0;', 'not-well-formed'],
  ['X-15', '&#1;', '&#1;', 'not-well-formed'],
  ['X-15', '&#xD800;', '&#xD800;', 'not-well-formed'],
  ['X-15', '&#xFFFE;', '&#xFFFE;', 'not-well-formed'],
  ['X-15', '&#x110000;', '&#x110000;', 'not-well-formed'],
  ['X-15', '&#;', '&#;', 'not-well-formed'],
  ['X-15', '&#x;', '&#x;', 'not-well-formed'],
  ['X-15', '&#99999999999;', '&#99999999999;', 'not-well-formed'],
  ...[0, 1, 8, 0x0b, 0x0c, 0x0e, 0x1f].map((c) =>
    ['X-16', `raw U+${c.toString(16).padStart(4, '0')}`, String.fromCharCode(c), 'not-well-formed'] as const),
  ['X-17', 'raw U+FFFE', '\ufffe', 'not-well-formed'],
  ['X-17', 'raw U+FFFF', '\uffff', 'not-well-formed'],
  ['X-18', 'lone continuation byte', bytes('\x80'), 'not-well-formed'],
  ['X-18', 'truncated sequence', bytes('\xf0\x9f\x98<a/>'), 'not-well-formed'],
  ['X-18', 'byte FF', bytes('\xff'), 'not-well-formed'],
  ['X-19', 'overlong C0 AF', bytes('\xc0\xaf'), 'not-well-formed'],
  ['X-19', 'overlong C0 BC, a hidden <', bytes('\xc0\xbc'), 'not-well-formed'],
  ['X-20', 'encoded surrogate', bytes('\xed\xa0\x80'), 'not-well-formed'],
  ['X-20', 'encoded surrogate pair', bytes('\xed\xa0\xbd\xed\xb8\x80'), 'not-well-formed'],
  ['X-21', 'above U+10FFFF', bytes('\xf4\x90\x80\x80'), 'not-well-formed'],
  ['X-26', 'duplicate attribute', "<a b='1' b='2'/>", 'not-well-formed'],
  ['X-26', 'one expanded name through two prefixes', "<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>", 'not-well-formed'],
  ['X-27', 'unbound prefix of an element', '<x:a/>', 'not-well-formed'],
  ['X-27', 'unbound prefix of an attribute', "<a x:b=''/>", 'not-well-formed'],
  ...['toString', 'constructor', 'hasOwnProperty', '__proto__'].flatMap((n) => [
    ['X-27', `unbound prefix ${n} of an element`, `<${n}:a/>`, 'not-well-formed'] as const,
    ['X-27', `unbound prefix ${n} of an attribute`, `<a ${n}:b=''/>`, 'not-well-formed'] as const,
  ]),
  ['X-28', "xmlns:x=''", "<a xmlns:x=''/>", 'not-well-formed'],
  ['X-29', 'xml bound to something', "<a xmlns:xml='urn:x'/>", 'not-well-formed'],
  ['X-30', 'the XML namespace under another prefix', "<a xmlns:y='http://www.w3.org/XML/1998/namespace'/>", 'not-well-formed'],
  ['X-31', 'the XML namespace as default', "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", 'not-well-formed'],
  ['X-32', 'xmlns bound', "<a xmlns:xmlns='urn:x'/>", 'not-well-formed'],
  ['X-33', 'the xmlns namespace bound', "<a xmlns:y='http://www.w3.org/2000/xmlns/'/>", 'not-well-formed'],
  ...['a:b:c', ':c', 'a:', '1a', '-a'].map((name) => ['X-34', name, `<${name} xmlns:a='u'/>`, 'not-well-formed'] as const),
  ...['a:-b', 'a:1b', 'a:.b'].flatMap((name) => [
    ['X-34', `element ${name}`, `<${name} xmlns:a='u'/>`, 'not-well-formed'] as const,
    ['X-34', `attribute ${name}`, `<a ${name}='' xmlns:a='u'/>`, 'not-well-formed'] as const,
  ]),
  ['X-34', 'declaration xmlns:-b', "<a xmlns:-b='u'/>", 'not-well-formed'],
  ['X-35', ']]> in text', 'a]]>b', 'not-well-formed'],
  ['X-35', 'bare &', 'a & b;', 'not-well-formed'],
  ['X-35', '< in an attribute', "<a b='<'/>", 'not-well-formed'],
  ['X-36', 'unquoted attribute', '<a b=c/>', 'not-well-formed'],
  ['X-36', 'no space between attributes', "<a b='1'c='2'/>", 'not-well-formed'],
  ['X-36', 'attribute without a value', '<a b/>', 'not-well-formed'],
  ['X-39', '100,000 nested elements', '<a>'.repeat(100_000), 'policy-violation'],
  ['X-40', '10,000 attributes', `<a${Array.from({ length: 10_000 }, (_, i) => ` a${i}=''`).join('')}/>`, 'policy-violation'],
  ['X-40', '500 kB element name', `<${'n'.repeat(500_000)}/>`, 'policy-violation'],
  ['X-50', '<br>', 'a<br>b', 'not-well-formed'],
  ['X-50', '&copy;', '&copy;', 'not-well-formed'],
];

for (const [id, what, content, code] of INSIDE) {
  test(`${id}: ${what} is refused: ${code}`, () => {
    const stanza = inMessage(content);
    assert.throws(() => readDocument(inBody(stanza), 'children'), { name: 'XmlError', code }, 'in a body');
    assert.throws(() => readDocument(stanza, 'root'), { name: 'XmlError', code }, 'as a message');
    const { reader, log } = readerWithLog();
    reader.write(Buffer.from(`${SERVER_HEADER}<iq/>`));
    // The next stanza completes what the stream itself would wait for.
    assert.throws(
      () => reader.write(Buffer.concat([stanza, Buffer.from('<iq/>')])),
      { name: 'XmlError', code },
      'in a stream',
    );
    assert.deepEqual(
      log.slices.map(({ name }) => name),
      ['iq'],
      'what was complete before is told, nothing of the bad one',
    );
  });
}

const body = `<body xmlns='${HTTPBIND}'/>`;
const presence = "<presence xmlns='jabber:client'/>";
const utf16 = (text: string, bom: string): Buffer => Buffer.from(bom + text, 'utf16le');

/** Whole documents that are wrong around the elements: `[as a body, as a message]`. */
// prettier-ignore
const DOCUMENTS: readonly (readonly [id: string, what: string, body: string | Buffer, message: string | Buffer, code: XmlErrorCode])[] = [
  ['X-01', 'plain text', 'hello', 'hello', 'not-well-formed'],
  ['X-01', 'JSON', '{"a":1}', '{"a":1}', 'not-well-formed'],
  ['X-01', 'empty', '', '', 'not-well-formed'],
  ['X-01', 'white space only', ' \n', ' \n', 'not-well-formed'],
  ['X-02', 'two roots', body + body, presence + presence, 'not-well-formed'],
  ['X-03', 'text after the root', `${body}x`, `${presence}x`, 'not-well-formed'],
  ['X-04', 'unclosed root', body.replace('/>', '>'), presence.replace('/>', '>'), 'not-well-formed'],
  ['X-04', 'end inside a tag', body.slice(0, -1), presence.slice(0, -1), 'not-well-formed'],
  ['X-04', 'end inside an attribute', body.slice(0, -6), presence.slice(0, -6), 'not-well-formed'],
  ['X-05', 'surplus end tag', `${body}</body>`, `${presence}</presence>`, 'not-well-formed'],
  ['X-06', 'stray </stream:stream>', inBody('</stream:stream>'), '</stream:stream>', 'not-well-formed'],
  ['X-09', 'comment before', `<!-- c -->${body}`, `<!-- c -->${presence}`, 'restricted-xml'],
  ['X-09', 'comment after', `${body}<!-- c -->`, `${presence}<!-- c -->`, 'restricted-xml'],
  ['X-09', 'comment directly in the root', inBody('<!-- c -->'), inMessage('<!-- c -->'), 'restricted-xml'],
  ['X-10', 'processing instruction before', `<?a b?>${body}`, `<?a b?>${presence}`, 'restricted-xml'],
  ['X-10', 'processing instruction after', `${body}<?a b?>`, `${presence}<?a b?>`, 'restricted-xml'],
  ['X-10', 'processing instruction in the root', inBody('<?a b?>'), inMessage('<?a b?>'), 'restricted-xml'],
  ['X-11', 'doctype', `<!DOCTYPE body>${body}`, `<!DOCTYPE presence>${presence}`, 'restricted-xml'],
  ['X-12', 'billion laughs', `<!DOCTYPE body [<!ENTITY a "&b;&b;"><!ENTITY b "lol">]>${inBody('&a;').toString()}`, `<!DOCTYPE p [<!ENTITY a "b">]><p>&a;</p>`, 'restricted-xml'],
  ['X-13', 'external entity', `<!DOCTYPE body [<!ENTITY a SYSTEM "file:///etc/passwd">]>${body}`, `<!DOCTYPE p SYSTEM "http://127.0.0.1/x.dtd"><p/>`, 'restricted-xml'],
  ['X-22', 'UTF-16 with a byte-order mark', utf16(body, '\ufeff'), utf16(presence, '\ufeff'), 'not-well-formed'],
  ['X-22', 'UTF-16 without one', utf16(body, ''), utf16(presence, ''), 'not-well-formed'],
  ['X-22', 'UTF-7', body.replaceAll('<', '+ADw-'), presence.replaceAll('<', '+ADw-'), 'not-well-formed'],
  ['X-24', 'ISO-8859-1', `<?xml version='1.0' encoding='ISO-8859-1'?>${body}`, `<?xml version='1.0' encoding='ISO-8859-1'?>${presence}`, 'unsupported-encoding'],
  ['X-24', 'UTF-16 label', `<?xml version='1.0' encoding='UTF-16'?>${body}`, `<?xml version='1.0' encoding='UTF-16'?>${presence}`, 'unsupported-encoding'],
  ['X-24', 'GB18030', `<?xml version='1.0' encoding='GB18030'?>${body}`, `<?xml version='1.0' encoding='GB18030'?>${presence}`, 'unsupported-encoding'],
  ['X-24', 'XML 1.1', `<?xml version='1.1'?>${body}`, `<?xml version='1.1'?>${presence}`, 'not-well-formed'],
  ['X-25', 'white space before the declaration', ` <?xml version='1.0'?>${body}`, ` <?xml version='1.0'?>${presence}`, 'not-well-formed'],
];

for (const [id, what, asBody, asMessage, code] of DOCUMENTS) {
  test(`${id}: document: ${what} is refused: ${code}`, () => {
    assert.throws(() => readDocument(asBody, 'children'), { name: 'XmlError', code });
    assert.throws(() => readDocument(Buffer.from(asBody), 'children'), { name: 'XmlError', code });
    assert.throws(() => readDocument(asMessage, 'root'), { name: 'XmlError', code });
  });
}

for (const [what, content] of [
  ['text before', 'x<iq/>'],
  ['text between', '<iq/>x<iq/>'],
  ['text after', '<iq/>x'],
  ['text alone', 'x'],
  ['a reference', '<iq/>&#120;<iq/>'],
  ['CDATA', '<iq/><![CDATA[x]]><iq/>'],
  ['CDATA alone', '<![CDATA[x]]>'],
  ['a byte-order mark', '<iq/>\ufeff<iq/>'],
  ['a no-break space', '<iq/>\u00a0<iq/>'],
] as const) {
  test(`X-08, UP-XML-10: character data between first-level elements (${what}) is bad-format`, () => {
    assert.throws(() => readDocument(inBody(content), 'children'), { name: 'XmlError', code: 'bad-format' });
    assert.throws(() => readStream(SERVER_HEADER, `${content}</stream:stream>`), {
      name: 'XmlError',
      code: 'bad-format',
    });
  });
}

/** What is odd and nevertheless right. */
// prettier-ignore
const LEGAL: readonly (readonly [id: string, what: string, stanza: string])[] = [
  ['X-17', 'U+007F and C1 controls', "<message xmlns='jabber:client'>\u007f\u0085\u009f</message>"],
  ['X-43', 'names of Object.prototype', "<message xmlns='jabber:client'><__proto__ constructor='1' hasOwnProperty='2' __proto__='3'/><constructor/><toString/></message>"],
  ['X-43', 'prefixes of Object.prototype', "<message xmlns='jabber:client' xmlns:__proto__='urn:p' xmlns:constructor='urn:c'><__proto__:a constructor:b=''/></message>"],
  ['X-44', 'declaration after use in the same tag', "<x:a b='1' xmlns:x='urn:x'/>"],
  ['X-45', 'a prefix stream that means something else', "<stream:error xmlns:stream='urn:evil'/>"],
  ['X-52', 'a nonsense ack', "<a xmlns='urn:xmpp:sm:3' h='99999999999'/>"],
  ['U+FEFF', 'inside text', "<message xmlns='jabber:client'>a\ufeffb</message>"],
];

for (const [id, what, stanza] of LEGAL) {
  test(`${id}: ${what} is ordinary data`, () => {
    const expected = infoset(stanza, { lang: 'none' });
    const fromBody = readDocument(inBody(stanza), 'children').slices.map(standAlone);
    const fromMessage = readDocument(stanza, 'root').slices.map(standAlone);
    const outputs = [...fromBody, ...fromMessage, ...readStream(SERVER_HEADER, stanza).elements];
    assert.deepEqual(
      outputs.map((xml) => infoset(xml, { lang: 'none' })),
      [expected, expected, expected],
    );
  });
}

test('X-43: prefixes of Object.prototype on the wrapper are carried like any others', () => {
  const xml = `<body xmlns='${HTTPBIND}' xmlns:__proto__='urn:p' xmlns:constructor='urn:c' xmlns:valueOf='urn:v'><iq xmlns='jabber:client' __proto__:a='1' constructor:b='2'><valueOf:c/></iq></body>`;
  const [output = ''] = readDocument(xml, 'children').slices.map(standAlone);
  assert.equal(infoset(output), '{jabber:client}iq[@{urn:c}b="2", @{urn:p}a="1"]({urn:v}c)');
});

test('X-25: white space around the root is accepted in a body', () => {
  assert.equal(readDocument(`\n ${body}\r\n`, 'children').root.name, 'body');
  assert.equal(
    readDocument(`<?xml version='1.0' encoding="utf-8" standalone='yes'?>\n${body}`, 'children').root.name,
    'body',
  );
});

test('X-47: xbosh attributes are told by namespace, whatever the prefix', () => {
  const { root } = readDocument(
    "<body xmlns:q='urn:xmpp:xbosh' xmlns:xmpp='urn:other' q:restart='true' xmpp:restart='no' restart='x'/>",
    'children',
  );
  assert.deepEqual(Object.fromEntries(root.attributes), {
    '{urn:xmpp:xbosh}restart': 'true',
    '{urn:other}restart': 'no',
    restart: 'x',
  });
});

test('X-48: xml:space, xml:base and xml:id of the wrapper are not carried', () => {
  const [output] = readDocument(
    `<body xml:space='preserve' xml:base='u:b' xml:id='i'>${presence}</body>`,
    'children',
  ).slices.map(standAlone);
  assert.equal(output, presence);
});

test('X-49: payloads in jabber:server are never requalified', () => {
  const [output = ''] = readDocument(inBody("<message xmlns='jabber:server'><body/></message>"), 'children').slices.map(
    standAlone,
  );
  assert.equal(infoset(output), '{jabber:server}message({jabber:server}body)');
});
