interface PrebindErrorEntry {
  /** Of the answer at the gateway's prebind path. */
  readonly status: number;
  /** What is told to the caller, who is a site's backend or a browser: nothing that a stranger must not know. */
  readonly message: string;
}

function entry(status: number, message: string): PrebindErrorEntry {
  return { status, message };
}

/** The one table of what can go wrong with a prebind. */
// prettier-ignore
export const PREBIND_ERRORS = {
  'bad-request':       entry(400, 'The request is malformed.'),
  'unauthorized':      entry(401, 'No caller with this key or certificate.'),
  'not-logged-in':     entry(401, 'The site does not know who this is.'),
  'token-invalid':     entry(401, 'The token is malformed, or signed by nobody who may.'),
  'token-expired':     entry(401, 'The token is not valid at this time.'),
  'token-replayed':    entry(401, 'The token was used before.'),
  'forbidden':         entry(403, 'The caller may not open sessions at this domain.'),
  'cross-site':        entry(403, 'Pages of other sites may not ask for sessions.'),
  'wrong-credentials': entry(403, 'The XMPP server does not accept this account and its proof.'),
  'account-disabled':  entry(403, 'The account is disabled.'),
  'unknown-host':      entry(404, 'There is no such XMPP domain here.'),
  'method-not-allowed': entry(405, 'This method is not served here.'),
  'conflict':          entry(409, 'The resource is taken.'),
  'too-large':         entry(413, 'The request is too large.'),
  'no-mechanism':      entry(422, 'The XMPP server offers no way to log in with such a proof.'),
  'internal-error':    entry(500, 'A fault of the gateway itself.'),
  'server-fault':      entry(502, 'The XMPP server, or the connection manager in front of it, did not keep to the protocol.'),
  'untrusted-server':  entry(502, 'The XMPP server did not prove that it knows the account.'),
  'unreachable':       entry(502, 'The XMPP server cannot be reached.'),
  'webhook-failed':    entry(502, 'The site did not say who this is.'),
  'temporary':         entry(503, 'The XMPP server cannot do it now.'),
  'overload':          entry(503, 'Too many sessions are asked for at the moment.'),
  'shutting-down':     entry(503, 'The gateway is stopping.'),
  'timeout':           entry(504, 'The XMPP server did not answer in time.'),
} as const satisfies Record<string, PrebindErrorEntry>;

export type PrebindErrorCode = keyof typeof PREBIND_ERRORS;

/** Why there is no session: match on `code`. `detail` is for the operator's log; no password and no token is ever in it. */
export class PrebindError extends Error {
  readonly code: PrebindErrorCode;
  readonly detail: string | undefined;

  constructor(code: PrebindErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? PREBIND_ERRORS[code].message : `${PREBIND_ERRORS[code].message} (${detail})`, options);
    this.name = 'PrebindError';
    this.code = code;
    this.detail = detail;
  }
}
