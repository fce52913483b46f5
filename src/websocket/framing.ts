import { GatewayError } from '../core/errors.ts';
import type { Stanza, StreamHeader } from '../core/ports.ts';
import { isNegotiation } from '../stream/negotiation.ts';
import { NS } from '../xml/ns.ts';
import { XmlError, readDocument, type RootTag, type Slice, type XmlDocument, type XmlLimits } from '../xml/reader.ts';
import { stanzaOf } from '../xml/stanza.ts';
import { attributes } from '../xml/write.ts';

/** What one element, or the tag of a stream, says. */
export type Message =
  | { readonly kind: 'open'; readonly header: StreamHeader }
  | { readonly kind: 'close' }
  | { readonly kind: 'element'; readonly stanza: Stanza };

/** How a stream is cut into WebSocket messages. */
export interface Framing {
  /** Throws `GatewayError`, and then nothing of the message counts. White space alone says nothing (conformance A-24). */
  read(bytes: Buffer, limits: XmlLimits): readonly Message[];
  /** The answer to the client's opening. */
  open(header: StreamHeader): string;
  /** What ends the stream. */
  readonly close: string;
  /** What sends a client elsewhere in place of an opening; undefined where the framing has no word for it. */
  redirect(uri: string): string | undefined;
}

/** RFC 7395 §3.3: one whole element a message, `<open/>` and `<close/>`. */
export const FRAMING: Framing = {
  read: readMessage,
  /** As Strophe and Smack want it: its first six characters, the default namespace, self-closed (WS-OPEN-04). */
  open: ({ from, to, id, lang }) =>
    `<open xmlns="${NS.framing}"${attributes({ from, to, id, version: '1.0', 'xml:lang': lang })}/>`,
  /** Strophe compares the whole string (WS-CLOSE-03). */
  close: `<close xmlns="${NS.framing}" />`,
  redirect: (uri) => `<close xmlns="${NS.framing}"${attributes({ 'see-other-uri': uri })} />`,
};

/** White space and an XML declaration are let pass and go no further (conformance A-24). */
function readMessage(bytes: Buffer, limits: XmlLimits): Message[] {
  let start = 0;
  while (SPACES.has(bytes[start] ?? 0)) start++;
  if (start === bytes.length) return [];
  if (bytes[start] !== LESS_THAN) throw new GatewayError('not-well-formed', 'a message begins with <');
  // White space in front of an XML declaration is an error, in front of an element it is not.
  if (start > 0 && bytes[start + 1] === QUESTION)
    throw new GatewayError('not-well-formed', 'the XML declaration is not at the start');
  const document = parse(start === 0 ? bytes : bytes.subarray(start), 'root', limits);
  const { slices, empty } = document;
  const [slice] = slices;
  if (slice === undefined) throw new GatewayError('not-well-formed', 'there is no element');
  const { ns, name } = slice;
  if (ns === NS.framing && name === 'open' && empty) return [{ kind: 'open', header: headerOf(document.root) }];
  if (ns === NS.framing && name === 'close' && empty) return [{ kind: 'close' }];
  if (ns !== NS.framing && (name === 'open' || name === 'close'))
    throw new GatewayError('invalid-namespace', `<${name}/> in ${ns.slice(0, 80)}`); // RFC 7395 §3.3.2
  return [elementOf(slice)];
}

const SPACES = new Set(Buffer.from(' \t\r\n'));
const LESS_THAN = 0x3c;
const QUESTION = 0x3f;

/** `readDocument`, with the errors of a stream. */
export function parse(input: Buffer | string, slicing: 'root' | 'children', limits: XmlLimits): XmlDocument {
  try {
    return readDocument(input, slicing, limits);
  } catch (error) {
    if (error instanceof XmlError) throw new GatewayError(error.code, error.message, { cause: error });
    throw error;
  }
}

/** What a client may send to its server, made to stand alone. Throws `GatewayError`. */
export function elementOf(slice: Slice): Message {
  const { ns, name } = slice;
  if (ns === NS.framing) throw new GatewayError('bad-format', `<${name.slice(0, 40)}/> is no frame`);
  // Each message declares all it needs (RFC 7395 §3.3.3; NSV-32), and is a client's (WS-NS-01).
  if (ns === '' || ns === NS.httpbind)
    throw new GatewayError('invalid-namespace', `<${name.slice(0, 40)}/> has no namespace`);
  if (ns === NS.streams && name !== 'error')
    throw new GatewayError('bad-format', 'clients send no such stream element');
  if (isNegotiation(slice)) throw new GatewayError('policy-violation', 'that is not negotiated here');
  return { kind: 'element', stanza: stanzaOf(slice) };
}

export function headerOf({ attributes: values, context }: RootTag): StreamHeader {
  return { to: values.get('to'), from: values.get('from'), version: values.get('version'), lang: context.lang };
}
