import { standAlone } from '../xml/graft.ts';
import { NS } from '../xml/ns.ts';
import { DEFAULT_XML_LIMITS, readDocument, type Slice, type XmlLimits } from '../xml/reader.ts';
import { childOf, parseTree, type XmlElement } from '../xml/tree.ts';
import { attributes, escapeAttribute } from '../xml/write.ts';
import { parseJid, type Jid } from './jid.ts';

/** A stanza from a client. `xml` is what travels on, byte for byte but for its addresses; `tree` is for looking into it. */
export interface InboundStanza {
  readonly xml: string;
  readonly tree: XmlElement;
  readonly name: string;
  readonly type: string | undefined;
  readonly id: string | undefined;
  readonly to: Jid | undefined;
}

/** What a client may send in one piece: avatars are the largest. */
export const LIMITS: XmlLimits = { ...DEFAULT_XML_LIMITS, maxBytes: 1024 * 1024 };
/** For what was read before, and has grown since by its declarations. */
const READ_BEFORE: XmlLimits = { ...LIMITS, maxBytes: 2 * LIMITS.maxBytes, maxDeclarations: 1000 };

/** RFC 6120 §8.3.3: the conditions that this server uses, with the types that belong to them. */
const ERROR_TYPES = {
  'bad-request': 'modify',
  forbidden: 'auth',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-allowed': 'cancel',
  'remote-server-not-found': 'cancel',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
} as const;

export type StanzaCondition = keyof typeof ERROR_TYPES;

/** Thrown where a stanza is answered with an error. */
export class StanzaFault extends Error {
  readonly condition: StanzaCondition;
  constructor(condition: StanzaCondition) {
    super(condition);
    this.name = 'StanzaFault';
    this.condition = condition;
  }
}

/** Throws `StanzaFault` for an address that is none. The sender is told where the returned fault is caught. */
export function readStanza(slice: Slice): InboundStanza {
  const xml = standAlone(slice);
  const tree = parseTree(xml, READ_BEFORE);
  const to = tree.attributes.get('to');
  const jid = to === undefined || to === '' ? undefined : parseJid(to);
  const stanza = {
    xml,
    tree,
    name: tree.name,
    type: tree.attributes.get('type'),
    id: tree.attributes.get('id'),
    to: jid,
  };
  if (jid === undefined && to !== undefined && to !== '') throw new BadAddress(stanza);
  return stanza;
}

/** A stanza whose `to` cannot be understood. */
export class BadAddress extends StanzaFault {
  readonly stanza: InboundStanza;
  constructor(stanza: InboundStanza) {
    super('jid-malformed');
    this.stanza = stanza;
  }
}

// Well-formed before it comes here, so that the simple pattern is enough.
const ROOT_TAG = /^<([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/;
const ATTRIBUTE = /\s+([^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')/g;

/** The element with other attributes on its root; the rest stays as it is. */
export function withAttributes(xml: string, changes: Readonly<Record<string, string>>): string {
  return xml.replace(ROOT_TAG, (_all, name: string, old: string, slash: string) => {
    const kept = old.replace(ATTRIBUTE, (attribute, key: string) => (Object.hasOwn(changes, key) ? '' : attribute));
    return `<${name}${kept}${attributes(changes)}${slash}>`;
  });
}

/** The element with one child more. */
export function withChild(xml: string, child: string): string {
  const end = xml.lastIndexOf('</');
  if (end > 0) return `${xml.slice(0, end)}${child}${xml.slice(end)}`;
  const name = /^<([^\s/>]+)/.exec(xml)?.[1] ?? '';
  return `${xml.slice(0, xml.lastIndexOf('/>'))}>${child}</${name}>`;
}

/** A first-level child as text that stands alone, to be kept and given out again. */
export interface Child {
  readonly name: string;
  readonly ns: string;
  readonly xml: string;
}

export function childrenOf(xml: string): Child[] {
  return readDocument(xml, 'children', READ_BEFORE).slices.map((slice) => ({
    name: slice.name,
    ns: slice.ns,
    xml: standAlone(slice),
  }));
}

/** Writes an element; `content` is XML already. */
export function element(
  name: string,
  values: Readonly<Record<string, string | number | undefined>>,
  content = '',
): string {
  return content === '' ? `<${name}${attributes(values)}/>` : `<${name}${attributes(values)}>${content}</${name}>`;
}

/** The answer to a stanza that went wrong (RFC 6120 §8.3). `from` is who was spoken to. */
export function errorReply(stanza: InboundStanza, from: string, to: string, condition: StanzaCondition): string {
  const error = element('error', { type: ERROR_TYPES[condition] }, `<${condition} xmlns='${NS.stanzaErrors}'/>`);
  return element(stanza.name, { xmlns: NS.client, type: 'error', id: stanza.id, from, to }, error);
}

/** Since when a stanza has waited (XEP-0203). */
export function delay(from: string, since: Date): string {
  return `<delay xmlns='urn:xmpp:delay' from='${escapeAttribute(from)}' stamp='${since.toISOString()}'/>`;
}

/** Reads what was kept or received before. */
export function treeOf(child: Child): XmlElement {
  return parseTree(child.xml, READ_BEFORE);
}

export function hasChild(stanza: InboundStanza, name: string, ns?: string): boolean {
  return childOf(stanza.tree, name, ns) !== undefined;
}
