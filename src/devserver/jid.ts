/** An address (RFC 7622), as far as an embedded server has to know it. An absent part is ''. */
export interface Jid {
  readonly local: string;
  readonly domain: string;
  readonly resource: string;
}

const LONGEST_PART = 1023;
const FORBIDDEN_IN_LOCAL = /["&'/:<>@\s\p{Cc}]/u;

/** Folds a localpart or domain. A real server does UsernameCaseMapped (RFC 7622 §3.3); for demo names this is the same. */
export function foldName(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** `undefined` for what is no JID. */
export function parseJid(text: string): Jid | undefined {
  const slash = text.indexOf('/');
  const bare = slash === -1 ? text : text.slice(0, slash);
  const resource = slash === -1 ? '' : text.slice(slash + 1);
  const at = bare.indexOf('@');
  const local = at === -1 ? '' : foldName(bare.slice(0, at));
  const domain = foldName(bare.slice(at + 1)).replace(/\.$/, '');
  if ((at !== -1 && local === '') || domain === '' || (slash !== -1 && resource === '')) return undefined;
  if (FORBIDDEN_IN_LOCAL.test(local) || /[@\s]/.test(domain)) return undefined;
  if ([local, domain, resource].some((part) => Buffer.byteLength(part) > LONGEST_PART)) return undefined;
  return { local, domain, resource };
}

export function bareOf(jid: Jid): string {
  return jid.local === '' ? jid.domain : `${jid.local}@${jid.domain}`;
}

export function fullOf(jid: Jid): string {
  return jid.resource === '' ? bareOf(jid) : `${bareOf(jid)}/${jid.resource}`;
}
