import type { Stanza } from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { readDocument, type Slice } from '../xml/reader.ts';

/** TLS is the gateway's business, and nobody else may compress (XBOSH-10, WS-FEAT-01/02). */
function isHidden({ name, ns }: Slice): boolean {
  return (name === 'starttls' && ns === NS.tls) || (name === 'compression' && ns === NS.compressFeature);
}

export function offersStarttls(features: Stanza): boolean {
  if (!features.xml.includes(NS.tls)) return false;
  return readDocument(features.xml, 'children', READ_BEFORE).slices.some(
    ({ name, ns }) => name === 'starttls' && ns === NS.tls,
  );
}

/** `<stream:features/>` as a client may see it; what stays is byte for byte the server's, in its order. */
export function clientFeatures(features: Stanza): Stanza {
  const { xml } = features;
  if (!xml.includes(NS.tls) && !xml.includes(NS.compressFeature)) return features;
  let kept = '';
  let from = 0;
  for (const slice of readDocument(xml, 'children', READ_BEFORE).slices.filter(isHidden)) {
    kept += xml.slice(from, slice.start);
    from = slice.start + slice.raw.length;
  }
  kept += xml.slice(from);
  return { ...features, xml: kept, bytes: Buffer.byteLength(kept) };
}
