import { XmlError, readDocument } from './reader.ts';
import { stanzaOf, type Stanza } from './stanza.ts';

/** An element that somebody has written, as it goes through the gateway: checked, and counted. Throws `XmlError`. */
export function readStanza(xml: string): Stanza {
  const [slice] = readDocument(xml, 'root').slices;
  if (slice === undefined) throw new XmlError('not-well-formed', 'there is no element');
  return stanzaOf(slice);
}
