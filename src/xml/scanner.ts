import {
  BEYOND_ASCII,
  BYTES,
  STOPS_IN_TEXT,
  entityEnd,
  foreignEnd,
  isS,
  plainEnd,
  plainTextEnd,
} from './characters.ts';
import { checkXmlDecl } from './declaration.ts';
import { READ_BEFORE, XmlError, type XmlLimits } from './limits.ts';
import { otherMarkup } from './other-markup.ts';
import { Reference } from './reference.ts';
import { Scope } from './scope.ts';
import { Source } from './source.ts';
import { StartTag } from './start-tag.ts';
import { TagReader } from './tag-reader.ts';

// Constants of this module, for imported ones are looked up each time.
const { AMP, BANG, CLOSE_BRACKET, GT, LT, QUESTION, SLASH } = BYTES;

/** What a scanner tells. It must not be told to go on from within. */
export interface ScannerHandlers {
  /** A start tag, or the tag of an empty element, is in `scanner.tag`. The root has depth 1. */
  startTag(scanner: Scanner, depth: number): void;
  /** The element is over. */
  endTag(scanner: Scanner, depth: number): void;
  /** CharData between two pieces of markup, or the content of a CDATA section: by its places in the source. */
  text?(scanner: Scanner, start: number, end: number, isSection: boolean): void;
}

/** What is scanned, and how. */
export interface ScannerShape {
  /** Elements above this depth hold elements and white space, and nothing else. */
  readonly sliceDepth: number;
  /** The root does not end soon: of its content nothing is held but the element that is being read. */
  readonly isStream: boolean;
}

const NOBODY: ScannerHandlers = { startTag() {}, endTag() {} };
const DOCUMENT: ScannerShape = { sliceDepth: 1, isStream: false };

// What the next byte belongs to, named after the productions of XML 1.0 where there is one.
const START = 0;
const SPACE_ONLY = 1;
const CHAR_DATA = 2;
const CD_SECT = 3;
const MARKUP = 4;
const OTHER_MARKUP = 5;
const XML_DECL = 6;
const START_TAG = 7;
const END_NAME = 8;
const END_SPACE = 9;

/** For each open element: where its name begins, how long it is, how many declarations it made. */
const NAME = 0;
const LENGTH = 1;
const DECLARATIONS = 2;
const FIELDS = 3;

/**
 * Reads the restricted XML of RFC 6120 §11 in one pass over its bytes, and checks all of it: UTF-8, characters, names, nesting,
 * unique attributes, declared prefixes, references, limits. It goes on at whatever byte the last scan ended. Throws `XmlError`,
 * and is then of no use until it is reset.
 */
export class Scanner {
  readonly source = new Source();
  readonly #scope = new Scope();
  readonly tag = new StartTag(this.source, this.#scope);
  /** Where the last markup began, and where the last tag ended; counted from the origin. */
  markupStart = 0;
  tagEnd = 0;
  #handlers: ScannerHandlers;
  #shape: ScannerShape;
  #limits: XmlLimits;
  readonly #tagReader = new TagReader(this.source, this.tag);
  readonly #reference = new Reference();
  #state = START;
  #depth = 0;
  #isRootOver = false;
  #isStopped = false;
  /** An XML declaration can stand at the very beginning alone. */
  #isFirst = true;
  readonly #open: number[] = [];
  /** The bytes of the name of a stream's root, which are gone from the source. */
  #rootName: string | undefined;
  /** Where the scan goes on, and where the text or end tag's name began that is being read; counted from the origin. */
  #next = 0;
  #token = 0;

  constructor(handlers = NOBODY, shape = DOCUMENT, limits = READ_BEFORE) {
    this.#handlers = handlers;
    this.#shape = shape;
    this.#limits = limits;
  }

  /** For another document, or for none: nothing of the last one is held. */
  reset(handlers = NOBODY, shape = DOCUMENT, limits = READ_BEFORE): void {
    this.#handlers = handlers;
    this.#shape = shape;
    this.#limits = limits;
    this.source.clear();
    this.#scope.clear();
    this.#reference.clear();
    this.#rootName = undefined;
    this.#state = START;
    this.#depth = this.#next = 0;
    this.#isRootOver = this.#isStopped = false;
    this.#isFirst = true;
  }

  /** The bytes of the name of the stream's root, as Latin-1; undefined where there is none yet. */
  get rootName(): string | undefined {
    return this.#rootName;
  }

  /** After `reset`: goes on inside the root of a stream, which another scanner may have read. */
  enter(rootName: string, namespaces: ReadonlyMap<string, string>): void {
    this.#scope.enter(namespaces);
    this.#rootName = rootName;
    this.#depth = 1;
    this.#open[LENGTH] = rootName.length;
    this.#open[DECLARATIONS] = 0;
    this.#isFirst = false;
    this.#state = SPACE_ONLY;
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** True where a document can end: behind its root. */
  get isComplete(): boolean {
    return this.#isRootOver && this.#state === SPACE_ONLY && this.source.end === this.source.length;
  }

  /** Reads what has come into the source. */
  scan(): void {
    const { source } = this;
    let i = source.origin + this.#next;
    while (i < source.end && !this.#isStopped) i = this.#step(i);
    // White space between elements belongs to none.
    if (this.#state === SPACE_ONLY && this.#shape.isStream) source.origin = i;
    this.#next = i - source.origin;
  }

  #step(i: number): number {
    switch (this.#state) {
      case START:
        return this.#start(i);
      case SPACE_ONLY:
        return this.#spaceOnly(i);
      case CHAR_DATA:
        return this.#charData(i);
      case CD_SECT:
        return this.#cdSect(i);
      case MARKUP:
        return this.#markup(i);
      case OTHER_MARKUP:
        return this.#otherMarkup();
      case XML_DECL:
        return this.#xmlDecl(i);
      case END_NAME:
      case END_SPACE:
        return this.#endTag(i);
      default:
        return this.#startTag(i);
    }
  }

  /** A byte-order mark is let pass (conformance X-23). */
  #start(i: number): number {
    const { bytes } = this.source;
    this.#state = SPACE_ONLY;
    if (bytes[i] !== 0xef || bytes[i + 1] !== 0xbb || bytes[i + 2] !== 0xbf) return i;
    this.source.isAscii = false;
    return i + 3;
  }

  /** Around the root, and between first-level elements: white space and nothing else, in any spelling (RFC 6120 §11.7). */
  #spaceOnly(from: number): number {
    const { source } = this;
    const { bytes, end } = source;
    let i = from;
    while (i < end && isS(bytes[i])) i++;
    if (i > from) this.#isFirst = false;
    if (i === end) return i;
    if (bytes[i] !== LT) {
      if (this.#depth > 0) throw textBetween();
      throw new XmlError('not-well-formed', 'text outside the root');
    }
    if (this.#shape.isStream) {
      source.origin = i;
      source.isAscii = true;
    }
    this.markupStart = i - source.origin;
    return this.#markup(i + 1);
  }

  /** CharData and references, inside an element. */
  #charData(from: number): number {
    const { bytes, origin, end } = this.source;
    const words = this.source.wordsFrom(from);
    let i = from;
    if (this.#reference.isOpen) i = this.#reference.read(bytes, i, end);
    for (;;) {
      i = words === undefined ? plainEnd(STOPS_IN_TEXT.inAny, bytes, i, end) : plainTextEnd(words, bytes, i, end);
      if (i === end) return i;
      const byte = bytes[i] as number;
      if (byte === LT) {
        this.#tellText(i, false);
        this.markupStart = i - origin;
        return this.#markup(i + 1);
      }
      if (byte === AMP) {
        i = entityEnd(bytes, i + 1, end) || this.#readReference(i + 1);
      } else if (byte >= BEYOND_ASCII) {
        i = this.#foreignEnd(i);
      } else if (byte === GT && !this.#isSectionEnd(i)) {
        i++;
      } else throw illegal();
    }
  }

  #readReference(i: number): number {
    this.#reference.begin();
    return this.#reference.read(this.source.bytes, i, this.source.end);
  }

  /** The content of a CDSect. */
  #cdSect(from: number): number {
    const { bytes, origin, end } = this.source;
    const words = this.source.wordsFrom(from);
    let i = from;
    for (;;) {
      i = words === undefined ? plainEnd(STOPS_IN_TEXT.inAny, bytes, i, end) : plainTextEnd(words, bytes, i, end);
      if (i === end) return i;
      const byte = bytes[i] as number;
      if (byte === GT && this.#isSectionEnd(i)) {
        this.#tellText(i - 2, true);
        this.#state = CHAR_DATA;
        this.#token = i + 1 - origin;
        return i + 1;
      }
      if (byte >= BEYOND_ASCII) {
        i = this.#foreignEnd(i);
      } else if (byte === GT || byte === LT || byte === AMP) i++;
      else throw illegal();
    }
  }

  /** True for the end of `]]>`. Before it stands text in any case: what else ends there ends with another character. */
  #isSectionEnd(i: number): boolean {
    const { bytes } = this.source;
    return bytes[i - 1] === CLOSE_BRACKET && bytes[i - 2] === CLOSE_BRACKET;
  }

  #tellText(i: number, isSection: boolean): void {
    const end = i - this.source.origin;
    if (end > this.#token) this.#handlers.text?.(this, this.#token, end, isSection);
  }

  #foreignEnd(i: number): number {
    const { source } = this;
    source.isAscii = false;
    return foreignEnd(STOPS_IN_TEXT, source.bytes, i, source.end, source.isUtf8From(i));
  }

  /** Behind `<`. */
  #markup(i: number): number {
    const { bytes, origin, end } = this.source;
    this.#state = MARKUP;
    if (i === end) return i;
    switch (bytes[i]) {
      case SLASH:
        if (this.#depth === 0) throw new XmlError('not-well-formed', 'surplus end tag');
        this.#state = END_NAME;
        this.#token = i + 1 - origin;
        return this.#endTag(i + 1);
      case BANG:
      case QUESTION:
        this.#state = OTHER_MARKUP;
        return this.#otherMarkup();
      default:
        if (this.#isRootOver) throw new XmlError('not-well-formed', 'more than one root');
        this.#state = START_TAG;
        this.#tagReader.begin(i);
        return this.#startTag(i);
    }
  }

  /** `<!` and `<?`: of what may begin so, a CDATA section and the XML declaration are allowed, in their places. */
  #otherMarkup(): number {
    const { bytes, origin, end } = this.source;
    const isBehindRoot = this.#depth > 0 || this.#isRootOver;
    const start = origin + this.markupStart + 1;
    const next = otherMarkup(bytes, start, end, { isFirst: this.#isFirst, isBehindRoot });
    if (next < 0) return end;
    if (bytes[start] === QUESTION) {
      this.#state = XML_DECL;
      return next;
    }
    if (this.#depth === 0) throw new XmlError('not-well-formed', 'text outside the root');
    if (this.#depth < this.#shape.sliceDepth) throw textBetween();
    this.#state = CD_SECT;
    this.#token = next - origin;
    return next;
  }

  #xmlDecl(from: number): number {
    const { bytes, origin, end } = this.source;
    let i = from;
    while (i < end && bytes[i] !== GT && bytes[i] !== LT) i++;
    if (i === end) return i;
    checkXmlDecl(this.source.text(this.markupStart, i + 1 - origin));
    this.#isFirst = false;
    this.#state = SPACE_ONLY;
    return i + 1;
  }

  /** STag or EmptyElemTag. */
  #startTag(from: number): number {
    const i = this.#tagReader.read(from, this.#limits.maxAttributes);
    if (this.#tagReader.isWhole) this.#openElement(i, this.#tagReader.isEmpty);
    return i;
  }

  /** The whole start tag is there. */
  #openElement(i: number, isEmpty: boolean): void {
    const { source, tag } = this;
    const depth = ++this.#depth;
    if (depth > this.#limits.maxDepth) throw new XmlError('policy-violation', 'elements nested too deep');
    const at = (depth - 1) * FIELDS;
    this.#open[at + NAME] = tag.nameStart;
    this.#open[at + LENGTH] = tag.nameEnd - tag.nameStart;
    tag.settle(this.#limits);
    this.#open[at + DECLARATIONS] = tag.declarations;
    if (depth === 1 && this.#shape.isStream) {
      this.#rootName = source.bytes.toString('latin1', source.origin + tag.nameStart, source.origin + tag.nameEnd);
    }
    this.#isFirst = false;
    this.tagEnd = i - source.origin;
    this.#goOn();
    this.#handlers.startTag(this, depth);
    if (isEmpty && !this.#isStopped) this.#closeElement(i);
  }

  /** ETag, behind its `</`. */
  #endTag(from: number): number {
    const { bytes, origin, end } = this.source;
    let i = from;
    if (this.#state === END_NAME) {
      const at = (this.#depth - 1) * FIELDS;
      const rootName = this.#depth === 1 ? this.#rootName : undefined;
      const name = origin + (this.#open[at + NAME] as number);
      const start = origin + this.#token;
      const nameEnd = start + (this.#open[at + LENGTH] as number);
      for (; i < nameEnd; i++) {
        if (i === end) return i;
        const expected = rootName === undefined ? bytes[name + i - start] : rootName.charCodeAt(i - start);
        if (bytes[i] !== expected) throw new XmlError('not-well-formed', 'unexpected end tag');
      }
      this.#state = END_SPACE;
    }
    while (i < end && isS(bytes[i])) i++;
    if (i === end) return i;
    if (bytes[i] !== GT) throw new XmlError('not-well-formed', 'unexpected end tag');
    this.#closeElement(i + 1);
    return i + 1;
  }

  #closeElement(i: number): void {
    const depth = this.#depth--;
    const declarations = this.#open[(depth - 1) * FIELDS + DECLARATIONS] as number;
    if (declarations > 0) this.#scope.leave(declarations);
    if (depth === 1) this.#isRootOver = true;
    this.tagEnd = i - this.source.origin;
    this.#goOn();
    this.#handlers.endTag(this, depth);
  }

  /** Behind a tag. */
  #goOn(): void {
    this.#state = this.#depth < this.#shape.sliceDepth ? SPACE_ONLY : CHAR_DATA;
    this.#token = this.tagEnd;
  }
}

function illegal(): XmlError {
  return new XmlError('not-well-formed', 'illegal character');
}

function textBetween(): XmlError {
  return new XmlError('bad-format', 'text between elements');
}
