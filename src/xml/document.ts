import { isS } from './characters.ts';
import { DEFAULT_XML_LIMITS, READ_BEFORE, XmlError, type XmlLimits } from './limits.ts';
import type { Scanner, ScannerHandlers, ScannerShape } from './scanner.ts';
import {
  NO_CONTEXT,
  checkInheritance,
  isForeign,
  openSlice,
  rootTag,
  type OpenSlice,
  type RootTag,
  type Slice,
} from './slice.ts';
import { bytesOf, scanWhole } from './whole.ts';

/** A whole document: its root and the root's children, or the root itself as the only slice. */
export interface XmlDocument {
  /** With the slicing `root`, made when it is asked for: most messages are passed on without. */
  readonly root: RootTag;
  readonly slices: readonly Slice[];
  /** True where the root holds neither elements nor text. */
  readonly empty: boolean;
}

const SHAPES: Readonly<Record<'children' | 'root', ScannerShape>> = {
  children: { sliceDepth: 2, isStream: false },
  root: { sliceDepth: 1, isStream: false },
};

/**
 * Reads one document: a BOSH `<body/>` (`children`: its payload elements are the slices) or a WebSocket message (`root`).
 * Throws `XmlError`, and then nothing of the document counts (BOSH-BODY-06).
 */
export function readDocument(
  input: Uint8Array | string,
  slicing: 'children' | 'root',
  limits: XmlLimits = DEFAULT_XML_LIMITS,
): XmlDocument {
  if (input.length > limits.maxBytes) throw tooLarge();
  const bytes = typeof input === 'string' ? bytesOf(input) : input;
  if (bytes.length > limits.maxBytes) throw tooLarge();
  const text = typeof input === 'string' ? input : undefined;
  const slicer = new Slicer(slicing, limits, bytes, text);
  scanWhole(bytes, SHAPES[slicing], limits, slicer);
  return slicer;
}

function tooLarge(): XmlError {
  return new XmlError('policy-violation', 'document too large');
}

function readRoot(bytes: Uint8Array): RootTag {
  let root: RootTag | undefined;
  const handlers: ScannerHandlers = {
    startTag({ tag }, depth) {
      if (depth === 1) root = rootTag(tag, READ_BEFORE);
    },
    endTag() {},
  };
  scanWhole(bytes, SHAPES.root, READ_BEFORE, handlers);
  return root as unknown as RootTag;
}

/** Collects the slices of a document while it is scanned, and is then the document. */
class Slicer implements ScannerHandlers, XmlDocument {
  readonly slices: Slice[] = [];
  empty = false;
  readonly #sliceDepth: number;
  readonly #limits: XmlLimits;
  readonly #bytes: Uint8Array;
  /** The document, where it came as text. */
  readonly #text: string | undefined;
  #root: RootTag | undefined;
  #slice: OpenSlice | undefined;
  #sliceStart = 0;
  #rootTagEnd = 0;
  /** Where the last slice ended, in bytes and in UTF-16 units. */
  #done = 0;
  #units = 0;

  constructor(slicing: 'children' | 'root', limits: XmlLimits, bytes: Uint8Array, text: string | undefined) {
    this.#sliceDepth = SHAPES[slicing].sliceDepth;
    this.#limits = limits;
    this.#bytes = bytes;
    this.#text = text;
  }

  get root(): RootTag {
    return (this.#root ??= readRoot(this.#bytes));
  }

  startTag(scanner: Scanner, depth: number): void {
    if (depth === 1) {
      this.#rootTagEnd = scanner.tagEnd;
      if (this.#sliceDepth === 1) checkInheritance(scanner.tag, this.#limits);
      else this.#root = rootTag(scanner.tag, this.#limits);
    }
    if (depth === this.#sliceDepth) this.#begin(scanner);
    else if (depth > this.#sliceDepth && isForeign(scanner.tag)) (this.#slice as OpenSlice).foreign = true;
  }

  endTag(scanner: Scanner, depth: number): void {
    if (depth === this.#sliceDepth) this.#finish(scanner);
    if (depth === 1) this.empty = this.#holdsNothing(scanner);
  }

  #begin({ tag, markupStart, source }: Scanner): void {
    if (this.slices.length >= this.#limits.maxChildren) throw new XmlError('policy-violation', 'too many elements');
    this.#units += source.isAscii ? markupStart - this.#done : source.text(this.#done, markupStart).length;
    this.#sliceStart = markupStart;
    this.#slice = openSlice(tag, this.#units, this.#root?.context ?? NO_CONTEXT);
  }

  #finish({ tagEnd, source }: Scanner): void {
    const slice = this.#slice as OpenSlice;
    const start = this.#sliceStart;
    const text = this.#text;
    // A message is one element as a rule, and then there is nothing to cut and nothing to decode.
    if (text !== undefined && start === 0 && tagEnd === source.length) slice.raw = text;
    else slice.raw = text !== undefined && source.isAscii ? text.slice(start, tagEnd) : source.text(start, tagEnd);
    slice.bytes = tagEnd - start;
    this.slices.push(slice);
    this.#done = tagEnd;
    this.#units += slice.raw.length;
  }

  #holdsNothing({ markupStart, tagEnd, source }: Scanner): boolean {
    if (tagEnd === this.#rootTagEnd) return true;
    let i = this.#rootTagEnd;
    while (i < markupStart && isS(source.bytes[i])) i++;
    return i === markupStart;
  }
}
