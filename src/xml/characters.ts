import { XmlError } from './limits.ts';

/** The characters that mean something to XML, as bytes of UTF-8. */
export const BYTES = {
  TAB: 0x09,
  LF: 0x0a,
  CR: 0x0d,
  SPACE: 0x20,
  BANG: 0x21,
  QUOT: 0x22,
  HASH: 0x23,
  AMP: 0x26,
  APOS: 0x27,
  SLASH: 0x2f,
  COLON: 0x3a,
  SEMICOLON: 0x3b,
  LT: 0x3c,
  EQUALS: 0x3d,
  GT: 0x3e,
  QUESTION: 0x3f,
  CLOSE_BRACKET: 0x5d,
} as const;
const { AMP, TAB, LF, CR, SEMICOLON, SPACE } = BYTES;

/** A byte of this value or above is part of a character beyond ASCII. */
export const BEYOND_ASCII = 0x80;

/** Begins U+FFFE and U+FFFF, which alone of the characters beyond ASCII are no Char (XML 1.0 §2.2), and many others. */
const LEAD_OF_NO_CHAR = 0xef;

/** The bytes at which a scanner has to stop: 1 for those, 0 for the rest. */
export interface Stops {
  readonly inAny: Uint8Array;
  /** In what is known to be UTF-8. */
  readonly inUtf8: Uint8Array;
}

function stopsAt(specials: string): Stops {
  const inAny = tableOf(specials).fill(1, BEYOND_ASCII);
  const inUtf8 = tableOf(specials).fill(1, LEAD_OF_NO_CHAR, LEAD_OF_NO_CHAR + 1);
  return { inAny, inUtf8 };
}

function tableOf(specials: string): Uint8Array {
  const table = new Uint8Array(256);
  // Char: of the controls, white space alone is legal (XML 1.0 §2.2).
  for (let byte = 0; byte < SPACE; byte++) if (!isS(byte)) table[byte] = 1;
  for (const special of specials) table[special.charCodeAt(0)] = 1;
  return table;
}

/** CharData: `>` may be the end of `]]>`, which is not allowed there (XML 1.0 §2.4). */
export const STOPS_IN_TEXT = stopsAt('<&>');
/** AttValue: white space other than the space is not what it stands for (XML 1.0 §3.3.3). */
export const STOPS_IN_VALUE = stopsAt(`<&"'\t\n\r`);

/** 1 for the ASCII characters that may begin an NCName, and for those that may stand further on (Namespaces in XML §3). */
export const NAME_START_CHARS = new Uint8Array(256);
export const NAME_CHARS = new Uint8Array(256);
for (let byte = 0; byte < BEYOND_ASCII; byte++) {
  const character = String.fromCharCode(byte);
  NAME_START_CHARS[byte] = /[A-Za-z_]/.test(character) ? 1 : 0;
  NAME_CHARS[byte] = /[A-Za-z_0-9.-]/.test(character) ? 1 : 0;
}

/** S: white space (XML 1.0 §2.3). */
export function isS(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}

/** Char, for what a reference may stand for (XML 1.0 §2.2). */
export function isChar(code: number): boolean {
  if (code < SPACE) return isS(code);
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

/** NameStartChar beyond ASCII (XML 1.0 §2.3). */
export function isNameStartChar(code: number): boolean {
  return (
    (code >= 0xc0 && code <= 0x2ff && code !== 0xd7 && code !== 0xf7) ||
    (code >= 0x370 && code <= 0x1fff && code !== 0x37e) ||
    code === 0x200c ||
    code === 0x200d ||
    (code >= 0x2070 && code <= 0x218f) ||
    (code >= 0x2c00 && code <= 0x2fef) ||
    (code >= 0x3001 && code <= 0xd7ff) ||
    (code >= 0xf900 && code <= 0xfdcf) ||
    (code >= 0xfdf0 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0xeffff)
  );
}

/** NameChar beyond ASCII (XML 1.0 §2.3). */
export function isNameChar(code: number): boolean {
  return (
    isNameStartChar(code) || code === 0xb7 || (code >= 0x300 && code <= 0x36f) || (code >= 0x203f && code <= 0x2040)
  );
}

/** The index of the first byte that stops by that table, or `end`. Four at a time: this is most of what a scanner does. */
export function plainEnd(stops: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  for (const last = end - 4; i <= last; i += 4) {
    const stop =
      (stops[bytes[i] as number] as number) |
      (stops[bytes[i + 1] as number] as number) |
      (stops[bytes[i + 2] as number] as number) |
      (stops[bytes[i + 3] as number] as number);
    if (stop !== 0) break;
  }
  while (i < end && stops[bytes[i] as number] === 0) i++;
  return i;
}

// Each byte of a word of four, at once: all that is below a space, above ASCII, or one of `&<>` sets its highest bit.
const HIGHEST = 0x80808080 | 0;
const ONES = 0x01010101;
const SPACES = 0x20202020;
const AMPERSANDS = 0x26262626;
/** `<` with its second bit set is `>`. */
const TWOS = 0x02020202;
const GREATER_THANS = 0x3e3e3e3e;

/** The highest bit of each byte of the word at which a scanner may have to stop. */
function flagsOf(four: number): number {
  const andGreater = ((four ^ AMPERSANDS) - ONES) | (((four | TWOS) ^ GREATER_THANS) - ONES);
  return (four | (four - SPACES) | andGreater) & HIGHEST;
}

/**
 * `plainEnd` for text, a word at a time; goes on behind references to the five entities. `words` lie over the whole buffer of the
 * bytes, which has to be a little-endian one.
 */
export function plainTextEnd(words: Int32Array, bytes: Uint8Array, start: number, end: number): number {
  const stops = STOPS_IN_TEXT.inAny;
  const { byteOffset } = bytes;
  const lastWord = (byteOffset + end) >> 2;
  let i = start;
  let word = (byteOffset + i) >> 2;
  // The bytes of a word that are behind us do not count.
  let mask = -1 << (((byteOffset + i) & 3) << 3);
  while (word < lastWord) {
    const flags = flagsOf(words[word] as number) & mask;
    if (flags === 0) {
      word++;
      // Two at a time.
      while (word + 1 < lastWord && (flagsOf(words[word] as number) | flagsOf(words[word + 1] as number)) === 0)
        word += 2;
      mask = -1;
      continue;
    }
    // The lowest flag is that of the first byte; those above may be set by its borrow.
    i = (word << 2) - byteOffset + ((31 - Math.clz32(flags & -flags)) >> 3);
    const byte = bytes[i] as number;
    if (byte === AMP) {
      const next = entityEnd(bytes, i + 1, end);
      if (next === 0) return i;
      i = next;
    } else if (stops[byte] !== 0) {
      return i;
      // White space below the space is flagged too.
    } else i++;
    word = (byteOffset + i) >> 2;
    mask = -1 << (((byteOffset + i) & 3) << 3);
  }
  i = Math.max(i, (word << 2) - byteOffset);
  while (i < end && stops[bytes[i] as number] === 0) i++;
  return i;
}

const [A, G, L, M, O, P, Q, S, T, U] = Buffer.from('aglmopqstu');

/** The index behind one of the five entities that stands whole at `i`, behind its `&`; 0 for anything else. Nearly all do. */
export function entityEnd(bytes: Uint8Array, i: number, end: number): number {
  if (i + 2 >= end) return 0;
  const first = bytes[i];
  const second = bytes[i + 1];
  const third = bytes[i + 2];
  if (third === SEMICOLON) return second === T && (first === L || first === G) ? i + 3 : 0;
  if (i + 3 >= end) return 0;
  if (third === P) return first === A && second === M && bytes[i + 3] === SEMICOLON ? i + 4 : 0;
  if (third !== O || i + 4 >= end || bytes[i + 4] !== SEMICOLON) return 0;
  if (second === P) return first === A && bytes[i + 3] === S ? i + 5 : 0;
  return first === Q && second === U && bytes[i + 3] === T ? i + 5 : 0;
}

/** `plainEnd` where characters beyond ASCII have come. Throws as `afterCharacter` does. */
export function foreignEnd(stops: Stops, bytes: Uint8Array, start: number, end: number, isUtf8: boolean): number {
  const table = isUtf8 ? stops.inUtf8 : stops.inAny;
  let i = start;
  while (i < end) {
    const byte = bytes[i] as number;
    if (table[byte] === 0) i = isUtf8 ? plainEnd(table, bytes, i, end) : i + 1;
    else if (byte < BEYOND_ASCII) return i;
    else i = afterCharacter(bytes, i, end);
  }
  return i;
}

/** How many bytes a character has that begins with this byte; 0 where none does. */
function lengthOf(lead: number): number {
  if (lead < BEYOND_ASCII) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

/** No overlong forms, no surrogates, nothing above U+10FFFF: the second byte tells (Unicode, table 3-7). */
function isSecond(lead: number, byte: number): boolean {
  if (!isContinuation(byte)) return false;
  if (lead === 0xe0) return byte >= 0xa0;
  if (lead === 0xed) return byte < 0xa0;
  if (lead === 0xf0) return byte >= 0x90;
  return lead !== 0xf4 || byte < 0x90;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/**
 * The index after the character beyond ASCII that begins at `start`. Throws `XmlError` where that is no UTF-8, or no Char:
 * of those beyond ASCII, U+FFFE and U+FFFF alone are none. `end` must not part a character: see `wholeCharacters`.
 */
export function afterCharacter(bytes: Uint8Array, start: number, end: number): number {
  const lead = bytes[start] as number;
  const second = bytes[start + 1] as number;
  if (lead >= 0xc2 && lead < 0xe0 && start + 1 < end && isContinuation(second)) return start + 2;
  const next = start + lengthOf(lead);
  if (next === start || next > end || !isSecond(lead, second)) throw notUtf8();
  const third = bytes[start + 2] as number;
  if (!isContinuation(third)) throw notUtf8();
  if (next === start + 3) {
    if (lead === 0xef && second === 0xbf && third >= 0xbe) throw new XmlError('not-well-formed', 'illegal character');
    return next;
  }
  if (!isContinuation(bytes[start + 3] as number)) throw notUtf8();
  return next;
}

function notUtf8(): XmlError {
  return new XmlError('not-well-formed', 'not UTF-8');
}

/** The code point of a character beyond ASCII that `afterCharacter` has accepted. */
export function codePointAt(bytes: Uint8Array, start: number, next: number): number {
  const length = next - start;
  let code = (bytes[start] as number) & (length === 2 ? 0x1f : length === 3 ? 0x0f : 0x07);
  for (let at = start + 1; at < next; at++) code = (code << 6) | ((bytes[at] as number) & 0x3f);
  return code;
}

/** `end`, or less where the last bytes are the beginning of a character of which the rest has not come yet. */
export function wholeCharacters(bytes: Uint8Array, end: number): number {
  const last = bytes[end - 1];
  if (last === undefined || last < BEYOND_ASCII) return end;
  for (let start = end - 1; start >= Math.max(0, end - 3); start--) {
    const lead = bytes[start] as number;
    if (isContinuation(lead)) continue;
    const given = end - start;
    const isBeginning = given < lengthOf(lead) && (given === 1 || isSecond(lead, bytes[start + 1] as number));
    return isBeginning ? start : end;
  }
  return end;
}
