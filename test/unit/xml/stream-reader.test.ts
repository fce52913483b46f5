import assert from 'node:assert/strict';
import test from 'node:test';
import { StreamReader } from '../../../src/xml/reader.ts';
import { infoset } from '../../support/infoset.ts';
import { SERVER_HEADER } from '../../support/namespace-vectors.ts';
import { readerWithLog, readStream, type StreamLog } from '../../support/xml.ts';

/** Writes `text` after a good header and returns what was told before the reader refused it. */
function refused(text: string | Buffer, code: string): StreamLog {
  const { reader, log } = readerWithLog();
  reader.write(Buffer.from(SERVER_HEADER));
  assert.throws(() => reader.write(Buffer.from(text)), { name: 'XmlError', code });
  return log;
}

const names = (log: StreamLog): string[] => log.slices.map(({ name }) => name);

test('UP-XML-02: comments and processing instructions between stanzas are restricted-xml, a DTD is not even well-formed there', () => {
  for (const bad of ['<!-- c -->', '<?a b?>']) {
    assert.deepEqual(names(refused(`<iq/>${bad}<message/>`, 'restricted-xml')), ['iq']);
  }
  assert.deepEqual(names(refused('<iq/><!DOCTYPE a><message/>', 'not-well-formed')), ['iq']);
});

test('UP-XML-02: a comment, processing instruction or DTD before the header is restricted-xml', () => {
  for (const bad of ['<!-- c -->', '<?a b?>', '<!DOCTYPE stream:stream>']) {
    assert.throws(() => readStream(bad + SERVER_HEADER), { name: 'XmlError', code: 'restricted-xml' });
  }
});

test('UP-XML-03: of malformed XML nothing partial is relayed; earlier complete stanzas are', () => {
  assert.deepEqual(names(refused('<iq/><message><body></message>', 'not-well-formed')), ['iq']);
  assert.deepEqual(names(refused('<iq/><message></body></message>', 'not-well-formed')), ['iq']);
  assert.deepEqual(names(refused('<iq/><message></presence>', 'not-well-formed')), ['iq']);
});

test('UP-XML-03: the end tag of the stream inside a stanza relays nothing of it and ends nothing', () => {
  const log = refused('<iq/><message></stream:stream>', 'not-well-formed');
  assert.deepEqual(names(log), ['iq']);
  assert.equal(log.ended, 0);
});

test('UP-XML-03: a wrong end tag of the stream is no end', () => {
  assert.equal(refused('<iq/></stream:other>', 'not-well-formed').ended, 0);
});

test('UP-XML-04: other encodings and invalid bytes are refused', () => {
  const declared = `<?xml version='1.0' encoding='UTF-16'?>${SERVER_HEADER}`;
  assert.throws(() => readStream(declared), { name: 'XmlError', code: 'unsupported-encoding' });
  assert.throws(() => readStream(Buffer.from(SERVER_HEADER, 'utf16le')), { name: 'XmlError', code: 'not-well-formed' });
  refused(Buffer.from('<a>\xff</a>', 'latin1'), 'not-well-formed');
});

test('UP-XML-04: U+FEFF inside the stream is data', () => {
  const { elements } = readStream(SERVER_HEADER, '<message>\ufeffa</message>', '<message>\ufeff</message>');
  assert.deepEqual(
    elements.map((xml) => infoset(xml, { lang: 'none' })),
    ['{jabber:client}message("\ufeffa")', '{jabber:client}message("\ufeff")'],
  );
});

test('UP-XML-06: a stream cut at every byte gives the same slices', () => {
  const text = `<?xml version='1.0'?>${SERVER_HEADER}<a b="'>'">é😀\r\n</a> <c/>\n<d>&amp;<![CDATA[]]]]>]]&gt;</d></stream:stream>`;
  const whole = Buffer.from(text);
  const expected = readStream(whole);
  assert.equal(expected.elements.length, 3);
  for (let cut = 1; cut < whole.length; cut++) {
    const log = readStream(whole.subarray(0, cut), whole.subarray(cut));
    assert.deepEqual([log.elements, log.ended], [expected.elements, 1], `cut at ${cut}`);
  }
  assert.deepEqual(readStream(...Array.from(whole, (byte) => Uint8Array.of(byte))).elements, expected.elements);
});

test('UP-XML-10: white space between stanzas is ignored', () => {
  const log = readStream(`\n${SERVER_HEADER}\r\n`, ' ', '<iq/> \t', '\n', '<iq/>', ' </stream:stream>');
  assert.deepEqual([names(log), log.ended], [['iq', 'iq'], 1]);
});

test('UP-XML-10: text before the header is refused', () => {
  assert.throws(() => readStream('220 smtp.example ESMTP\r\n', SERVER_HEADER), { name: 'XmlError' });
});

test('UP-XML-12: elements pass whatever they are', () => {
  const log = readStream(SERVER_HEADER, "<unknown/><message type='nonsense'/><proceed xmlns='urn:wrong'/>");
  assert.deepEqual(names(log), ['unknown', 'message', 'proceed']);
});

test('U-08: a second header inside the stream is refused, at the first level and inside a stanza', () => {
  assert.deepEqual(names(refused(`<iq/>${SERVER_HEADER}`, 'bad-format')), ['iq']);
  assert.deepEqual(names(refused(`<iq/><message>${SERVER_HEADER}`, 'bad-format')), ['iq']);
});

test('U-08: an XML declaration inside the stream is refused', () => {
  refused(`<iq/><?xml version='1.0'?>`, 'not-well-formed');
});

test('U-24: the end tag ends the stream once, and what follows is ignored', () => {
  for (const after of ['<iq/>', 'garbage', '</stream:stream>', '<!-- c -->', '\xff', '&']) {
    const { reader, log } = readerWithLog();
    reader.write(Buffer.from(`${SERVER_HEADER}</stream:stream>${after}`, 'latin1'));
    reader.write(Buffer.from(`</stream:stream>${after}`, 'latin1'));
    assert.deepEqual([log.ended, log.slices.length], [1, 0], after);
  }
});

test('stop() inside a handler: no handler is called any more, whatever stands in the same chunk', () => {
  const told: string[] = [];
  const reader = new StreamReader({
    header: () => told.push('header'),
    element({ name }) {
      told.push(name);
      reader.stop();
    },
    end: () => told.push('end'),
  });
  reader.write(Buffer.from(`${SERVER_HEADER}<proceed/><iq/>\u0000garbage</stream:stream>`));
  reader.write(Buffer.from('<iq/>'));
  assert.deepEqual(told, ['header', 'proceed']);
});

test('UP-TLS-05: midway tells whether anything follows the last complete element', () => {
  const { reader } = readerWithLog();
  assert.equal(reader.midway, false);
  reader.write(Buffer.from(`${SERVER_HEADER}<iq/>`));
  assert.equal(reader.midway, false);
  reader.write(Buffer.from('<message>'));
  assert.equal(reader.midway, true);
  reader.write(Buffer.from('</message>'));
  assert.equal(reader.midway, false);
});

test('UP-TLS-05: midway is true inside the handler of an element when more follows in the same write', () => {
  const seen: boolean[] = [];
  const reader = new StreamReader({ header() {}, element: () => void seen.push(reader.midway), end() {} });
  reader.write(Buffer.from(`${SERVER_HEADER}<a/>`));
  reader.write(Buffer.from('<a/><b/>'));
  reader.write(Buffer.from('<a/>x'.slice(0, 4)));
  assert.deepEqual(seen, [false, true, false, false]);
});
