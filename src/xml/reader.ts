import { DEFAULT_XML_LIMITS, XmlError, type XmlLimits } from './limits.ts';
import { NS } from './ns.ts';
import type { Scanner, ScannerHandlers, ScannerShape } from './scanner.ts';
import { borrowScanner, returnScanner } from './scanners.ts';
import {
  NO_CONTEXT,
  isForeign,
  openSlice,
  rootTag,
  type Context,
  type OpenSlice,
  type RootTag,
  type Slice,
} from './slice.ts';

export { readDocument, type XmlDocument } from './document.ts';
export { DEFAULT_XML_LIMITS, XmlError, type XmlErrorCode, type XmlLimits } from './limits.ts';
export { NO_CONTEXT, type Context, type RootTag, type Slice } from './slice.ts';

/** What a stream reader tells. */
export interface StreamHandlers {
  header(root: RootTag): void;
  element(slice: Slice): void;
  /** The end tag of the stream: an orderly end. */
  end(): void;
}

const STREAM: ScannerShape = { sliceDepth: 2, isStream: true };

/**
 * Reads an endless stream (RFC 6120 §4): its header, its first-level elements as raw slices, its end tag.
 * Any split of the input gives the same slices. `write` throws `XmlError`, and then the reader is of no use.
 */
export class StreamReader implements ScannerHandlers {
  readonly #handlers: StreamHandlers;
  readonly #limits: XmlLimits;
  /** While something is unfinished, or being read. */
  #scanner: Scanner | undefined;
  /** Of the header, when it has come. */
  #rootName: string | undefined;
  #context: Context = NO_CONTEXT;
  #slice: OpenSlice | undefined;
  #stopped = false;
  /** Where the last element (or the header) ended, in the bytes that the scanner holds. */
  #done = 0;

  constructor(handlers: StreamHandlers, limits: XmlLimits = DEFAULT_XML_LIMITS) {
    this.#handlers = handlers;
    this.#limits = limits;
  }

  /** True while something follows the last complete element: an unfinished one, or white space in the same write. */
  get midway(): boolean {
    return this.#scanner !== undefined && this.#done < this.#scanner.source.length;
  }

  /** True while an element, or the header, has begun and not ended. */
  get isUnfinished(): boolean {
    return this.#scanner !== undefined && this.#scanner.source.length > 0 && !this.#stopped;
  }

  /** No handler is called any more. */
  stop(): void {
    this.#stopped = true;
    this.#scanner?.stop();
  }

  write(bytes: Uint8Array): void {
    if (this.#stopped) return;
    const scanner = (this.#scanner ??= this.#begin());
    const { source } = scanner;
    source.take(bytes);
    try {
      scanner.scan();
    } catch (error) {
      // What follows the end, in the same write, is nobody's business.
      if (!this.#stopped) throw error;
    }
    this.#done = 0;
    if (!this.#stopped) source.keep();
    if (this.#stopped || (source.length === 0 && this.#rootName !== undefined)) {
      this.#scanner = undefined;
      returnScanner(scanner);
    } else if (source.length > this.#limits.maxBytes) throw tooLarge();
  }

  #begin(): Scanner {
    const scanner = borrowScanner();
    scanner.reset(this, STREAM, this.#limits);
    if (this.#rootName !== undefined) scanner.enter(this.#rootName, this.#context.namespaces);
    return scanner;
  }

  /** For the scanner alone. */
  startTag({ tag, rootName }: Scanner, depth: number): void {
    if (depth === 1) {
      const root = rootTag(tag, this.#limits);
      this.#rootName = rootName;
      this.#context = root.context;
      this.#finish();
      this.#handlers.header(root);
      return;
    }
    if (tag.ns === NS.streams && tag.localName === 'stream') {
      throw new XmlError('bad-format', 'stream header inside a stream');
    }
    if (depth === 2) this.#slice = openSlice(tag, 0, this.#context);
    else if (isForeign(tag)) (this.#slice as OpenSlice).foreign = true;
  }

  /** For the scanner alone. */
  endTag({ source }: Scanner, depth: number): void {
    if (depth > 2) return;
    if (depth === 1) {
      this.stop();
      this.#handlers.end();
      return;
    }
    const bytes = this.#finish();
    const slice = this.#slice as OpenSlice;
    slice.bytes = bytes;
    slice.raw = source.text(0, bytes);
    this.#slice = undefined;
    this.#handlers.element(slice);
  }

  /** An element, or the header, is over; returns how many bytes it had. */
  #finish(): number {
    const { source, tagEnd } = this.#scanner as Scanner;
    if (tagEnd > this.#limits.maxBytes) throw tooLarge();
    this.#done = source.origin + tagEnd;
    return tagEnd;
  }
}

function tooLarge(): XmlError {
  return new XmlError('policy-violation', 'element too large');
}
