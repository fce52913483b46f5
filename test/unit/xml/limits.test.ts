import assert from 'node:assert/strict';
import test from 'node:test';
import { standAlone } from '../../../src/xml/graft.ts';
import { DEFAULT_XML_LIMITS, readDocument, type XmlError, type XmlLimits } from '../../../src/xml/reader.ts';
import { SERVER_HEADER } from '../../support/namespace-vectors.ts';
import { readerWithLog } from '../../support/xml.ts';

const TOO_MUCH = { name: 'XmlError', code: 'policy-violation' };
const limited = (limit: Partial<XmlLimits>): XmlLimits => ({ ...DEFAULT_XML_LIMITS, ...limit });
const list = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join('');

/** Both readers accept `fits` and refuse `exceeds`. `extra` is what the stream header or the wrapper adds to a depth. */
function edge(limits: XmlLimits, fits: string, exceeds: string): void {
  readDocument(fits, 'root', limits);
  assert.throws(() => readDocument(exceeds, 'root', limits), TOO_MUCH);
  const { reader, log } = readerWithLog(limits);
  reader.write(Buffer.from(`${SERVER_HEADER}${fits}`));
  assert.equal(log.slices.length, 1);
  assert.throws(() => reader.write(Buffer.from(exceeds)), TOO_MUCH);
  assert.equal(log.slices.length, 1);
}

test('BOSH-BODY-11, UP-XML-11: bytes: the limit is accepted, one more is not', () => {
  const element = (bytes: number): string => `<a>${'x'.repeat(bytes - 7)}</a>`;
  edge(limited({ maxBytes: 1000 }), element(1000), element(1001));
});

test('BOSH-BODY-11: bytes are UTF-8 bytes, not UTF-16 units', () => {
  const element = (emoji: number, more = ''): string => `<a>${'😀'.repeat(emoji)}${more}</a>`;
  edge(limited({ maxBytes: 407 }), element(100), element(100, 'x'));
  assert.throws(() => readDocument(Buffer.from(element(101)), 'root', limited({ maxBytes: 407 })), TOO_MUCH);
});

test('UP-XML-11: an element that never ends is refused at the limit, however it is cut', () => {
  for (const size of [1, 7, 600]) {
    const { reader, log } = readerWithLog(limited({ maxBytes: 1000 }));
    reader.write(Buffer.from(`${SERVER_HEADER}<iq/><a>`));
    let written = 0;
    assert.throws(() => {
      for (; written < 5000; written += size) reader.write(Buffer.from('x'.repeat(size)));
    }, TOO_MUCH);
    assert.ok(written + size > 990 && written <= 1000, `${written}`);
    assert.equal(log.slices.length, 1);
  }
});

test('U-07: a header that never ends is refused at the limit', () => {
  const { reader } = readerWithLog(limited({ maxBytes: 1000 }));
  reader.write(Buffer.from("<stream:stream id='"));
  assert.throws(() => {
    for (let i = 0; i < 2000; i++) reader.write(Buffer.from('x'));
  }, TOO_MUCH);
});

test('UP-XML-10: white space alone never reaches a limit', () => {
  const { reader } = readerWithLog(limited({ maxBytes: 1000 }));
  reader.write(Buffer.from(SERVER_HEADER));
  for (let i = 0; i < 200; i++) reader.write(Buffer.from(' \n'.repeat(100)));
  reader.write(Buffer.from('<iq/>'));
});

test('BOSH-BODY-11: depth: the limit is accepted, one more is not', () => {
  const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
  const limits = limited({ maxDepth: 20 });
  readDocument(nested(20), 'root', limits);
  assert.throws(() => readDocument(nested(21), 'root', limits), TOO_MUCH);
  readDocument(`<body>${nested(19)}</body>`, 'children', limits);
  assert.throws(() => readDocument(`<body>${nested(20)}</body>`, 'children', limits), TOO_MUCH);
  const { reader } = readerWithLog(limits);
  reader.write(Buffer.from(SERVER_HEADER + nested(19)));
  assert.throws(() => reader.write(Buffer.from(nested(20))), TOO_MUCH);
});

test('BOSH-BODY-11: attributes: the limit is accepted, one more is not, declarations counted', () => {
  const element = (count: number): string =>
    `<a${list(count, (i) => (i % 2 ? ` a${i}=''` : ` xmlns:p${i}='urn:${i}'`))}/>`;
  edge(limited({ maxAttributes: 10 }), element(10), element(11));
});

test('BOSH-BODY-11: the attributes of one element are not those of the next', () => {
  const element = `<a${list(10, (i) => ` a${i}=''`)}/>`;
  readDocument(`<r>${element.repeat(50)}</r>`, 'root', limited({ maxAttributes: 10 }));
});

test('BOSH-BODY-11: names: the limit is accepted, one more is not', () => {
  const name = (length: number): string => 'n'.repeat(length);
  edge(limited({ maxNameLength: 100 }), `<${name(100)}/>`, `<${name(101)}/>`);
  edge(limited({ maxNameLength: 100 }), `<a ${name(100)}=''/>`, `<a ${name(101)}=''/>`);
});

test('NS-12: declarations of the wrapper or the header: the limit is accepted, one more is not', () => {
  const limits = limited({ maxDeclarations: 5 });
  const wrapper = (count: number): string =>
    `<body xmlns='urn:b'${list(count - 1, (i) => ` xmlns:p${i}='urn:${i}'`)}><iq/></body>`;
  readDocument(wrapper(5), 'children', limits);
  assert.throws(() => readDocument(wrapper(6), 'children', limits), TOO_MUCH);
  const { reader } = readerWithLog(limits);
  const header = `<stream:stream xmlns:stream='urn:s'${list(5, (i) => ` xmlns:p${i}='urn:${i}'`)}>`;
  assert.throws(() => reader.write(Buffer.from(header)), TOO_MUCH);
});

test('B-47: payloads of one body: the limit is accepted, one more is not', () => {
  const limits = limited({ maxChildren: 10 });
  const wrapper = (count: number): string => `<body xmlns='urn:b'>${'<iq/>'.repeat(count)}</body>`;
  assert.equal(readDocument(wrapper(10), 'children', limits).slices.length, 10);
  assert.throws(() => readDocument(wrapper(11), 'children', limits), TOO_MUCH);
});

/** Milliseconds that `run` takes; what it throws is as good an answer. */
function time(run: () => void): number {
  const start = performance.now();
  try {
    run();
  } catch {
    // The time is the point.
  }
  return performance.now() - start;
}

const big = limited({ maxBytes: 8_000_000 });

// prettier-ignore
const HOSTILE: readonly (readonly [id: string, what: string, document: string])[] = [
  ['X-39', '100,000 nested elements', '<a>'.repeat(100_000)],
  ['X-39', '100,000 nested elements with prefixes', "<x:a xmlns:x='u'>".repeat(100_000)],
  ['X-40', '10,000 attributes', `<a${list(10_000, (i) => ` a${i}=''`)}/>`],
  ['X-40', '5 MB attribute value', `<a b='${'x'.repeat(5_000_000)}'/>`],
  ['X-40', '1 MB element name', `<${'n'.repeat(1_000_000)}/>`],
  ['X-12', 'quadratic entities', `<a>${'&amp;'.repeat(200_000)}</a>`],
  ['X-41', '1000 declarations × 1000 payloads', `<body${list(1000, (i) => ` xmlns:p${i}='urn:${i}'`)}>${'<iq/>'.repeat(1000)}</body>`],
  ['X-42', 'colliding attribute names', `<a${list(10_000, (i) => ` ${i.toString(2).replaceAll('0', 'AaAa').replaceAll('1', 'BBBB')}=''`)}/>`],
  ['X-35', '1 MB of ]', `<a>${']'.repeat(1_000_000)}</a>`],
  ['X-35', 'an entity that never ends', `<a>&${'a'.repeat(1_000_000)}`],
];

for (const [id, what, document] of HOSTILE) {
  test(`${id}: ${what} costs no more than a moment`, () => {
    assert.ok(time(() => readDocument(document, 'root', big)) < 1000);
    assert.ok(time(() => readDocument(document, 'children', big)) < 1000);
    const { reader } = readerWithLog(big);
    reader.write(Buffer.from(SERVER_HEADER));
    const bytes = Buffer.from(document);
    assert.ok(
      time(() => {
        for (let at = 0; at < bytes.length; at += 65_536) reader.write(bytes.subarray(at, at + 65_536));
      }) < 1000,
    );
  });
}

test('UP-XML-11: one byte at a time costs linear time', () => {
  const cost = (count: number): number => {
    const { reader } = readerWithLog(big);
    reader.write(Buffer.from(`${SERVER_HEADER}<a>`));
    const byte = Buffer.from('x');
    return time(() => {
      for (let i = 0; i < count; i++) reader.write(byte);
      reader.write(Buffer.from('</a>'));
    });
  };
  cost(20_000);
  const small = cost(50_000);
  assert.ok(cost(400_000) < 8 * small * 4 + 200, `${small} ms for 50,000 bytes`);
});

const uses = list(31, (i) => `p${i}:a `);
const longDeclarations = list(31, (i) => ` xmlns:p${i}='urn:${'u'.repeat(10_000)}${i}'`);

// prettier-ignore
for (const [what, wrapper, payload] of [
  ['declarations', `<body xmlns='urn:b'${longDeclarations}>`, `<a b='${uses}'/>`],
  ['a default namespace', `<body xmlns='urn:${'u'.repeat(300_000)}'>`, '<a/>'],
  ['a language', `<body xmlns='urn:b' xml:lang='${'x'.repeat(300_000)}'>`, "<iq xmlns='jabber:client'/>"],
] as const) {
  test(`NS-12: ${what} of the wrapper, copied into a thousand payloads: a small multiple of the input, or refused`, () => {
    const xml = `${wrapper}${payload.repeat(1000)}</body>`;
    let written = 0;
    try {
      for (const slice of readDocument(xml, 'children', big).slices) written += standAlone(slice).length;
    } catch (error) {
      assert.equal((error as XmlError).code, 'policy-violation');
    }
    assert.ok(written < 8 * xml.length, `${xml.length} characters became ${written}`);
  });
}
