import { NS } from '../xml/ns.ts';

/** What components and servers say to servers (XEP-0114, XEP-0225, XEP-0220, XEP-0288): web clients are neither. */
const OTHERS = new Set([
  ...['jabber:component:accept', 'jabber:component:connect', 'urn:xmpp:component:0'],
  ...['jabber:server:dialback', 'urn:xmpp:bidi'],
]);

/**
 * What no client negotiates through a gateway: TLS is the gateway's business, nobody compresses (XBOSH-11, WS-FEAT-01), and
 * clients log in as clients (SCOPE-01, -02).
 */
export function isNegotiation({ name, ns }: { readonly name: string; readonly ns: string }): boolean {
  return (ns === NS.tls && name === 'starttls') || (ns === NS.compress && name === 'compress') || OTHERS.has(ns);
}
