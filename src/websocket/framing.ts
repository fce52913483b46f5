import { GatewayError } from '../core/errors.ts';
import type { Stanza, StreamHeader } from '../core/ports.ts';
import { isNegotiation } from '../stream/negotiation.ts';
import { NS } from '../xml/ns.ts';
import { XmlError, readDocument, type RootTag, type XmlLimits } from '../xml/reader.ts';
import { stanzaOf } from '../xml/stanza.ts';
import { attributes } from '../xml/write.ts';

/** What one WebSocket message says (RFC 7395 §3.3). */
export type Message =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'open'; readonly header: StreamHeader }
  | { readonly kind: 'close' }
  | { readonly kind: 'element'; readonly stanza: Stanza };

/**
 * Reads one message: one whole element. White space and an XML declaration are let pass and go no further (conformance A-24).
 * Throws `GatewayError`, and then nothing of the message counts.
 */
export function parseMessage(text: string, limits: XmlLimits): Message {
  const trimmed = text.replace(/^[ \t\r\n]+/, '');
  if (trimmed === '') return { kind: 'nothing' };
  if (!trimmed.startsWith('<')) throw new GatewayError('not-well-formed', 'a message begins with <');
  // White space in front of an XML declaration is an error, in front of an element it is not.
  const { root, slices, empty } = read(text.startsWith('<') ? text : rejectDeclaration(trimmed), limits);
  const [slice] = slices;
  if (slice === undefined) throw new GatewayError('not-well-formed', 'there is no element');
  const { ns, name } = slice;
  if (ns === NS.framing || name === 'open' || name === 'close') {
    if (ns === NS.framing && name === 'open' && empty) return { kind: 'open', header: headerOf(root) };
    if (ns === NS.framing && name === 'close' && empty) return { kind: 'close' };
    if (ns === NS.framing) throw new GatewayError('bad-format', `<${name.slice(0, 40)}/> is no frame`);
    throw new GatewayError('invalid-namespace', `<${name}/> in ${ns.slice(0, 80)}`); // RFC 7395 §3.3.2
  }
  // Each message declares all it needs (RFC 7395 §3.3.3; NSV-32), and is a client's (WS-NS-01).
  if (ns === '' || ns === NS.httpbind)
    throw new GatewayError('invalid-namespace', `<${name.slice(0, 40)}/> has no namespace`);
  if (ns === NS.streams && name !== 'error')
    throw new GatewayError('bad-format', 'clients send no such stream element');
  if (isNegotiation(slice)) throw new GatewayError('policy-violation', 'TLS and compression are not negotiated here');
  return { kind: 'element', stanza: stanzaOf(slice) };
}

function rejectDeclaration(text: string): string {
  if (text.startsWith('<?')) throw new GatewayError('not-well-formed', 'the XML declaration is not at the start');
  return text;
}

function read(text: string, limits: XmlLimits) {
  try {
    return readDocument(text, 'root', limits);
  } catch (error) {
    if (error instanceof XmlError) throw new GatewayError(error.code, error.message, { cause: error });
    throw error;
  }
}

function headerOf({ attributes: values, context }: RootTag): StreamHeader {
  return { to: values.get('to'), from: values.get('from'), version: values.get('version'), lang: context.lang };
}

/** `<open/>` as Strophe and Smack want it: its first six characters, the default namespace, self-closed (WS-OPEN-04). */
export function renderOpen({ from, to, id, lang }: StreamHeader): string {
  return `<open xmlns="${NS.framing}"${attributes({ from, to, id, version: '1.0', 'xml:lang': lang })}/>`;
}

/** Strophe compares the whole string (WS-CLOSE-03). */
export const CLOSE = `<close xmlns="${NS.framing}" />`;
