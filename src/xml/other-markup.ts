import { BEYOND_ASCII, BYTES, NAME_CHARS, NAME_START_CHARS, isS } from './characters.ts';
import { XmlError } from './limits.ts';

const { BANG, COLON } = BYTES;

const COMMENT = Buffer.from('--');
const CDATA = Buffer.from('[CDATA[');
const DOCTYPE = Buffer.from('DOCTYPE');
const XML = Buffer.from('xml');

/** Where markup stands. */
export interface Place {
  /** At the very beginning of the document. */
  readonly isFirst: boolean;
  /** Behind the beginning of the root. */
  readonly isBehindRoot: boolean;
}

/**
 * Markup that is no tag: `<!` and `<?`, of which `start` is the second byte. Returns the index behind `<![CDATA[` or `<?xml`,
 * or -1 where more has to come before it can be told. Restricted XML has no comments, no DTD and no processing instructions
 * (RFC 6120 §11.1): they are refused before they are read. Throws `XmlError`.
 */
export function otherMarkup(bytes: Uint8Array, start: number, end: number, place: Place): number {
  return bytes[start] === BANG
    ? cdataStart(bytes, start + 1, end, place)
    : declarationStart(bytes, start + 1, end, place);
}

function cdataStart(bytes: Uint8Array, start: number, end: number, { isBehindRoot }: Place): number {
  if (start === end) return -1;
  const keyword = [COMMENT, CDATA, DOCTYPE].find((word) => word[0] === bytes[start]);
  if (keyword === undefined) throw malformed();
  for (let k = 0; k < keyword.length; k++) {
    if (start + k === end) return -1;
    if (bytes[start + k] !== keyword[k]) throw malformed();
  }
  if (keyword === CDATA) return start + keyword.length;
  // Behind the beginning of the root, a DTD is not even XML.
  if (keyword === DOCTYPE && isBehindRoot) throw malformed();
  throw new XmlError('restricted-xml', 'comment or DTD');
}

function declarationStart(bytes: Uint8Array, start: number, end: number, { isFirst }: Place): number {
  let isExact = true;
  for (let k = 0; k < XML.length; k++) {
    const byte = bytes[start + k] as number;
    if (start + k === end) return -1;
    if (k === 0 && NAME_START_CHARS[byte] === 0 && byte < BEYOND_ASCII) throw malformed();
    if ((byte | 0x20) !== XML[k]) throw instruction();
    isExact &&= byte === XML[k];
  }
  const next = start + XML.length;
  if (next === end) return -1;
  const byte = bytes[next] as number;
  if (NAME_CHARS[byte] === 1 || byte === COLON || byte >= BEYOND_ASCII) throw instruction();
  // The name is reserved, in capitals too (XML 1.0 §2.6).
  if (!isExact || !isFirst || !isS(byte)) throw malformed();
  return next;
}

function instruction(): XmlError {
  return new XmlError('restricted-xml', 'processing instruction');
}

function malformed(): XmlError {
  return new XmlError('not-well-formed', 'malformed markup');
}
