import { NS } from '../xml/ns.ts';
import type { Stanza } from '../xml/stanza.ts';
import { escapeText } from '../xml/write.ts';

/** A `<stream:error/>` that stands alone (RFC 6120 §4.9). Clients read the condition's own xmlns attribute. */
export function streamError(condition: string, text?: string): Stanza {
  const explained = text === undefined ? '' : `<text xmlns='${NS.streamErrors}'>${escapeText(text)}</text>`;
  const xml = `<stream:error xmlns:stream='${NS.streams}'><${condition} xmlns='${NS.streamErrors}'/>${explained}</stream:error>`;
  return { xml, name: 'error', ns: NS.streams, bytes: Buffer.byteLength(xml) };
}
