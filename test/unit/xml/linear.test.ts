import assert from 'node:assert/strict';
import test from 'node:test';
import { standAlone } from '../../../src/xml/graft.ts';
import { DEFAULT_XML_LIMITS, StreamReader, readDocument, type Slice, type XmlLimits } from '../../../src/xml/reader.ts';
import { SERVER_HEADER } from '../../support/namespace-vectors.ts';

/** Each shape is read at one size and at eight times that size, which may cost eight times as much, and a margin. */

const limits: XmlLimits = { ...DEFAULT_XML_LIMITS, maxBytes: Infinity, maxChildren: Infinity };
const SMALL = 65_536;
const TIMES = 8;
const MARGIN = 4;
/** Milliseconds that collecting garbage or a coarse clock may add. The square of eight would be far above. */
const SLACK = 40;

const list = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join('');
const filled = (text: string, bytes: number): string => text.repeat(Math.ceil(bytes / Buffer.byteLength(text)));

const manyPrefixes = list(100, (i) => ` xmlns:p${i}='urn:${i}'`);
const usesOfPrefixes = list(100, (i) => ` p${i}:a='${i}'`);
const longNamespace = `urn:${'n'.repeat(4000)}`;
const nested = list(100, (i) => `<a${list(30, (k) => ` xmlns:p${i}x${k}='urn:${i}:${k}'`)}>`);

// prettier-ignore
const SHAPES: readonly (readonly [what: string, xml: (bytes: number) => string])[] = [
  ['text', (bytes) => `<a>${filled('words ', bytes)}</a>`],
  ['text beyond ASCII', (bytes) => `<a>${filled('é€😀 ', bytes)}</a>`],
  ['text and single characters beyond ASCII', (bytes) => `<a>${filled('x<b/>é', bytes)}</a>`],
  ['references', (bytes) => `<a>${filled('&amp;&#x41;', bytes)}</a>`],
  ['one long reference', (bytes) => `<a>&#${'0'.repeat(bytes)}65;</a>`],
  ['brackets', (bytes) => `<a>${']'.repeat(bytes)}</a>`],
  ['greater-than signs', (bytes) => `<a>${']>'.repeat(bytes / 2)}</a>`],
  ['a CDATA section of brackets', (bytes) => `<a><![CDATA[${']'.repeat(bytes)}]]></a>`],
  ['CDATA sections', (bytes) => `<a>${filled('<![CDATA[x]]>', bytes)}</a>`],
  ['empty elements', (bytes) => `<a>${filled('<b/>', bytes)}</a>`],
  ['first-level elements', (bytes) => filled(`<b>${'x'.repeat(93)}</b>`, bytes)],
  ['white space between elements', (bytes) => `${' '.repeat(bytes)}<a/>`],
  ['white space in a tag', (bytes) => `<a${' '.repeat(bytes)}/>`],
  ['white space in an end tag', (bytes) => `<a></a${' '.repeat(bytes)}>`],
  ['one long value', (bytes) => `<a b='${'x'.repeat(bytes)}'/>`],
  ['one long value of references', (bytes) => `<a b='${filled('&lt;', bytes)}'/>`],
  ['one long value of quotes', (bytes) => `<a b='${'"'.repeat(bytes)}'/>`],
  ['colons', (bytes) => `<a>${':'.repeat(bytes)}</a>`],
  ['almost a prefix', (bytes) => `<a>${filled('tream:', bytes)}</a>`],
  ['many attributes', (bytes) => `<a>${filled(`<b${list(120, (i) => ` a${i}=''`)}/>`, bytes)}</a>`],
  ['many prefixes in use', (bytes) => `<a${manyPrefixes}>${filled(`<b${usesOfPrefixes}/>`, bytes)}</a>`],
  ['many declarations', (bytes) => `<a>${filled(`<b${manyPrefixes}/>`, bytes)}</a>`],
  ['many declarations around', (bytes) => `${nested}${filled("<p99x29:b p0x0:c=''/>", bytes)}${'</a>'.repeat(100)}`],
  ['a long namespace in use', (bytes) => `<a xmlns:p='${longNamespace}'>${filled(`<b${list(100, (i) => ` p:a${i}=''`)}/>`, bytes)}</a>`],
  ['long names', (bytes) => `<a>${filled(`<${'n'.repeat(1000)}/>`, bytes)}</a>`],
  ['jabber:client by another prefix', (bytes) => `<c:a xmlns:c='jabber:client'>${filled('<c:b>x</c:b>', bytes)}</c:a>`],
];

/** Milliseconds of CPU that `run` takes, the best of a few. */
function cost(run: () => void, rounds: number): number {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage().user;
    run();
    best = Math.min(best, (process.cpuUsage().user - start) / 1000);
  }
  return best;
}

/** The way of a server's stanza: in pieces of `step` bytes, then made to stand alone. */
function throughStream(xml: Buffer, step: number): void {
  let length = 0;
  const handlers = { header() {}, element: (slice: Slice) => void (length += standAlone(slice).length), end() {} };
  const reader = new StreamReader(handlers, limits);
  reader.write(Buffer.from(SERVER_HEADER));
  for (let at = 0; at < xml.length; at += step) reader.write(xml.subarray(at, at + step));
  assert.ok(length > 0);
}

function throughBody(xml: Buffer): void {
  const body = Buffer.concat([Buffer.from("<body xmlns='urn:b' xmlns:stream='urn:s'>"), xml, Buffer.from('</body>')]);
  assert.ok(readDocument(body, 'children', limits).slices.map(standAlone).length > 0);
}

for (const [what, xml] of SHAPES) {
  test(`X-40, UP-XML-11: the cost of ${what} is linear`, () => {
    const small = Buffer.from(xml(SMALL));
    const large = Buffer.from(xml(SMALL * TIMES));
    for (const [way, run] of [
      ['in a stream', (bytes: Buffer) => throughStream(bytes, 65_536)],
      ['in a stream, a few bytes at a time', (bytes: Buffer) => throughStream(bytes, 7)],
      ['in a body', throughBody],
    ] as const) {
      cost(() => run(small), 3);
      const [one, eight] = [cost(() => run(small), 5), cost(() => run(large), 2)];
      assert.ok(eight < TIMES * MARGIN * one + SLACK, `${way}: ${one} ms, then ${eight} ms`);
    }
  });
}
