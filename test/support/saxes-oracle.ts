import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { SaxesParser, type SaxesTagNS, type XMLDecl } from 'saxes';
import { DEFAULT_XML_LIMITS, XmlError, type XmlLimits } from '../../src/xml/limits.ts';
import { NS } from '../../src/xml/ns.ts';
import { NO_CONTEXT, type Context, type RootTag, type Slice } from '../../src/xml/slice.ts';

/** The readers that saxes drove before there was a scanner of our own: what that one is held against. */

type Tag = SaxesTagNS & { readonly isSelfClosing?: boolean };

/** What the parser tells. Every member is set before parsing begins, never added later. */
interface ParserHandlers {
  open(tag: Tag, depth: number, end: number): void;
  close(tag: Tag, depth: number, end: number): void;
  text?(text: string): void;
}

interface HandlerSlots {
  xmldeclHandler: unknown;
  textHandler: unknown;
  piHandler: unknown;
  doctypeHandler: unknown;
  commentHandler: unknown;
  attributeHandler: unknown;
  openTagHandler: unknown;
  closeTagHandler: unknown;
  cdataHandler: unknown;
}

/**
 * The XML parser, kept to the restricted XML of RFC 6120 §11.1: no comments, no processing instructions, no DTD, UTF-8 only.
 * Throws `XmlError`; it is of no use afterwards.
 */
class RestrictedParser extends SaxesParser<{ xmlns: true }> {
  #depth = 0;

  constructor(handlers: ParserHandlers, limits: XmlLimits) {
    super({ xmlns: true });
    // The library's .on() adds properties as it goes, and the object then leaves its fast shape: four to five times slower
    // from the seventh handler on. So every slot is assigned here, once and in the same order.
    const slots = this as unknown as HandlerSlots;
    slots.xmldeclHandler = checkDeclaration;
    slots.textHandler = handlers.text === undefined ? undefined : (text: string) => handlers.text?.(text);
    slots.piHandler = refuse;
    slots.doctypeHandler = refuse;
    slots.commentHandler = refuse;
    let attributes = 0;
    slots.attributeHandler = (attribute: QualifiedName) => {
      if (++attributes > limits.maxAttributes) throw new XmlError('policy-violation', 'too many attributes');
      checkName(attribute, limits);
    };
    slots.openTagHandler = (tag: Tag) => {
      attributes = 0;
      // Before anything else: depth is what makes the parser quadratic.
      if (++this.#depth > limits.maxDepth) throw new XmlError('policy-violation', 'elements nested too deep');
      checkName(tag, limits);
      handlers.open(tag, this.#depth, this.position);
    };
    slots.closeTagHandler = (tag: Tag) => {
      handlers.close(tag, this.#depth--, this.position);
    };
    slots.cdataHandler = slots.textHandler;
  }

  override fail(message: string): this {
    throw new XmlError('not-well-formed', message);
  }
}

interface QualifiedName {
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
}

function checkName({ name, prefix, local }: QualifiedName, limits: XmlLimits): void {
  if (name.length > limits.maxNameLength) throw new XmlError('policy-violation', 'name too long');
  // The library looks at the first character of the whole name only; each part must be a name (XML Namespaces §4).
  if (prefix !== '' && /^[\u0300-\u036f\u203f\u2040\u00b7\d.-]/.test(local)) {
    throw new XmlError('not-well-formed', `malformed name: ${name}`);
  }
}

/** The library tells of a closed element before it looks at the end tag's name; `text` ends with that tag. */
function checkEndTag(text: string, tag: Tag): void {
  if (tag.isSelfClosing) return;
  const start = text.lastIndexOf('</');
  if (text.slice(start + 2, -1).replace(/[ \t\r\n]+$/, '') !== tag.name)
    throw new XmlError('not-well-formed', 'unexpected end tag');
}

function refuse(): never {
  throw new XmlError('restricted-xml', 'comment, processing instruction or DTD');
}

function checkDeclaration(declaration: XMLDecl): void {
  if (declaration.encoding !== undefined && declaration.encoding.toLowerCase() !== 'utf-8') {
    throw new XmlError('unsupported-encoding', `encoding ${declaration.encoding.slice(0, 40)}`);
  }
  if (declaration.version !== '1.0') throw new XmlError('not-well-formed', 'XML version is not 1.0');
}

/** Decodes strictly: what is no UTF-8 is refused, never replaced. */
function decode(decoder: TextDecoder, bytes: Uint8Array | undefined, stream: boolean): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch {
    throw new XmlError('not-well-formed', 'not UTF-8');
  }
}

function declarationsOf(tag: Tag): Context {
  const namespaces = new Map<string, string>();
  for (const prefix in tag.ns) if (prefix !== 'xml') namespaces.set(prefix, tag.ns[prefix] as string);
  return { namespaces, lang: tag.attributes['xml:lang']?.value };
}

/** UTF-16 units of the namespaces that a root hands to its children. */
const MAX_INHERITED = 4096;
/** A longer xml:lang is no language tag, and is not handed on. */
const MAX_LANG = 100;

function rootTag(tag: Tag, limits: XmlLimits): RootTag {
  const attributes = new Map<string, string>();
  for (const name in tag.attributes) {
    const attribute = tag.attributes[name] as SaxesTagNS['attributes'][string];
    if (attribute.prefix === 'xmlns' || attribute.name === 'xmlns') continue;
    attributes.set(attribute.uri === '' ? attribute.local : `{${attribute.uri}}${attribute.local}`, attribute.value);
  }
  const context = declarationsOf(tag);
  // Each child may need a copy of all this: neither their number nor their length may multiply the text (NS-12).
  if (context.namespaces.size > limits.maxDeclarations) throw new XmlError('policy-violation', 'too many declarations');
  let inherited = 0;
  for (const [prefix, ns] of context.namespaces) inherited += prefix.length + ns.length;
  if (inherited > MAX_INHERITED) throw new XmlError('policy-violation', 'declarations too long');
  const lang = (context.lang?.length ?? 0) > MAX_LANG ? undefined : context.lang;
  return { name: tag.local, ns: tag.uri, attributes, context: { ...context, lang } };
}

/** Clients match these by tag name: jabber:client goes without a prefix, streams with `stream` (conformance D2, A-31). */
function isForeign(tag: Tag): boolean {
  return tag.uri === NS.client ? tag.prefix !== '' : tag.uri === NS.streams && tag.prefix !== 'stream';
}

/** Index of the first character that is not XML white space; the length where there is none. */
function skipSpace(text: string, from: number): number {
  let index = from;
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
  }
  return index;
}

/** Between elements there may be white space and nothing else, in any spelling (RFC 6120 §11.7, XEP-0124 §6). */
function elementStart(text: string, from: number): number {
  const start = skipSpace(text, from);
  if (text[start] !== '<' || text[start + 1] === '!') throw new XmlError('bad-format', 'text between elements');
  return start;
}

/** Collects what is known of one element while it is parsed. */
class SliceBuilder {
  readonly start: number;
  readonly context: Context;
  readonly #tag: Tag;
  #foreign: boolean;

  constructor(tag: Tag, start: number, context: Context) {
    this.#tag = tag;
    this.start = start;
    this.context = context;
    this.#foreign = isForeign(tag);
  }

  inside(tag: Tag): void {
    if (isForeign(tag)) this.#foreign = true;
  }

  finish(raw: string): Slice {
    const { name: qualifiedName, local: name, prefix, uri: ns } = this.#tag;
    const declared = declarationsOf(this.#tag);
    const { start, context } = this;
    return {
      raw,
      bytes: Buffer.byteLength(raw),
      start,
      qualifiedName,
      name,
      prefix,
      ns,
      declared,
      foreign: this.#foreign,
      context,
    };
  }
}

/** A whole document: its root and the root's children, or the root itself as the only slice. */
interface XmlDocument {
  readonly root: RootTag;
  readonly slices: readonly Slice[];
  /** True where the root holds neither elements nor text. */
  readonly empty: boolean;
}

/**
 * Reads one document: a BOSH `<body/>` (`children`: its payload elements are the slices) or a WebSocket message (`root`).
 * Throws `XmlError`, and then nothing of the document counts (BOSH-BODY-06).
 */
export function readSaxesDocument(
  input: Uint8Array | string,
  slicing: 'children' | 'root',
  limits: XmlLimits = DEFAULT_XML_LIMITS,
): XmlDocument {
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : input.byteLength;
  if (bytes > limits.maxBytes) throw new XmlError('policy-violation', 'document too large');
  const text = typeof input === 'string' ? input : decode(new TextDecoder('utf-8', { fatal: true }), input, false);

  const sliceDepth = slicing === 'root' ? 1 : 2;
  const slices: Slice[] = [];
  let root: RootTag | undefined;
  let builder: SliceBuilder | undefined;
  let rest = 0;
  let rootTagEnd = 0;
  let empty = true;
  const parser = new RestrictedParser(
    {
      open(tag, depth, end) {
        if (depth === 1) {
          root = rootTag(tag, limits);
          rootTagEnd = end;
          if (slicing === 'children') rest = end;
        }
        if (depth === sliceDepth) {
          if (slices.length >= limits.maxChildren) throw new XmlError('policy-violation', 'too many elements');
          const start = slicing === 'root' ? text.indexOf('<', rest) : elementStart(text, rest);
          builder = new SliceBuilder(tag, start, slicing === 'root' ? NO_CONTEXT : (root as RootTag).context);
        } else if (depth > sliceDepth) builder?.inside(tag);
      },
      close(tag, depth, end) {
        if (depth === sliceDepth && builder !== undefined) {
          slices.push(builder.finish(text.slice(builder.start, end)));
          rest = end;
        }
        if (depth === 1 && !tag.isSelfClosing) {
          checkEndTag(text.slice(text.lastIndexOf('<', end), end), tag);
          const endTag = text.lastIndexOf('<', end);
          if (slicing === 'children' && skipSpace(text, rest) !== endTag) {
            throw new XmlError('bad-format', 'text between elements');
          }
          empty = skipSpace(text, rootTagEnd) === endTag;
        }
      },
    },
    limits,
  );
  // An XML declaration shifts where the root begins; it can only stand at the very start.
  if (text.startsWith('<?xml')) rest = Math.max(0, text.indexOf('?>') + 2);
  parser.write(text).close();
  return { root: root as unknown as RootTag, slices, empty };
}

/** What comes before the first byte that is no UTF-8. */
function validPrefix(bytes: Uint8Array): string {
  let end = bytes.length;
  while (!isUtf8(bytes.subarray(0, end))) end--;
  return Buffer.from(bytes.subarray(0, end)).toString();
}

/** What a stream reader tells. */
interface StreamHandlers {
  header(root: RootTag): void;
  element(slice: Slice): void;
  /** The end tag of the stream: an orderly end. */
  end(): void;
}

/**
 * Reads an endless stream (RFC 6120 §4): its header, its first-level elements as raw slices, its end tag.
 * Any split of the input gives the same slices. `write` throws `XmlError`, and then the reader is of no use.
 */
export class SaxesStreamReader {
  readonly #handlers: StreamHandlers;
  readonly #limits: XmlLimits;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #parser: RestrictedParser;
  #context: Context = NO_CONTEXT;
  #builder: SliceBuilder | undefined;
  #headerSeen = false;
  #stopped = false;
  /** The text that is being parsed, and where it begins in the stream (UTF-16 units). */
  #chunk = '';
  #base = 0;
  /** The beginning of an unfinished element, in the pieces in which it came. Joined once, or a slow sender costs the square. */
  #head: string[] = [];
  #headLength = 0;
  /** Where the last element (or the header) ended. */
  #done = 0;

  constructor(handlers: StreamHandlers, limits: XmlLimits = DEFAULT_XML_LIMITS) {
    this.#handlers = handlers;
    this.#limits = limits;
    this.#parser = new RestrictedParser(
      {
        open: (tag, depth, end) => this.#open(tag, depth, end),
        close: (tag, depth, end) => this.#close(tag, depth, end),
      },
      limits,
    );
  }

  /** True while something follows the last complete element: an unfinished one, or white space in the same write. */
  get midway(): boolean {
    return this.#headLength > 0 || this.#done < this.#base + this.#chunk.length;
  }

  /** True while an element, or the header, has begun and not ended. */
  get isUnfinished(): boolean {
    return this.#headLength > 0 && !this.#stopped;
  }

  /** No handler is called any more. */
  stop(): void {
    this.#stopped = true;
  }

  write(bytes: Uint8Array): void {
    if (this.#stopped) return;
    let fault: Error | undefined;
    try {
      this.#chunk = decode(this.#decoder, bytes, true);
    } catch (error) {
      // What stands before the fault still counts, as it would had it come by itself.
      fault = error as Error;
      this.#chunk = validPrefix(bytes);
    }
    try {
      this.#parser.write(this.#chunk);
    } catch (error) {
      // What follows the end, in the same write, is nobody's business.
      if (!this.#stopped) throw error;
    }
    if (this.#stopped) return;
    if (fault !== undefined) throw fault;
    this.#keepRest();
  }

  #keepRest(): void {
    let rest = this.#headLength > 0 ? this.#chunk : this.#chunk.slice(Math.max(0, this.#done - this.#base));
    this.#base += this.#chunk.length;
    this.#chunk = '';
    if (this.#headLength === 0 && this.#headerSeen) {
      const start = skipSpace(rest, 0);
      if (start === rest.length) rest = '';
      else if (rest[start] !== '<') throw new XmlError('bad-format', 'text between elements');
    }
    if (rest === '') return;
    this.#head.push(rest);
    this.#headLength += rest.length;
    if (this.#headLength > this.#limits.maxBytes) throw new XmlError('policy-violation', 'element too large');
  }

  /** The text from the last element's end to `end`. */
  #takeUntil(end: number): string {
    const inChunk = end - this.#base;
    if (this.#headLength === 0) return this.#chunk.slice(Math.max(0, this.#done - this.#base), inChunk);
    this.#head.push(this.#chunk.slice(0, inChunk));
    const text = this.#head.join('');
    this.#head = [];
    this.#headLength = 0;
    return text;
  }

  #open(tag: Tag, depth: number, end: number): void {
    if (this.#stopped) return;
    if (depth === 1) {
      const root = rootTag(tag, this.#limits);
      this.#takeUntil(end);
      this.#done = end;
      this.#headerSeen = true;
      this.#context = root.context;
      this.#handlers.header(root);
      return;
    }
    if (tag.uri === NS.streams && tag.local === 'stream')
      throw new XmlError('bad-format', 'stream header inside a stream');
    if (depth === 2) this.#builder = new SliceBuilder(tag, 0, this.#context);
    else this.#builder?.inside(tag);
  }

  #close(tag: Tag, depth: number, end: number): void {
    if (this.#stopped || depth > 2) return;
    const text = this.#takeUntil(end);
    checkEndTag(text, tag);
    this.#done = end;
    const start = elementStart(text, 0);
    if (depth === 1) {
      this.#stopped = true;
      this.#handlers.end();
      return;
    }
    const raw = start === 0 ? text : text.slice(start);
    if (raw.length > this.#limits.maxBytes || Buffer.byteLength(raw) > this.#limits.maxBytes) {
      throw new XmlError('policy-violation', 'element too large');
    }
    this.#handlers.element((this.#builder as SliceBuilder).finish(raw));
  }
}
