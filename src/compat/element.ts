import { NS } from '../xml/ns.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { parse } from '../xml/parse.ts';
import { readDocument } from '../xml/reader.ts';
import { stanzaOf, type Stanza } from '../xml/stanza.ts';
import { attributes, escapeText } from '../xml/write.ts';

export type Attributes = Record<string, string | number | undefined>;
export type Node = Element | string;

/** An element with the names and methods of ltx, which node-xmpp-bosh gave to its listeners. */
export class Element {
  name: string;
  attrs: Attributes;
  children: Node[] = [];
  parent: Element | null = null;

  constructor(name: string, attrs: Attributes | string = {}) {
    this.name = name;
    this.attrs = typeof attrs === 'string' ? { xmlns: attrs } : { ...attrs };
  }

  /** Without its prefix. */
  getName(): string {
    return this.name.slice(this.name.indexOf(':') + 1);
  }

  getNS(): string | undefined {
    const colon = this.name.indexOf(':');
    return this.findNS(colon < 0 ? undefined : this.name.slice(0, colon));
  }

  /** The namespace of a prefix, or the default one. */
  findNS(prefix?: string): string | undefined {
    const declared = this.attrs[prefix === undefined ? 'xmlns' : `xmlns:${prefix}`];
    return declared === undefined ? this.parent?.findNS(prefix) : String(declared);
  }

  is(name: string, xmlns?: string): boolean {
    return this.getName() === name && (xmlns === undefined || this.getNS() === xmlns);
  }

  attr(name: string, value?: string | null): string | number | undefined {
    if (value === null) delete this.attrs[name];
    else if (value !== undefined) this.attrs[name] = value;
    return this.attrs[name];
  }

  getChildElements(): Element[] {
    return this.children.filter((child) => child instanceof Element);
  }

  getChildren(name: string, xmlns?: string): Element[] {
    return this.getChildElements().filter((child) => child.is(name, xmlns));
  }

  getChild(name: string, xmlns?: string): Element | undefined {
    return this.getChildren(name, xmlns)[0];
  }

  getText(): string {
    return this.children.filter((child) => typeof child === 'string').join('');
  }

  getChildText(name: string, xmlns?: string): string | null {
    return this.getChild(name, xmlns)?.getText() ?? null;
  }

  /** Adds a child and returns it. */
  c(name: string, attrs?: Attributes | string): Element {
    return this.cnode(new Element(name, attrs));
  }

  cnode(child: Element): Element {
    child.parent = this;
    this.children.push(child);
    return child;
  }

  /** Adds text and returns the element itself. */
  t(text: string): this {
    this.children.push(text);
    return this;
  }

  up(): Element {
    return this.parent ?? this;
  }

  root(): Element {
    return this.parent?.root() ?? this;
  }

  remove(child: Element | string, xmlns?: string): this {
    const isGone = (one: Node): boolean =>
      typeof child === 'string' ? one instanceof Element && one.is(child, xmlns) : one === child;
    this.children = this.children.filter((one) => !isGone(one));
    return this;
  }

  clone(): Element {
    const copy = new Element(this.name, this.attrs);
    for (const child of this.children) {
      if (typeof child === 'string') copy.t(child);
      else copy.cnode(child.clone());
    }
    return copy;
  }

  toString(): string {
    const content = this.children.map((child) => (typeof child === 'string' ? escapeText(child) : child.toString()));
    const head = `<${this.name}${attributes(this.attrs)}`;
    return content.length === 0 ? `${head}/>` : `${head}>${content.join('')}</${this.name}>`;
  }
}

/** The tree of text that was read before: one element. */
export function parseElement(xml: string): Element {
  let root: Element | undefined;
  let open: Element | null = null;
  parse(xml, {
    open({ qualifiedName, attributes }) {
      const values = attributes.map(({ name, value }) => [name, value] as const);
      const element = new Element(qualifiedName, Object.fromEntries(values));
      open?.cnode(element);
      root ??= element;
      open = element;
    },
    close() {
      open = open?.parent ?? null;
    },
    text(text) {
      open?.t(text);
    },
  });
  return root as Element;
}

const STREAM = `<stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}'>`;

/** What a program gives as a stanza: an element of ours, of ltx, or text. Throws where that is no XML. */
export function stanzasOf(given: unknown): Stanza[] {
  // Inside a stream, elements without a namespace of their own are stanzas.
  const { slices } = readDocument(`${STREAM}${String(given)}</stream:stream>`, 'children', READ_BEFORE);
  return slices.map(stanzaOf);
}
