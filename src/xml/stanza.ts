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

export function stanzaOf(slice: Slice): Stanza {
  const xml = standAlone(slice);
  const ns = meansClient(slice) ? NS.client : slice.ns;
  return { xml, name: slice.name, ns, bytes: xml === slice.raw ? slice.bytes : Buffer.byteLength(xml) };
}
