import { meansClient, standAlone } from './graft.ts';
import { NS } from './ns.ts';
import type { Slice } from './slice.ts';

/**
 * One first-level element of a stream, in flight.
 * `xml` stands alone: it declares every namespace and carries every xml:lang that it needs (RFC 6120 §4.8, RFC 7395 §3.3.3).
 */
export interface Stanza {
  readonly xml: string;
  /** Local name of the root element. */
  readonly name: string;
  /** Namespace of the root element. */
  readonly ns: string;
  /** Length of `xml` in UTF-8 bytes. */
  readonly bytes: number;
}

/** Of the gateway's own reading, so that its length is known to be right; what plugs make is measured where it matters. */
class ReadStanza implements Stanza {
  readonly xml: string;
  readonly name: string;
  readonly ns: string;
  readonly bytes: number;

  constructor(xml: string, name: string, ns: string, bytes: number) {
    this.xml = xml;
    this.name = name;
    this.ns = ns;
    this.bytes = bytes;
  }
}

export function stanzaOf(slice: Slice): Stanza {
  const xml = standAlone(slice);
  const ns = meansClient(slice) ? NS.client : slice.ns;
  return new ReadStanza(xml, slice.name, ns, xml === slice.raw ? slice.bytes : Buffer.byteLength(xml));
}

/** Length of a stanza in UTF-8 bytes, whatever it says of itself. */
export function byteLengthOf(stanza: Stanza): number {
  return stanza instanceof ReadStanza ? stanza.bytes : Buffer.byteLength(stanza.xml);
}
