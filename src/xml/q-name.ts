import {
  BEYOND_ASCII,
  BYTES,
  NAME_CHARS,
  NAME_START_CHARS,
  afterCharacter,
  codePointAt,
  isNameChar,
  isNameStartChar,
} from './characters.ts';

import { XmlError } from './limits.ts';
import type { Source } from './source.ts';

const { COLON } = BYTES;

/** QName: one NCName, or two with a colon between (Namespaces in XML §3, §4), read byte by byte. */
export class QName {
  /** Where it begins, and its colon (or -1); counted from the origin. */
  start = 0;
  colon = -1;
  /** The next character has to be one that begins an NCName. */
  #isNameStart = true;
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  begin(i: number): void {
    this.start = i - this.#source.origin;
    this.colon = -1;
    this.#isNameStart = true;
  }

  /** Reads on; returns the index of the first byte that is no part of the name, or the source's end. Throws `XmlError`. */
  read(from: number): number {
    const { bytes, origin, end } = this.#source;
    let i = from;
    for (;;) {
      if (i === end) return i;
      if (this.#isNameStart) {
        i = this.#afterStart(i);
        this.#isNameStart = false;
      }
      while (i < end && NAME_CHARS[bytes[i] as number] === 1) i++;
      if (i === end) return i;
      const byte = bytes[i] as number;
      if (byte >= BEYOND_ASCII) {
        i = this.#afterCharacter(i, isNameChar);
      } else if (byte === COLON) {
        if (this.colon >= 0) throw malformed();
        this.colon = i - origin;
        this.#isNameStart = true;
        i++;
      } else {
        return i;
      }
    }
  }

  #afterStart(i: number): number {
    const byte = this.#source.bytes[i] as number;
    if (byte >= BEYOND_ASCII) return this.#afterCharacter(i, isNameStartChar);
    if (NAME_START_CHARS[byte] === 0) throw malformed();
    return i + 1;
  }

  #afterCharacter(i: number, isAllowed: (code: number) => boolean): number {
    const { bytes, end } = this.#source;
    const next = afterCharacter(bytes, i, end);
    if (!isAllowed(codePointAt(bytes, i, next))) throw malformed();
    this.#source.isAscii = false;
    return next;
  }
}

function malformed(): XmlError {
  return new XmlError('not-well-formed', 'malformed name');
}
