import { NS } from './ns.ts';
import { rewrite } from './rewrite.ts';
import type { Slice } from './reader.ts';
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
  for (const [prefix, ns] of context.namespaces) {
    // A prefix may also be used in content, as in xsi:type='t:int' (NS-04): so look for its letters, not for its uses.
    if (prefix === '' || declared.namespaces.has(prefix) || !raw.includes(`${prefix}:`)) continue;
    added += ` xmlns:${prefix}='${escapeAttribute(ns)}'`;
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

/** In a BOSH body, an element without a prefix in BOSH's own namespace means jabber:client (NS-02, XEP-0206 §2). */
export function meansClient({ ns, prefix, context }: Slice): boolean {
  return ns === NS.httpbind && prefix === '' && [...context.namespaces.values()].includes(NS.httpbind);
}
