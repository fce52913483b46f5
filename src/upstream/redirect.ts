import { isIpLiteral, normaliseDomain } from '../core/domain.ts';
import type { Stanza } from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { childOf, parseTree, textOf } from '../xml/tree.ts';

/** Where a `<stream:error/>` sends the stream to, in the server's words; undefined for every other error. */
export function seeOtherHost(error: Stanza): string | undefined {
  if (!error.xml.includes('see-other-host')) return undefined;
  const condition = childOf(parseTree(error.xml, READ_BEFORE), 'see-other-host', NS.streamErrors);
  return condition === undefined ? undefined : textOf(condition).trim();
}

/** `host`, `host:port`, `[2001:db8::1]:port`; a bare IPv6 address is understood as well (RFC 6120 §4.9.3.19). */
export function parsePlace(text: string): { readonly host: string; readonly port: number | undefined } | undefined {
  const bare = /^[0-9a-f]*(:[0-9a-f.]*){2,}$/i.test(text) ? `[${text}]` : text;
  const [, name, digits] = /^(\[[0-9a-f:.]+\]|[^\s:[\]]+)(?::(\d{1,5}))?$/i.exec(bare) ?? [];
  const host = name === undefined ? undefined : normaliseDomain(name);
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || port === 0 || (port ?? 0) > 65_535) return undefined;
  return { host: isIpLiteral(host) ? host.replace(/^\[|\]$/g, '') : host, port };
}
