import assert from 'node:assert/strict';
import { rewrite } from '../../src/xml/rewrite.ts';
import {
  StreamReader,
  XmlError,
  readDocument,
  type RootTag,
  type Slice,
  type XmlErrorCode,
} from '../../src/xml/reader.ts';
import { faultsOf, infoset } from '../support/infoset.ts';
import { SaxesStreamReader, readSaxesDocument } from '../support/saxes-oracle.ts';

/** Our readers held against saxes and libxml2. Each function throws where they disagree and should not. */

interface Told {
  readonly headers: RootTag[];
  readonly slices: Slice[];
  ended: number;
  refused: XmlErrorCode | undefined;
}

type Reader = typeof StreamReader | typeof SaxesStreamReader;

function tell(Reader: Reader, pieces: readonly Uint8Array[]): Told {
  const told: Told = { headers: [], slices: [], ended: 0, refused: undefined };
  const reader = new Reader({
    header: (root) => void told.headers.push(root),
    element: (slice) => void told.slices.push(slice),
    end: () => void told.ended++,
  });
  told.refused = refusalOf(() => {
    for (const piece of pieces) {
      // The writer's buffer is the writer's again after the write.
      const lent = Uint8Array.from(piece);
      reader.write(lent);
      lent.fill(0x78);
    }
  });
  return told;
}

/** The condition on which it refuses. */
function refusalOf(read: () => void): XmlErrorCode | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    return error.code;
  }
}

/** Any split of the input tells the same and refuses the same, on the same condition; so does one byte at a time. */
export function agreeOnSplit(bytes: Uint8Array, pieces: readonly Uint8Array[]): void {
  const whole = tell(StreamReader, [bytes]);
  assert.deepEqual(tell(StreamReader, pieces), whole);
  assert.deepEqual(
    tell(
      StreamReader,
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
    ),
    whole,
  );
}

/** The same is told as by saxes; and what one of them refuses, the other refuses too, now or as soon as it can tell. */
export function agreeOnStream(bytes: Uint8Array): boolean {
  const ours = tell(StreamReader, [bytes]);
  const theirs = tell(SaxesStreamReader, [bytes]);
  if (saxesErrs(bytes) || isEmptyStream(ours)) return false;
  const { refused, ...told } = ours;
  const { refused: other, ...alsoTold } = theirs;
  assert.deepEqual(told, alsoTold);
  if (refused !== undefined && other === undefined) assert.ok(isLost(SaxesStreamReader, bytes), `we alone: ${refused}`);
  else if (refused === undefined && other !== undefined)
    assert.ok(isLost(StreamReader, bytes), `saxes alone: ${other}`);
  else agreeOnCondition(refused, other);
  return refused === undefined;
}

/** What could end whatever is unfinished. */
const ENDS = `; > '> "> /> ?> --> ]]> '?> ]]><a/> ><a/> --><a/> ;<a/> ?><a/> ></a> =''>`.split(' ');

/** True where nothing that may follow makes it tell more: it refuses, though it has not said so yet. */
function isLost(Reader: Reader, bytes: Uint8Array): boolean {
  const count = (pieces: readonly Uint8Array[]): number => {
    const { headers, slices, ended } = tell(Reader, pieces);
    return headers.length + slices.length + ended;
  };
  const before = count([bytes]);
  return ENDS.every((end) => count([bytes, Buffer.from(end)]) === before);
}

/** A document is accepted where saxes accepts it, and cut into the same slices. */
export function agreeOnDocument(bytes: Uint8Array, slicing: 'root' | 'children'): boolean {
  let ours: unknown;
  let theirs: unknown;
  const refused = refusalOf(() => {
    const { root, slices, empty } = readDocument(bytes, slicing);
    ours = { root, slices, empty };
  });
  const other = refusalOf(() => (theirs = readSaxesDocument(bytes, slicing)));
  if (saxesErrs(bytes)) return false;
  assert.equal(refused === undefined, other === undefined, `we: ${refused}, saxes: ${other}`);
  agreeOnCondition(refused, other);
  // Of a byte-order mark, which is no text, saxes never heard: its places count from behind it.
  if (bytes[0] !== 0xef) assert.deepEqual(ours, theirs);
  return refused === undefined;
}

/** What is given as text is read as the same given as bytes. */
export function agreeOnText(bytes: Uint8Array, slicing: 'root' | 'children'): void {
  const text = Buffer.from(bytes).toString();
  const read = (input: string | Uint8Array): unknown => {
    const { root, slices, empty } = readDocument(input, slicing);
    return { root, slices, empty };
  };
  let fromText: unknown;
  let fromBytes: unknown;
  const refused = refusalOf(() => (fromText = read(text)));
  assert.equal(
    refusalOf(() => (fromBytes = read(Buffer.from(text)))),
    refused,
  );
  assert.deepEqual(fromText, fromBytes);
}

/** Of several faults we see the first; saxes sees some kinds only when it has seen what follows them. */
function agreeOnCondition(ours: XmlErrorCode | undefined, theirs: XmlErrorCode | undefined): void {
  if (ours === 'bad-format' && theirs !== undefined) return;
  if (theirs === 'not-well-formed' && (ours === 'restricted-xml' || ours === 'unsupported-encoding')) return;
  assert.equal(ours, theirs);
}

/** A document is accepted where libxml2 accepts it, and means the same when it is written anew. */
export function agreeWithLibxml2(bytes: Uint8Array): boolean {
  const refused = refusalOf(() => readDocument(bytes, 'root'));
  // RFC 6120 §11.1 forbids more than XML does.
  if (refused !== undefined && refused !== 'not-well-formed') return false;
  const text = Buffer.from(bytes).toString();
  if (refused !== undefined && /^\ufeff?<\?xml\s+version\s*=\s*["']1\.(?!0["'])/.test(text)) return false;
  const faults = faultsOf(bytes);
  if (!faults.every(isReal)) return false;
  assert.equal(refused === undefined, faults.length === 0, `we: ${refused}; libxml2: ${faults.join('; ')}`);
  if (refused === undefined) assert.equal(infoset(rewrite(text.replace(/^\ufeff/, ''))), infoset(bytes));
  return refused === undefined;
}

/** libxml2 wants namespace names to be URIs, which Namespaces in XML leaves to those who use them. */
function isReal(fault: string): boolean {
  return !/ is not (a valid URI|absolute)$/.test(fault);
}

/** A header and an orderly end, and nothing between. The saxes reader takes that for text. */
function isEmptyStream({ ended, slices }: Told): boolean {
  return ended === 1 && slices.length === 0;
}

/**
 * Where saxes errs: it takes white space off namespaces, which are what they are (Namespaces in XML §2.3), and lets two
 * byte-order marks pass.
 */
function saxesErrs(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString();
  if (text.startsWith('\ufeff\ufeff')) return true;
  const values = [...text.matchAll(/xmlns[^=<>]*=\s*(?:"([^"]*)"|'([^']*)')/g)];
  return values.some(([, double = '', single = '']) => /^(?:\s|&#)|(?:\s|&#\w*;)$/.test(double + single));
}
