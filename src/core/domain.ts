import { domainToASCII } from 'node:url';

/**
 * The domainpart of a JID in the one form that is compared, looked up and put on the wire: lower case, A-labels, no trailing
 * dot (RFC 7622 §3.2). Undefined for what is no domain (BOSH-SESSION-04). IP literals pass: whether they are served is policy.
 */
export function normaliseDomain(text: string): string | undefined {
  let domain = known.get(text);
  if (domain !== undefined) return domain;
  domain = normalise(text);
  if (domain === undefined || text.length > LONGEST_KNOWN) return domain;
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(text, domain);
  return domain;
}

/** The clients of a gateway name the same few domains again and again. */
const known = new Map<string, string>();
const MOST_KNOWN = 1000;
const LONGEST_KNOWN = 255;

function normalise(text: string): string | undefined {
  if (text === '' || text.length > 1023) return undefined;
  if (isIpLiteral(text)) return text.toLowerCase();
  // Anything that a URL parser would take for structure, and all white space and controls, is no part of a domain.
  if (/[\s\p{Cc}\p{Cf}/\\@<>&'"?#%:[\]]/u.test(text)) return undefined;
  const ascii = domainToASCII(text.endsWith('.') ? text.slice(0, -1) : text);
  if (ascii === '' || ascii.length > 253) return undefined;
  for (const label of ascii.split('.')) {
    if (!/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)) return undefined;
  }
  return ascii;
}

/**
 * Domains by name, `*.suffix` (all below it, not itself), or `/regular expression/`, which must match the whole of the domain.
 * Undefined for what is none of them.
 */
export function domainPattern(pattern: string | RegExp): RegExp | undefined {
  if (pattern instanceof RegExp) return wholePattern(pattern.source, pattern.flags);
  const [, source, flags = ''] = /^\/(.+)\/([iu]*)$/s.exec(pattern) ?? [];
  if (source !== undefined) return wholePattern(source, flags);
  const isSuffix = pattern.startsWith('*.');
  const domain = normaliseDomain(isSuffix ? pattern.slice(2) : pattern)?.replace(/[.[\]]/g, '\\$&');
  return domain === undefined ? undefined : new RegExp(isSuffix ? `^.+\\.${domain}$` : `^${domain}$`);
}

function wholePattern(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${source})$`, flags.replace(/[gy]/g, ''));
  } catch {
    return undefined;
  }
}

/** An address in brackets or dotted form; `domainToASCII` also turns numbers such as 2130706433 into one. */
export function isIpLiteral(domain: string): boolean {
  return /^\[[0-9a-f:.]+\]$/i.test(domain) || /^\d{1,3}(\.\d{1,3}){3}$/.test(domain);
}

/** The bare JID of a `from` hint, where it is one and lies in `domain`; anything else is dropped (BOSH-SESSION-05). */
export function fromHint(from: string | undefined, domain: string): string | undefined {
  if (from === undefined || from.length > 2047) return undefined;
  const [bare = ''] = from.split('/', 1);
  const at = bare.indexOf('@');
  if (at < 1 || /[\s"&'<>:@/]/.test(bare.slice(0, at))) return undefined;
  return normaliseDomain(bare.slice(at + 1)) === domain ? `${bare.slice(0, at)}@${domain}` : undefined;
}

/** A language tag that may go on a stream header; what is none is dropped (BCP 47 in form only). */
export function languageTag(tag: string | undefined): string | undefined {
  return tag !== undefined && /^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,8}$/.test(tag) ? tag : undefined;
}
