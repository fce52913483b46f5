import { XmlError, type XmlLimits } from './limits.ts';
import type { Scope } from './scope.ts';
import type { Source } from './source.ts';
import { attValue } from './text.ts';

/** Of each attribute: where its name begins, its colon (or -1), where its name ends, where its value begins and ends, its kind. */
const NAME = 0;
const COLON = 1;
const NAME_END = 2;
const VALUE = 3;
const VALUE_END = 4;
const KIND = 5;
const FIELDS = 6;

/** The value is what is written: there are no references and no line ends in it. */
const IS_PLAIN = 1;
/** It declares a namespace. */
const DECLARES = 2;

/** Up to here each name is held against each other one; from here on a set costs less. */
const FEW = 8;

const XMLNS = Buffer.from('xmlns');

/**
 * The tag that is being read, or was read last, as places in the source. Strings are made of it when they are asked for, which
 * can be done until the scanner goes on.
 */
export class StartTag {
  /** The element's prefix, '' where it has none, and its namespace, '' where it has none. */
  prefix = '';
  ns = '';
  /** Where the element's name begins and ends. */
  nameStart = 0;
  nameEnd = 0;
  /** How many attributes there are, declarations among them. */
  attributes = 0;
  /** How many of them are declarations. */
  declarations = 0;
  #colon = -1;
  #prefixed = 0;
  readonly #places: number[] = [];
  readonly #declaredPrefixes: string[] = [];
  readonly #declaredNamespaces: string[] = [];
  readonly #source: Source;
  readonly #scope: Scope;

  constructor(source: Source, scope: Scope) {
    this.#source = source;
    this.#scope = scope;
  }

  begin(nameStart: number, colon: number, nameEnd: number): void {
    this.nameStart = nameStart;
    this.#colon = colon;
    this.nameEnd = nameEnd;
    this.attributes = this.declarations = this.#prefixed = 0;
  }

  add(name: number, colon: number, nameEnd: number, value: number, valueEnd: number, isPlain: boolean): void {
    const at = this.attributes++ * FIELDS;
    const places = this.#places;
    places[at + NAME] = name;
    places[at + COLON] = colon;
    places[at + NAME_END] = nameEnd;
    places[at + VALUE] = value;
    places[at + VALUE_END] = valueEnd;
    places[at + KIND] = isPlain ? IS_PLAIN : 0;
    if (colon >= 0) this.#prefixed++;
  }

  /** The element's name as it is written. */
  get qualifiedName(): string {
    return this.#source.name(this.nameStart, this.nameEnd);
  }

  get localName(): string {
    return this.#source.name(this.#colon < 0 ? this.nameStart : this.#colon + 1, this.nameEnd);
  }

  /** The prefix and the namespace of a declaration; '' for the default namespace. */
  declaredPrefix(declaration: number): string {
    return this.#declaredPrefixes[declaration] as string;
  }

  declaredNamespace(declaration: number): string {
    return this.#declaredNamespaces[declaration] as string;
  }

  isDeclaration(attribute: number): boolean {
    return (this.#place(attribute, KIND) & DECLARES) !== 0;
  }

  /** The name of an attribute as it is written. */
  nameOf(attribute: number): string {
    return this.#source.name(this.#place(attribute, NAME), this.#place(attribute, NAME_END));
  }

  prefixOf(attribute: number): string {
    const colon = this.#place(attribute, COLON);
    return colon < 0 ? '' : this.#source.name(this.#place(attribute, NAME), colon);
  }

  localNameOf(attribute: number): string {
    const colon = this.#place(attribute, COLON);
    return this.#source.name(colon < 0 ? this.#place(attribute, NAME) : colon + 1, this.#place(attribute, NAME_END));
  }

  /** The namespace of an attribute, '' where it has none: the default namespace is not for attributes. */
  namespaceOf(attribute: number): string {
    const prefix = this.prefixOf(attribute);
    return prefix === '' ? '' : (this.#scope.resolve(prefix) ?? '');
  }

  valueOf(attribute: number): string {
    const written = this.#source.text(this.#place(attribute, VALUE), this.#place(attribute, VALUE_END));
    return (this.#place(attribute, KIND) & IS_PLAIN) !== 0 ? written : attValue(written);
  }

  /** What the element says of its language itself. */
  get lang(): string | undefined {
    if (this.#prefixed === 0) return undefined;
    for (let i = 0; i < this.attributes; i++) if (this.nameOf(i) === 'xml:lang') return this.valueOf(i);
    return undefined;
  }

  #place(attribute: number, field: number): number {
    return this.#places[attribute * FIELDS + field] as number;
  }

  /**
   * What can be checked when the whole tag is there: names are short and unique, prefixes are declared. Puts its declarations
   * in force. Throws `XmlError`.
   */
  settle(limits: XmlLimits): void {
    this.#checkLength(this.nameStart, this.nameEnd, limits);
    for (let i = 0; i < this.attributes; i++) {
      this.#checkLength(this.#place(i, NAME), this.#place(i, NAME_END), limits);
      if (this.#declares(i)) this.#declare(i);
    }
    this.#resolve();
    if (this.attributes > 1) this.#checkUnique();
    if (this.#prefixed > 0) this.#checkPrefixes();
  }

  #checkLength(start: number, end: number, limits: XmlLimits): void {
    // The limit is in UTF-16 units, of which there are never more than bytes.
    if (end - start > limits.maxNameLength && this.#source.name(start, end).length > limits.maxNameLength) {
      throw new XmlError('policy-violation', 'name too long');
    }
  }

  /** PrefixedAttName or DefaultAttName (Namespaces in XML §3). */
  #declares(attribute: number): boolean {
    const { bytes, origin } = this.#source;
    const start = this.#place(attribute, NAME);
    const colon = this.#place(attribute, COLON);
    if ((colon < 0 ? this.#place(attribute, NAME_END) : colon) - start !== XMLNS.length) return false;
    for (let at = 0; at < XMLNS.length; at++) if (bytes[origin + start + at] !== XMLNS[at]) return false;
    return true;
  }

  #declare(attribute: number): void {
    const prefix = this.#place(attribute, COLON) < 0 ? '' : this.localNameOf(attribute);
    const written = this.#source.name(this.#place(attribute, VALUE), this.#place(attribute, VALUE_END));
    const kind = this.#place(attribute, KIND);
    const ns = (kind & IS_PLAIN) !== 0 ? written : attValue(written);
    this.#scope.declare(prefix, ns);
    this.#places[attribute * FIELDS + KIND] = kind | DECLARES;
    this.#declaredPrefixes[this.declarations] = prefix;
    this.#declaredNamespaces[this.declarations] = ns;
    this.declarations++;
  }

  #resolve(): void {
    if (this.#colon < 0) {
      this.prefix = '';
      this.ns = this.#scope.default;
    } else {
      this.prefix = this.#source.name(this.nameStart, this.#colon);
      this.ns = this.#namespaceFor(this.prefix);
    }
  }

  /** Constraint: Prefix Declared. `xmlns` is a prefix for declarations alone (Namespaces in XML §3, §5). */
  #namespaceFor(prefix: string): string {
    const ns = this.#scope.resolve(prefix);
    if (ns === undefined) throw new XmlError('not-well-formed', `unbound prefix ${prefix.slice(0, 40)}`);
    return ns;
  }

  /** Constraint: Unique Att Spec (XML 1.0 §3.1). */
  #checkUnique(): void {
    const count = this.attributes;
    if (count > FEW) {
      const names = new Set<string>();
      for (let i = 0; i < count; i++) names.add(this.nameOf(i));
      if (names.size < count) throw duplicate();
      return;
    }
    for (let i = 1; i < count; i++) {
      const length = this.#place(i, NAME_END) - this.#place(i, NAME);
      for (let j = 0; j < i; j++) {
        const isAsLong = this.#place(j, NAME_END) - this.#place(j, NAME) === length;
        if (isAsLong && this.#isSameName(i, j, length)) throw duplicate();
      }
    }
  }

  #isSameName(one: number, other: number, length: number): boolean {
    const { bytes, origin } = this.#source;
    const first = this.#place(one, NAME);
    const second = this.#place(other, NAME);
    for (let at = 0; at < length; at++) if (bytes[origin + first + at] !== bytes[origin + second + at]) return false;
    return true;
  }

  /** Constraints: Prefix Declared, Attributes Unique (Namespaces in XML §5, §6.3). */
  #checkPrefixes(): void {
    if (this.attributes <= FEW) {
      for (let i = 0; i < this.attributes; i++) if (this.#isPrefixed(i)) this.#checkPrefix(i);
      return;
    }
    /** Local name → namespaces. */
    const seen = new Map<string, Set<string>>();
    for (let i = 0; i < this.attributes; i++) {
      if (!this.#isPrefixed(i)) continue;
      const ns = this.#namespaceFor(this.prefixOf(i));
      const name = this.localNameOf(i);
      const namespaces = seen.get(name);
      if (namespaces === undefined) seen.set(name, new Set([ns]));
      else if (namespaces.has(ns)) throw duplicate();
      else namespaces.add(ns);
    }
  }

  #isPrefixed(attribute: number): boolean {
    return this.#place(attribute, COLON) >= 0 && !this.isDeclaration(attribute);
  }

  /** Holds it against those before it. */
  #checkPrefix(attribute: number): void {
    const ns = this.#namespaceFor(this.prefixOf(attribute));
    for (let i = 0; i < attribute; i++) {
      if (!this.#isPrefixed(i) || this.namespaceOf(i) !== ns) continue;
      if (this.localNameOf(i) === this.localNameOf(attribute)) throw duplicate();
    }
  }
}

function duplicate(): XmlError {
  return new XmlError('not-well-formed', 'duplicate attribute');
}
