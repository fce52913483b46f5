import { ParseOption, XmlDocument, XmlElement, XmlParseError, XmlText } from 'libxml2-wasm';

/**
 * XML documents as infosets, by a parser that has nothing in common with ours.
 *
 * The notation is the one of the namespace vectors: `{namespace}local[@attr="v"] lang="x"(children)`. `lang` is the effective
 * language of the root; attributes are sorted, text is merged, prefixes and declarations are gone.
 */

const XML_NS = 'http://www.w3.org/XML/1998/namespace';

export interface InfosetOptions {
  /** Which language of the root is told: the one in force, the one it declares itself, or none. */
  readonly lang?: 'effective' | 'own' | 'none';
}

/** The infoset of a whole document. Throws where the document is not namespace-well-formed. */
export function infoset(xml: string | Uint8Array, { lang = 'effective' }: InfosetOptions = {}): string {
  const document = parse(xml);
  try {
    return describe(document.root, lang === 'none' ? undefined : langOf(document.root));
  } finally {
    document.dispose();
  }
}

/** The infosets of the root's child elements. Text between them must be white space. */
export function childInfosets(xml: string | Uint8Array, { lang = 'effective' }: InfosetOptions = {}): string[] {
  const document = parse(xml);
  try {
    const inherited = lang === 'effective' ? langOf(document.root) : undefined;
    return childrenOf(document.root).flatMap((child) => {
      if (child instanceof XmlElement) {
        return [describe(child, lang === 'none' ? undefined : (langOf(child) ?? inherited))];
      }
      if (/[^ \t\r\n]/.test(child)) throw new Error(`text between elements: ${JSON.stringify(child)}`);
      return [];
    });
  } finally {
    document.dispose();
  }
}

/** What libxml2, namespace-aware and without a DTD, finds wrong; nothing where it is content. */
export function faultsOf(xml: string | Uint8Array): string[] {
  try {
    parse(xml).dispose();
    return [];
  } catch (error) {
    if (!(error instanceof XmlParseError)) throw error;
    return error.details.map(({ message }) => message.trim());
  }
}

/**
 * CDATA sections become part of the text around them: what follows one would be a node of its own, and libxml2-wasm drops U+FEFF
 * where a long node begins with it.
 */
const MERGED = { option: ParseOption.XML_PARSE_NOCDATA };

function parse(xml: string | Uint8Array): XmlDocument {
  return typeof xml === 'string' ? XmlDocument.fromString(xml, MERGED) : XmlDocument.fromBuffer(xml, MERGED);
}

function langOf(element: XmlElement): string | undefined {
  return element.attrs.find((attribute) => attribute.namespaceUri === XML_NS && attribute.name === 'lang')?.value;
}

function childrenOf(element: XmlElement): (XmlElement | string)[] {
  const children: (XmlElement | string)[] = [];
  for (let node = element.firstChild; node !== null; node = node.next) {
    if (node instanceof XmlElement) children.push(node);
    else if (node instanceof XmlText) {
      const before = children.at(-1);
      if (typeof before === 'string') children[children.length - 1] = before + node.content;
      else children.push(node.content);
    } else throw new Error(`not restricted XML: ${node.constructor.name}`);
  }
  return children.filter((child) => child !== '');
}

/** `lang` is given for the root alone, whose own xml:lang is then not listed as an attribute. */
function describe(element: XmlElement, lang?: string, isRoot = true): string {
  const attributes = element.attrs
    .filter((attribute) => !(isRoot && attribute.namespaceUri === XML_NS && attribute.name === 'lang'))
    .map((attribute) => {
      const ns = attribute.namespaceUri;
      const name = ns === '' ? attribute.name : ns === XML_NS ? `xml:${attribute.name}` : `{${ns}}${attribute.name}`;
      return `@${name}=${JSON.stringify(attribute.value)}`;
    })
    .toSorted();
  const children = childrenOf(element).map((child) =>
    typeof child === 'string' ? JSON.stringify(child) : describe(child, undefined, false),
  );
  const head = `{${element.namespaceUri}}${element.name}`;
  const listed = attributes.length > 0 ? `[${attributes.join(', ')}]` : '';
  const language = lang === undefined ? '' : ` lang=${JSON.stringify(lang)}`;
  return `${head}${listed}${language}${children.length > 0 ? `(${children.join(', ')})` : ''}`;
}
