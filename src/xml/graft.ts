import { NS } from './ns.ts';
import { rewrite } from './rewrite.ts';
import type { Slice } from './slice.ts';
import { escapeAttribute } from './write.ts';

/**
 * Makes a slice stand alone: what it inherits from the stream header, `<body/>` or nothing at all is written on its own root
 * (conformance part 26). All else stays byte for byte as it came.
 */
export function standAlone(slice: Slice): string {
  const { raw, qualifiedName, declared, context } = slice;
  let added = '';

  // The default namespace, unless the element says its own, xmlns='' included (NS-05).
  const inherited = context.namespaces.get('') ?? '';
  if (inherited !== '' && !declared.namespaces.has('')) {
    added = ` xmlns='${escapeAttribute(inherited === NS.httpbind ? NS.client : inherited)}'`;
  }
  if (context.namespaces.size > (inherited === '' ? 0 : 1)) {
    for (const [prefix, ns] of context.namespaces) {
      if (prefix === '' || declared.namespaces.has(prefix) || !mentions(raw, prefix)) continue;
      added += ` xmlns:${prefix}='${escapeAttribute(ns)}'`;
    }
  }
  // Stanzas have a language, nonzas do not (RFC 6120 §8.1.5, NS-08).
  const isStanza = slice.ns === NS.client || meansClient(slice);
  if (isStanza && context.lang !== undefined && declared.lang === undefined) {
    added += ` xml:lang='${escapeAttribute(context.lang)}'`;
  }
  const nameEnd = 1 + qualifiedName.length;
  const xml = added === '' ? raw : `${raw.slice(0, nameEnd)}${added}${raw.slice(nameEnd)}`;

  // Some serializers repeat BOSH's namespace on the payload itself; it means the same (NSV-05).
  const legacyRoot = declared.namespaces.has('') && meansClient(slice);
  return slice.foreign || legacyRoot ? rewrite(xml, legacyRoot) : xml;
}

/** A few colons are looked at one by one, which is faster than to look for the prefix; many are not. */
const FEW_COLONS = 32;

/** A prefix may also be used in content, as in xsi:type='t:int' (NS-04): so look for its letters, not for its uses. */
function mentions(raw: string, prefix: string): boolean {
  let colon = raw.indexOf(':');
  for (let seen = 0; seen < FEW_COLONS && colon >= 0; seen++) {
    if (raw.endsWith(prefix, colon)) return true;
    colon = raw.indexOf(':', colon + 1);
  }
  return colon >= 0 && raw.includes(`${prefix}:`, colon - prefix.length);
}

/** In a BOSH body, an element without a prefix in BOSH's own namespace means jabber:client (NS-02, XEP-0206 §2). */
export function meansClient({ ns, prefix, context }: Slice): boolean {
  return ns === NS.httpbind && prefix === '' && [...context.namespaces.values()].includes(NS.httpbind);
}
