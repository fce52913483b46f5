import { XmlError, type XmlLimits } from './limits.ts';
import { NS } from './ns.ts';
import type { StartTag } from './start-tag.ts';

/** The namespaces and the language that an element inherits from what stands around it. */
export interface Context {
  /** Prefix → namespace; the default namespace under ''. `xml` is never in it. */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly lang: string | undefined;
}

export const NO_CONTEXT: Context = { namespaces: new Map(), lang: undefined };

/** The last context that was declared, by its first namespace: most elements declare what others did, and share one object. */
const declared = new Map<string, Context>();
const MOST_DECLARED = 256;
const LONGEST_SHARED = 64;

/** An element as it stood in the text, and what has to be known to move it elsewhere. */
export interface Slice {
  readonly raw: string;
  /** Length of `raw` in UTF-8 bytes. */
  readonly bytes: number;
  /** Where `raw` began in the document (UTF-16 units); in a stream it has no meaning. */
  readonly start: number;
  readonly qualifiedName: string;
  readonly name: string;
  readonly prefix: string;
  readonly ns: string;
  /** Declarations on the element itself. */
  readonly declared: Context;
  /** True where jabber:client or the streams namespace is spelled with another prefix than clients understand. */
  readonly foreign: boolean;
  /** What the element inherits. */
  readonly context: Context;
}

/** An opening tag: of a stream, or of a document's root. */
export interface RootTag {
  readonly name: string;
  readonly ns: string;
  /** Attributes that are no declarations, by `name`, or `{namespace}name` where they have one. */
  readonly attributes: ReadonlyMap<string, string>;
  /** What its children inherit. */
  readonly context: Context;
}

/** A slice of which the end has not come: what follows its start tag can still make it foreign. */
export type OpenSlice = { -readonly [Field in keyof Slice]: Slice[Field] };

export function openSlice(tag: StartTag, start: number, context: Context): OpenSlice {
  const { qualifiedName, prefix, ns } = tag;
  return {
    raw: '',
    bytes: 0,
    start,
    qualifiedName,
    name: prefix === '' ? qualifiedName : tag.localName,
    prefix,
    ns,
    declared: declarationsOf(tag),
    foreign: isForeign(tag),
    context,
  };
}

/** Clients match these by tag name: jabber:client goes without a prefix, streams with `stream` (conformance D2, A-31). */
export function isForeign({ prefix, ns }: StartTag): boolean {
  if (prefix === '') return ns === NS.streams;
  return ns === NS.client || (ns === NS.streams && prefix !== 'stream');
}

function declarationsOf(tag: StartTag): Context {
  const { declarations, lang } = tag;
  if (lang === undefined && declarations === 0) return NO_CONTEXT;
  const key = declarations === 0 ? '' : tag.declaredNamespace(0);
  const known = declared.get(key);
  if (known !== undefined && declares(tag, known)) return known;
  const namespaces = new Map<string, string>();
  for (let i = 0; i < declarations; i++) {
    if (tag.declaredPrefix(i) !== 'xml') namespaces.set(tag.declaredPrefix(i), tag.declaredNamespace(i));
  }
  const context = { namespaces, lang };
  if (declared.size >= MOST_DECLARED) declared.clear();
  if (key.length <= LONGEST_SHARED && (lang?.length ?? 0) <= LONGEST_SHARED) declared.set(key, context);
  return context;
}

function declares(tag: StartTag, { namespaces, lang }: Context): boolean {
  if (tag.lang !== lang || tag.declarations !== namespaces.size) return false;
  for (let i = 0; i < tag.declarations; i++) {
    if (namespaces.get(tag.declaredPrefix(i)) !== tag.declaredNamespace(i)) return false;
  }
  return true;
}

/** UTF-16 units of the namespaces that a root hands to its children. */
const MAX_INHERITED = 4096;
/** A longer xml:lang is no language tag, and is not handed on. */
const MAX_LANG = 100;

export function rootTag(tag: StartTag, limits: XmlLimits): RootTag {
  checkInheritance(tag, limits);
  const attributes = new Map<string, string>();
  for (let i = 0; i < tag.attributes; i++) {
    if (tag.isDeclaration(i)) continue;
    const ns = tag.namespaceOf(i);
    attributes.set(ns === '' ? tag.nameOf(i) : `{${ns}}${tag.localNameOf(i)}`, tag.valueOf(i));
  }
  const own = declarationsOf(tag);
  const isLang = (own.lang?.length ?? 0) <= MAX_LANG;
  const context = isLang ? own : { namespaces: own.namespaces, lang: undefined };
  return { name: tag.localName, ns: tag.ns, attributes, context };
}

/** Each child may need a copy of all that a root declares: neither number nor length may multiply the text (NS-12). */
export function checkInheritance(tag: StartTag, limits: XmlLimits): void {
  if (tag.declarations > limits.maxDeclarations) throw new XmlError('policy-violation', 'too many declarations');
  let inherited = 0;
  for (let i = 0; i < tag.declarations; i++) {
    inherited += tag.declaredPrefix(i).length + tag.declaredNamespace(i).length;
  }
  if (inherited > MAX_INHERITED) throw new XmlError('policy-violation', 'declarations too long');
}
