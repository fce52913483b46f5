import type { PeerCertificate } from 'node:tls';
import { isIpLiteral, normaliseDomain } from '../core/domain.ts';
import { formatIp, parseIp } from '../core/ip.ts';

/** One name of a certificate, in Node's words: `DNS`, `IP Address`, `othername`, ... */
interface Identifier {
  readonly kind: string;
  readonly value: string;
}

/** Node puts what could be taken for another name in quotes; no such name is a name of anything. */
function identifiersOf({ subjectaltname = '' }: PeerCertificate): Identifier[] {
  const found = subjectaltname.matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return [...found].map(([, kind = '', value = '']) => ({ kind, value })).filter(({ value }) => !value.startsWith('"'));
}

/** `*` stands for one whole label, the left-most one (RFC 9525 §6.3); not for every name of a top-level domain. */
function matchesDns(presented: string, domain: string): boolean {
  const name = presented.toLowerCase();
  if (!name.includes('*')) return name === domain;
  const rest = name.slice(1);
  const at = domain.indexOf('.');
  return /^\*(\.[^.*]+){2,}$/.test(name) && at > 0 && domain.slice(at) === rest;
}

/** DNS-ID, SRV-ID (RFC 4985) and XmppAddr (RFC 6120 §13.7.1.4). Node tells other names byte for byte. */
function matches({ kind, value }: Identifier, domain: string): boolean {
  if (kind === 'DNS') return matchesDns(value, domain);
  if (kind !== 'othername') return false;
  const [type = ''] = value.split(':', 1);
  const name = Buffer.from(value.slice(type.length + 1), 'latin1').toString();
  if (type === 'XmppAddr') return normaliseDomain(name) === domain;
  return type === 'SRVName' && name.toLowerCase() === `_xmpp-client.${domain}`;
}

function matchesAddress({ kind, value }: Identifier, domain: string): boolean {
  const [wanted, has] = [domain.replace(/^\[|\]$/g, ''), value].map((text) => parseIp(text));
  return kind === 'IP Address' && wanted !== undefined && has !== undefined && formatIp(wanted) === formatIp(has);
}

/** Why the certificate is not for that XMPP domain, if it is not. A common name counts for nothing (RFC 9525 §2). */
export function checkIdentity(domain: string, certificate: PeerCertificate): Error | undefined {
  const identifiers = identifiersOf(certificate);
  const isRight = isIpLiteral(domain) ? matchesAddress : matches;
  if (identifiers.some((identifier) => isRight(identifier, domain))) return undefined;
  const names = identifiers.map(({ value }) => value.slice(0, 80)).slice(0, 5);
  return new Error(`the certificate is not for ${domain} but for ${names.length === 0 ? 'no name' : names.join(', ')}`);
}
