import { DEFAULT_XML_LIMITS, XmlError, type XmlLimits } from './limits.ts';
import { NS } from './ns.ts';
import { Scanner, type ScannerHandlers, type ScannerShape } from './scanner.ts';
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
import type { StartTag } from './start-tag.ts';

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
export class StreamReader {
  readonly #handlers: StreamHandlers;
  readonly #limits: XmlLimits;
  readonly #scanner: Scanner;
  #context: Context = NO_CONTEXT;
  #slice: OpenSlice | undefined;
  #stopped = false;
  /** Where the last element (or the header) ended, in the bytes that the scanner holds. */
  #done = 0;

  constructor(handlers: StreamHandlers, limits: XmlLimits = DEFAULT_XML_LIMITS) {
    this.#handlers = handlers;
    this.#limits = limits;
    const tags: ScannerHandlers = {
      startTag: ({ tag }, depth) => this.#startTag(tag, depth),
      endTag: (_scanner, depth) => this.#endTag(depth),
    };
    this.#scanner = new Scanner(tags, STREAM, limits);
  }

  /** True while something follows the last complete element: an unfinished one, or white space in the same write. */
  get midway(): boolean {
    return this.#done < this.#scanner.source.length;
  }

  /** True while an element, or the header, has begun and not ended. */
  get isUnfinished(): boolean {
    return this.#scanner.source.length > 0 && !this.#stopped;
  }

  /** No handler is called any more. */
  stop(): void {
    this.#stopped = true;
    this.#scanner.stop();
  }

  write(bytes: Uint8Array): void {
    if (this.#stopped) return;
    const { source } = this.#scanner;
    source.take(bytes);
    try {
      this.#scanner.scan();
    } catch (error) {
      // What follows the end, in the same write, is nobody's business.
      if (!this.#stopped) throw error;
    }
    if (this.#stopped) {
      source.clear();
      return;
    }
    source.keep();
    this.#done = 0;
    if (source.length > this.#limits.maxBytes) throw tooLarge();
  }

  #startTag(tag: StartTag, depth: number): void {
    if (depth === 1) {
      const root = rootTag(tag, this.#limits);
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

  #endTag(depth: number): void {
    if (depth > 2) return;
    if (depth === 1) {
      this.stop();
      this.#handlers.end();
      return;
    }
    const bytes = this.#finish();
    const slice = this.#slice as OpenSlice;
    slice.bytes = bytes;
    slice.raw = this.#scanner.source.text(0, bytes);
    this.#slice = undefined;
    this.#handlers.element(slice);
  }

  /** An element, or the header, is over; returns how many bytes it had. */
  #finish(): number {
    const { source, tagEnd } = this.#scanner;
    if (tagEnd > this.#limits.maxBytes) throw tooLarge();
    this.#done = source.origin + tagEnd;
    return tagEnd;
  }
}

function tooLarge(): XmlError {
  return new XmlError('policy-violation', 'element too large');
}
