import assert from 'node:assert/strict';
import test from 'node:test';
import { standAlone } from '../../../src/xml/graft.ts';
import { NS } from '../../../src/xml/ns.ts';
import { readDocument } from '../../../src/xml/reader.ts';
import { infoset } from '../../support/infoset.ts';
import {
  BODY_VECTORS,
  MESSAGE_VECTORS,
  SERVER_HEADER,
  STREAM_VECTORS,
  type Vector,
} from '../../support/namespace-vectors.ts';
import { readStream } from '../../support/xml.ts';

function check(vector: Vector, output: readonly string[]): void {
  const described = output.map((xml, i) =>
    infoset(xml, { lang: vector.infosets[i]?.includes(' lang=') === false ? 'none' : 'effective' }),
  );
  assert.deepEqual(described, vector.infosets);
  vector.begins?.forEach((start, i) => assert.ok(output[i]?.startsWith(start), output[i]));
}

for (const vector of BODY_VECTORS) {
  test(`${vector.id}: BOSH body to server: ${vector.title}`, () => {
    check(vector, readDocument(Buffer.from(vector.input), 'children').slices.map(standAlone));
  });
}

for (const vector of MESSAGE_VECTORS) {
  test(`${vector.id}: WebSocket message to server: ${vector.title}`, () => {
    check(vector, readDocument(vector.input, 'root').slices.map(standAlone));
  });
}

for (const vector of STREAM_VECTORS) {
  test(`${vector.id}: server to client: ${vector.title}`, () => {
    check(vector, readStream(vector.header ?? SERVER_HEADER, vector.input).elements);
  });
}

test('NSV-12: a payload in no namespace is recognisable as such', () => {
  const { slices } = readDocument(
    "<b:body xmlns:b='http://jabber.org/protocol/httpbind'><presence/></b:body>",
    'children',
  );
  assert.equal(slices[0]?.ns, '');
});

test('NSV-22: a prefix that only content uses is carried', () => {
  const vector = BODY_VECTORS.find(({ id }) => id === 'NSV-22') as Vector;
  const [output] = readDocument(vector.input, 'children').slices.map(standAlone);
  assert.match(output ?? '', /^<message [^>]*xmlns:t='urn:types'/);
});

test('NSV-25, NSV-34: a stream error of the client is recognised by namespace', () => {
  const prefixed = readDocument(
    "<body xmlns='urn:b' xmlns:s='http://etherx.jabber.org/streams'><s:error/></body>",
    'children',
  );
  const bare = readDocument("<error xmlns='http://etherx.jabber.org/streams'/>", 'root');
  for (const slice of [...prefixed.slices, ...bare.slices]) {
    assert.deepEqual([slice.ns, slice.name], [NS.streams, 'error']);
  }
});

test('NSV-33: a prefix declared on <open/> is unbound in a later message', () => {
  readDocument(
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' xmlns:x='urn:x' to='example.com' version='1.0'/>",
    'root',
  );
  assert.throws(() => readDocument("<message xmlns='jabber:client'><x:a/></message>", 'root'), {
    code: 'not-well-formed',
  });
});

test('NSV-35: <open/> is read as name, namespace and attributes', () => {
  const { root, empty } = readDocument(
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.com' from='u@example.com' version='1.0' xml:lang='pt-BR'/>",
    'root',
  );
  assert.deepEqual([root.name, root.ns, root.context.lang, empty], ['open', NS.framing, 'pt-BR', true]);
  assert.deepEqual(Object.fromEntries(root.attributes), {
    to: 'example.com',
    from: 'u@example.com',
    version: '1.0',
    '{http://www.w3.org/XML/1998/namespace}lang': 'pt-BR',
  });
});

test('NSV-58: condition children keep their own literal xmlns, byte for byte', () => {
  const vector = STREAM_VECTORS.find(({ id }) => id === 'NSV-58') as Vector;
  const [output = ''] = readStream(SERVER_HEADER, vector.input).elements;
  assert.ok(output.endsWith(vector.input.slice('<stream:error'.length)), output);
});

test('NSV-62: an inherited language is carried, and where the header has none nothing is added', () => {
  const silent = SERVER_HEADER.replace(" xml:lang='en'", '');
  assert.equal(infoset(readStream(SERVER_HEADER, '<message/>').elements[0] ?? ''), '{jabber:client}message lang="en"');
  assert.equal(infoset(readStream(silent, '<message/>').elements[0] ?? ''), '{jabber:client}message');
});

test("NSV-72: a stream header is read as attributes; '>' in a value survives, declarations are no attributes", () => {
  const { headers } = readStream(SERVER_HEADER.replace("'s1'", "'s>1'").replace(' id=', " xmlns:ex='urn:ex' id="));
  assert.deepEqual(Object.fromEntries(headers[0]?.attributes ?? []), {
    from: 'example.com',
    id: 's>1',
    version: '1.0',
    '{http://www.w3.org/XML/1998/namespace}lang': 'en',
  });
});

test('NS-02: an httpbind default on the payload maps to jabber:client under a prefixed wrapper too', () => {
  const xml =
    "<b:body xmlns:b='http://jabber.org/protocol/httpbind'><presence xmlns='http://jabber.org/protocol/httpbind'/></b:body>";
  const [output = ''] = readDocument(xml, 'children').slices.map(standAlone);
  assert.equal(infoset(output), '{jabber:client}presence');
});

test('NS-02: nothing is mapped from httpbind in what a server sends', () => {
  const { elements } = readStream(
    SERVER_HEADER,
    "<message xmlns='http://jabber.org/protocol/httpbind'><body/></message>",
  );
  const httpbind = '{http://jabber.org/protocol/httpbind}';
  assert.equal(infoset(elements[0] ?? '', { lang: 'none' }), `${httpbind}message(${httpbind}body)`);
});

test('NS-14: what needs no change is forwarded byte for byte', () => {
  const stanza = `<message  xmlns = "jabber:client"\n\tto='a'  xml:lang='de' ><body\n>a&#x41;&apos;<![CDATA[<b>]]>\r\n</body ></message\n>`;
  assert.equal(readStream(SERVER_HEADER, stanza).elements[0], stanza);
});

test('NS-05: a default namespace of the header that is not jabber:client is carried to its children', () => {
  const header = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='urn:other' version='1.0'>";
  assert.equal(infoset(readStream(header, '<a><b/></a>').elements[0] ?? ''), '{urn:other}a({urn:other}b)');
});

test('NS-03: the prefix xml is never declared anew, and works', () => {
  const { elements } = readStream(SERVER_HEADER, "<message><a xml:space='preserve' xml:lang='fr'/></message>");
  assert.doesNotMatch(elements[0] ?? '', /xmlns:xml/);
  assert.equal(
    infoset(elements[0] ?? ''),
    '{jabber:client}message lang="en"({jabber:client}a[@xml:lang="fr", @xml:space="preserve"])',
  );
});

test('NS-10: a renamed element keeps the attributes whose prefix means something else', () => {
  const header = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' xmlns:stream='urn:odd'>";
  const { elements } = readStream(header, "<s:features stream:a='1'><stream:b/></s:features>");
  assert.equal(infoset(elements[0] ?? ''), '{http://etherx.jabber.org/streams}features[@{urn:odd}a="1"]({urn:odd}b)');
});

for (const attributes of [
  "xml:lang='de' xml:space='preserve'",
  "xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='de'",
]) {
  test(`NS-07: a renamed element keeps the prefix xml: ${attributes}`, () => {
    const xml = `<c:message xmlns:c='jabber:client' ${attributes}><c:body ${attributes}/></c:message>`;
    const [output = ''] = readDocument(xml, 'root').slices.map(standAlone);
    assert.equal(infoset(output), infoset(xml));
  });
}
