/** `sluice/prebind`: sessions made ahead of the page, at any BOSH connection manager. */
import { systemClock } from '../core/clock.ts';
import { checkResource, parseJid, type Account, type Proof } from './account.ts';
import { PrebindError } from './errors.ts';
import { HttpChannel } from './http-channel.ts';
import { login } from './login.ts';
import type { Mechanism } from './mechanisms.ts';

export { PREBIND_ERRORS, PrebindError, type PrebindErrorCode } from './errors.ts';
export type { Mechanism } from './mechanisms.ts';

/** What a page attaches with: Converse's `prebind_url`, Strophe's `attach(jid, sid, rid)`. */
export interface Prebound {
  /** The full JID. */
  readonly jid: string;
  readonly sid: string;
  /** The next request ID to use. A string, as Converse and Strophe take it. */
  readonly rid: string;
  /** Seconds that a request is held at most. */
  readonly wait: number;
  /** Seconds without a request after which the session ends. */
  readonly inactivity: number;
  /** Where the session is. */
  readonly url: string;
}

/** Who is logged in, where, and by what. */
export interface PrebindOptions {
  /** The BOSH service: of Sluice, Prosody, ejabberd or any other. */
  readonly url: string;
  /** `user@domain`, with a resource where it has to be that one; a domain alone for somebody anonymous. */
  readonly jid: string;
  /** One of the four proves the account. */
  readonly password?: string;
  /** An OAuth 2.0 bearer token. */
  readonly token?: string;
  readonly external?: boolean;
  readonly anonymous?: boolean;
  /** With `password`: the service's own account, which acts for `jid`. */
  readonly authcid?: string;
  readonly resource?: string;
  /** The only mechanisms to be used. */
  readonly mechanisms?: readonly Mechanism[];
  /** For all of it together. Default: 15000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Further header fields of each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the global one: to trust an authority of your own, for example. */
  readonly fetch?: typeof fetch;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/**
 * Logs in at a BOSH service and leaves the session to a page that attaches to it within its inactivity. Sends no presence, leaves
 * no request open. Throws `PrebindError`, and then there is no session; an aborted `signal` throws its own reason.
 */
export async function prebind(options: PrebindOptions): Promise<Prebound> {
  const { url, timeoutMs = DEFAULT_TIMEOUT_MS, mechanisms, headers = {}, signal, fetch = globalThis.fetch } = options;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) throw new PrebindError('bad-request', 'url is no http(s) URL');
  const account = accountOf(options);
  const deadline = new AbortController();
  const timer = systemClock.after(timeoutMs, () => deadline.abort(new PrebindError('timeout')));
  const stop = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
  try {
    const channel = new HttpChannel({ url, headers, fetch, clock: systemClock, signal: stop });
    const bound = await login(channel, account, { mechanisms });
    return { ...bound, rid: String(bound.rid), url };
  } finally {
    timer.cancel();
  }
}

function accountOf(options: PrebindOptions): Account {
  const { resource } = options;
  const named = parseJid(options.jid);
  const proof = proofOf(options);
  if ((proof.kind === 'anonymous') !== (named.user === '')) {
    throw new PrebindError('bad-request', 'somebody anonymous has a domain for a jid, everybody else has a user in it');
  }
  return { ...named, ...(resource !== undefined && { resource: checkResource(resource) }), proof };
}

function proofOf({ password, token, external, anonymous, authcid }: PrebindOptions): Proof {
  if (password !== undefined) return { kind: 'password', password, authcid };
  if (token !== undefined) return { kind: 'token', token };
  if (external === true) return { kind: 'external' };
  if (anonymous === true) return { kind: 'anonymous' };
  throw new PrebindError('bad-request', 'there is neither password nor token, external or anonymous');
}
