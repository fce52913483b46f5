import type { Stanza, Target } from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { readDocument, type Slice } from '../xml/reader.ts';
import { childOf, parseTree } from '../xml/tree.ts';

/** What the gateway can do for a client, and so what of the server's features it may see. */
export interface FeatureRules {
  /** The largest stanza that is taken from a client. */
  readonly maxBytes: number;
  /** Whether EXTERNAL may be offered: with a certificate of the gateway's own it would mean the gateway. */
  readonly external: boolean;
}

/** TLS is the gateway's business, and nobody else may compress (XBOSH-10, WS-FEAT-01/02). */
function isHidden({ name, ns }: Slice): boolean {
  return (name === 'starttls' && ns === NS.tls) || (name === 'compression' && ns === NS.compressFeature);
}

/** What the features of a stream in clear lead to (RFC 6120 §5.4.1), with what is wanted there. */
export function tlsStep(features: Stanza, tls: Target['tls'] | undefined): 'starttls' | 'go on' | 'give up' {
  const mayBeClear = tls === 'optional' || tls === 'if-required';
  const tree = features.xml.includes(NS.tls) ? parseTree(features.xml, READ_BEFORE) : undefined;
  const starttls = tree === undefined ? undefined : childOf(tree, 'starttls', NS.tls);
  if (starttls === undefined) return mayBeClear ? 'go on' : 'give up';
  const isRequired = childOf(starttls, 'required', NS.tls) !== undefined;
  return tls === 'if-required' && !isRequired ? 'go on' : 'starttls';
}

/** `<stream:features/>` as a client may see it; what stays is byte for byte the server's, in its order. */
export function clientFeatures(features: Stanza, rules: FeatureRules): Stanza {
  const { xml } = features;
  const mayChange = [NS.tls, NS.compressFeature, NS.limits, ...(rules.external ? [] : ['EXTERNAL'])];
  if (!mayChange.some((text) => xml.includes(text))) return features;
  let kept = '';
  let from = 0;
  for (const slice of readDocument(xml, 'children', READ_BEFORE).slices) {
    const instead = isHidden(slice) ? '' : changed(slice, rules);
    if (instead === slice.raw) continue;
    kept += xml.slice(from, slice.start) + instead;
    from = slice.start + slice.raw.length;
  }
  kept += xml.slice(from);
  return { ...features, xml: kept, bytes: Buffer.byteLength(kept) };
}

function changed({ name, ns, raw }: Slice, { maxBytes, external }: FeatureRules): string {
  if (ns === NS.limits && name === 'limits') return raw.replace(MAX_BYTES, (...found) => lowered(found, maxBytes));
  if (external || !((ns === NS.sasl && name === 'mechanisms') || (ns === NS.sasl2 && name === 'authentication')))
    return raw;
  return raw.replace(/<mechanism(?:\s[^>]*)?>\s*EXTERNAL\s*<\/mechanism\s*>/g, '');
}

const MAX_BYTES = /(<max-bytes\s*>\s*)(\d{1,15})(?=\s*<)/;

/** XEP-0478 §3: what the gateway takes itself is less than what the server would. */
function lowered([all = '', head = '', bytes = '']: string[], maxBytes: number): string {
  return Number(bytes) > maxBytes ? `${head}${maxBytes}` : all;
}

/** True for an attempt to log in by a TLS certificate (RFC 6120 §6.3.4, XEP-0388). */
export function asksForExternal({ name, ns, xml }: Stanza): boolean {
  if (!((ns === NS.sasl && name === 'auth') || (ns === NS.sasl2 && name === 'authenticate'))) return false;
  return parseTree(xml, READ_BEFORE).attributes.get('mechanism')?.trim().toUpperCase() === 'EXTERNAL';
}

/** The server's answer to a mechanism that it does not offer, given by the gateway (RFC 6120 §6.5.7). */
export function invalidMechanism({ ns }: Stanza): Stanza {
  const xml = `<failure xmlns='${ns}'><invalid-mechanism xmlns='${NS.sasl}'/></failure>`;
  return { xml, name: 'failure', ns, bytes: Buffer.byteLength(xml) };
}
