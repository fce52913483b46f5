import { DEFAULT_XML_LIMITS, type XmlLimits } from './limits.ts';
import { parse } from './parse.ts';

/** An element as a tree. For the rare element that the gateway itself has to understand; stanzas in flight never become one. */
export interface XmlElement {
  readonly name: string;
  readonly ns: string;
  readonly prefix: string;
  /** By qualified name as written, without declarations. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly (XmlElement | string)[];
}

/** Reads one stand-alone element. Throws `XmlError`. */
export function parseTree(xml: string, limits: XmlLimits = DEFAULT_XML_LIMITS): XmlElement {
  let root: XmlElement | undefined;
  const open: { children: (XmlElement | string)[] }[] = [];
  parse(
    xml,
    {
      open({ name, ns, prefix, attributes }) {
        const values = new Map<string, string>();
        for (const { name, value, isDeclaration } of attributes) if (!isDeclaration) values.set(name, value);
        const element = { name, ns, prefix, attributes: values, children: [] };
        open.at(-1)?.children.push(element);
        root ??= element;
        open.push(element);
      },
      close() {
        open.pop();
      },
      text(text) {
        open.at(-1)?.children.push(text);
      },
    },
    limits,
  );
  return root as unknown as XmlElement;
}

/** The first child element with that name, in that namespace where one is given. */
export function childOf(element: XmlElement, name: string, ns?: string): XmlElement | undefined {
  for (const child of element.children) {
    if (typeof child !== 'string' && child.name === name && (ns === undefined || child.ns === ns)) return child;
  }
  return undefined;
}

export function elementsOf(element: XmlElement): XmlElement[] {
  return element.children.filter((child): child is XmlElement => typeof child !== 'string');
}

/** The element and all within it, in the order of the text. */
export function* withDescendants(element: XmlElement): Generator<XmlElement> {
  yield element;
  for (const child of elementsOf(element)) yield* withDescendants(child);
}

/** All character data directly inside the element. */
export function textOf(element: XmlElement): string {
  return element.children.filter((child): child is string => typeof child === 'string').join('');
}
