import { GatewayError } from '../core/errors.ts';
import type { StreamHeader } from '../core/ports.ts';
import { NS } from '../xml/ns.ts';
import type { Context, XmlLimits } from '../xml/reader.ts';
import { attributes } from '../xml/write.ts';
import { elementOf, headerOf, parse, type Framing, type Message } from './framing.ts';

/** The tag that opens a stream, whatever its prefix, behind an XML declaration or not. Parsing decides what it really is. */
const HEADER = /^(?:<\?xml[^>]*\?>)?[ \t\r\n]*<((?:[\w.-]+:)?stream)(?=[\s/>])/;
const END_TAG = /^[ \t\r\n]*<\/(?:[\w.-]+:)?stream[ \t\r\n]*>[ \t\r\n]*$/;

const END = '</stream:stream>';

/** True where a message opens a stream as drafts before RFC 7395 did. */
export function isOldHeader(text: string): boolean {
  return HEADER.test(text);
}

/**
 * COMPAT(node-xmpp-bosh, Strophe before 1.2): draft-moffitt-xmpp-over-websocket. The tag of `<stream:stream>` is a message, open
 * or self-closed; so is its end tag. Any number of whole elements come in a message between, and inherit from the header.
 */
export class OldFraming implements Framing {
  readonly close = END;
  /** A start and an end tag around each message, so that it inherits what the header declared. */
  #around: readonly [start: string, end: string] = ['', ''];
  /** The client's own spelling, which is mirrored. */
  #selfClosed = false;

  read(bytes: Buffer, limits: XmlLimits): readonly Message[] {
    const text = bytes.toString();
    if (isOldHeader(text)) return [{ kind: 'open', header: this.#readHeader(text, limits) }];
    if (END_TAG.test(text)) return [{ kind: 'close' }];
    const [start, end] = this.#around;
    const maxBytes = limits.maxBytes + Buffer.byteLength(start) + end.length;
    const { slices } = parse(start + text + end, 'children', { ...limits, maxBytes });
    const messages = slices.map(elementOf);
    const size = messages.reduce((sum, one) => sum + (one.kind === 'element' ? one.stanza.bytes : 0), 0);
    // Declarations of the header are copied to each element that uses them: that must not multiply what came (NS-12).
    if (size > 4 * text.length + 65_536) {
      throw new GatewayError('policy-violation', 'the declarations of the header multiply the message');
    }
    return messages;
  }

  #readHeader(text: string, limits: XmlLimits): StreamHeader {
    const tag = text.trimEnd();
    const name = HEADER.exec(tag)?.[1] ?? '';
    this.#selfClosed = tag.endsWith('/>');
    const { root, empty } = parse(this.#selfClosed ? tag : `${tag}</${name}>`, 'root', limits);
    if (root.ns !== NS.streams) throw new GatewayError('invalid-namespace', 'the stream is in another namespace');
    if (root.context.namespaces.get('') !== NS.client)
      throw new GatewayError('invalid-namespace', 'the content is not in jabber:client');
    if (!empty) throw new GatewayError('bad-format', 'a stream header has a message of its own');
    this.#around = [`<stream${declarations(root.context)}>`, '</stream>'];
    return headerOf(root);
  }

  /** Strophe wants both namespaces and the version, in double quotes or single ones. */
  open({ from, to, id, lang }: StreamHeader): string {
    const declared = `xmlns="${NS.client}" xmlns:stream="${NS.streams}"`;
    const values = attributes({ from, to, id, version: '1.0', 'xml:lang': lang });
    return `<stream:stream ${declared}${values}${this.#selfClosed ? '/>' : '>'}`;
  }

  redirect(): undefined {
    return undefined;
  }
}

/** The language is not handed on: the header towards the server says it, for all that follows (NS-08). */
function declarations({ namespaces }: Context): string {
  const named = [...namespaces].map(([prefix, ns]) => [prefix === '' ? 'xmlns' : `xmlns:${prefix}`, ns] as const);
  return attributes(Object.fromEntries(named));
}
