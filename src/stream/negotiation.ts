import { NS } from '../xml/ns.ts';

/** What no client negotiates through a gateway: TLS is the gateway's business, and nobody compresses (XBOSH-11, WS-FEAT-01). */
export function isNegotiation({ name, ns }: { readonly name: string; readonly ns: string }): boolean {
  return (ns === NS.tls && name === 'starttls') || (ns === NS.compress && name === 'compress');
}
