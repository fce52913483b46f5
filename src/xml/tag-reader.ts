import {
  BEYOND_ASCII,
  BYTES,
  NAME_CHARS,
  NAME_START_CHARS,
  STOPS_IN_VALUE,
  entityEnd,
  foreignEnd,
  isS,
  plainEnd,
} from './characters.ts';
import { XmlError } from './limits.ts';
import { QName } from './q-name.ts';
import { Reference } from './reference.ts';
import type { Source } from './source.ts';
import type { StartTag } from './start-tag.ts';

// Constants of this module, for imported ones are looked up each time.
const { AMP, APOS, CR, EQUALS, GT, LF, QUOT, SLASH, TAB } = BYTES;

// What the next byte belongs to.
const WHOLE = 0;
const TAG_NAME = 1;
const BEHIND = 2;
const SPACE = 3;
const ATT_NAME = 4;
const EQ = 5;
const BEFORE_VALUE = 6;
const ATT_VALUE = 7;
const EMPTY = 8;

/** Reads STag and EmptyElemTag, with Attribute and AttValue (XML 1.0 §2.3, §3.1), behind their `<`, byte by byte. */
export class TagReader {
  /** The tag is that of an empty element. */
  isEmpty = false;
  readonly #source: Source;
  readonly #tag: StartTag;
  readonly #name: QName;
  readonly #reference = new Reference();
  #state = WHOLE;
  /** Of the attribute that is being read: where its name ends and its value begins, counted from the origin. */
  #nameEnd = 0;
  #value = 0;
  #quote = 0;
  #isPlain = true;

  constructor(source: Source, tag: StartTag) {
    this.#source = source;
    this.#tag = tag;
    this.#name = new QName(source);
  }

  /** False while its `>` has not come. */
  get isWhole(): boolean {
    return this.#state === WHOLE;
  }

  begin(i: number): void {
    this.#name.begin(i);
    this.#reference.clear();
    this.#state = TAG_NAME;
  }

  /** Reads on; returns the index behind the `>`, or the source's end where that has not come. Throws `XmlError`. */
  read(from: number, maxAttributes: number): number {
    const tag = this.#tag;
    const { bytes, origin, end } = this.#source;
    let state = this.#state;
    let i = from;
    if (state === TAG_NAME) {
      i = this.#name.read(i);
      if (i === end) return i;
      tag.begin(this.#name.start, this.#name.colon, i - origin);
      state = BEHIND;
    }
    for (;;) {
      if (state === BEHIND || state === SPACE) {
        while (i < end && isS(bytes[i])) {
          state = SPACE;
          i++;
        }
        if (i === end) break;
        if (bytes[i] === GT) return this.#finish(i, false);
        if (bytes[i] === SLASH) {
          state = EMPTY;
          i++;
        } else {
          if (state === BEHIND) throw malformed();
          if (tag.attributes >= maxAttributes) throw new XmlError('policy-violation', 'too many attributes');
          const next = this.#plainAttribute(i);
          state = next > i ? BEHIND : ATT_NAME;
          this.#name.begin(i);
          i = next;
        }
      }
      if (state === ATT_NAME) {
        i = this.#name.read(i);
        if (i === end) break;
        this.#nameEnd = i - origin;
        state = EQ;
      }
      if (state === EQ) {
        while (i < end && isS(bytes[i])) i++;
        if (i === end) break;
        if (bytes[i] !== EQUALS) throw malformed();
        state = BEFORE_VALUE;
        i++;
      }
      if (state === BEFORE_VALUE) {
        while (i < end && isS(bytes[i])) i++;
        if (i === end) break;
        this.#quote = bytes[i] as number;
        if (this.#quote !== APOS && this.#quote !== QUOT) throw malformed();
        state = ATT_VALUE;
        i++;
        this.#value = i - origin;
        this.#isPlain = true;
      }
      if (state === ATT_VALUE) {
        i = this.#attValue(i);
        if (i === end) break;
        tag.add(this.#name.start, this.#name.colon, this.#nameEnd, this.#value, i - origin, this.#isPlain);
        state = BEHIND;
        i++;
      }
      if (state === EMPTY) {
        if (i === end) break;
        if (bytes[i] !== GT) throw malformed();
        return this.#finish(i, true);
      }
    }
    this.#state = state;
    return i;
  }

  #finish(i: number, isEmpty: boolean): number {
    this.#state = WHOLE;
    this.isEmpty = isEmpty;
    return i + 1;
  }

  /** An attribute of the plainest kind, `name='value'`, that is all there: read at once. Returns `start` for any other. */
  #plainAttribute(start: number): number {
    const { bytes, origin, end } = this.#source;
    if (NAME_START_CHARS[bytes[start] as number] === 0) return start;
    let i = start + 1;
    while (i < end && NAME_CHARS[bytes[i] as number] === 1) i++;
    if (i + 2 >= end || bytes[i] !== EQUALS) return start;
    const quote = bytes[i + 1];
    if (quote !== APOS && quote !== QUOT) return start;
    const valueEnd = plainEnd(STOPS_IN_VALUE.inAny, bytes, i + 2, end);
    if (valueEnd === end || bytes[valueEnd] !== quote) return start;
    this.#tag.add(start - origin, -1, i - origin, i + 2 - origin, valueEnd - origin, true);
    return valueEnd + 1;
  }

  #readReference(i: number): number {
    this.#reference.begin();
    return this.#reference.read(this.#source.bytes, i, this.#source.end);
  }

  /** AttValue, to its closing quote. */
  #attValue(from: number): number {
    const { bytes, end } = this.#source;
    let i = from;
    if (this.#reference.isOpen) i = this.#reference.read(bytes, i, end);
    for (;;) {
      i = plainEnd(STOPS_IN_VALUE.inAny, bytes, i, end);
      if (i === end) return i;
      const byte = bytes[i] as number;
      if (byte === this.#quote) return i;
      if (byte === APOS || byte === QUOT) {
        i++;
      } else if (byte === TAB || byte === LF || byte === CR) {
        this.#isPlain = false;
        i++;
      } else if (byte === AMP) {
        this.#isPlain = false;
        i = entityEnd(bytes, i + 1, end) || this.#readReference(i + 1);
      } else if (byte >= BEYOND_ASCII) {
        this.#source.isAscii = false;
        i = foreignEnd(STOPS_IN_VALUE, bytes, i, end, this.#source.isUtf8From(i));
      } else throw new XmlError('not-well-formed', 'illegal character');
    }
  }
}

function malformed(): XmlError {
  return new XmlError('not-well-formed', 'malformed tag');
}
