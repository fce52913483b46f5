import { normaliseDomain } from '../core/domain.ts';
import { PrebindError } from './errors.ts';

/** How an account is proven to the XMPP server. */
export type Proof =
  /** `authcid`: a service's account that acts for the user, and whose password it is. */
  | { readonly kind: 'password'; readonly password: string; readonly authcid?: string | undefined }
  /** An OAuth 2.0 bearer token. */
  | { readonly kind: 'token'; readonly token: string }
  /** The certificate of the connection to the server. */
  | { readonly kind: 'external' }
  | { readonly kind: 'anonymous' };

/** Who shall be in chat. */
export interface Account {
  /** The localpart; empty for somebody anonymous. */
  readonly user: string;
  readonly domain: string;
  /** Asked for by the caller; a fresh one otherwise. */
  readonly resource: string | undefined;
  readonly proof: Proof;
}

export function bareJid({ user, domain }: Pick<Account, 'user' | 'domain'>): string {
  return user === '' ? domain : `${user}@${domain}`;
}

/** RFC 7622 §3.3.1, and control characters. */
const NO_LOCALPART = /["&'/:<>@\s\p{Cc}]/u;
const LONGEST_PART = 1023;

/** Takes a JID apart. Throws `bad-request` for what is none. */
export function parseJid(text: string): Pick<Account, 'user' | 'domain' | 'resource'> {
  const slash = text.indexOf('/');
  const bare = slash < 0 ? text : text.slice(0, slash);
  const at = bare.indexOf('@');
  const user = at < 0 ? '' : bare.slice(0, at).normalize('NFC');
  const domain = normaliseDomain(bare.slice(at + 1));
  if (domain === undefined || (at >= 0 && user === '') || NO_LOCALPART.test(user) || tooLong(user)) {
    throw new PrebindError('bad-request', 'jid is no JID');
  }
  return { user, domain, resource: slash < 0 ? undefined : checkResource(text.slice(slash + 1)) };
}

export function checkResource(text: string): string {
  if (text === '' || /\p{Cc}/u.test(text) || tooLong(text)) throw new PrebindError('bad-request', 'no resource');
  return text;
}

function tooLong(text: string): boolean {
  return Buffer.byteLength(text) > LONGEST_PART;
}
