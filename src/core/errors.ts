/** What one kind of failure looks like on every front. */
interface ErrorEntry {
  /** XEP-0124 §17.2 terminal binding condition. */
  readonly bosh: string;
  /** RFC 6120 §4.9.3 condition (or XEP-0124's, where that one says more), for WebSocket clients. */
  readonly stream: string;
  /** WebSocket close code (RFC 6455 §7.4). */
  readonly close: number;
  /** HTTP status for clients without `ver` (XEP-0124 §17.1), and for refusals before BOSH is reached. */
  readonly http: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** What it means and what to do, for the operator. */
  readonly help: string;
}

function entry(bosh: string, stream: string, close: number, http: number, level: ErrorEntry['level'], help: string) {
  return { bosh, stream, close, http, level, help } as const satisfies ErrorEntry;
}

/** The one table of errors. A condition is a promise: Converse.js gives up for good on some of them (design decision 15). */
// prettier-ignore
export const ERRORS = {
  'bad-request':          entry('bad-request', 'bad-format', 1000, 400, 'info', 'The client sent something that BOSH does not allow.'),
  'not-well-formed':      entry('bad-request', 'not-well-formed', 1000, 400, 'info', 'The client sent XML that is not well-formed.'),
  'restricted-xml':       entry('bad-request', 'restricted-xml', 1000, 400, 'info', 'The client sent a comment, processing instruction or DTD (RFC 6120 §11.1).'),
  'bad-format':           entry('bad-request', 'bad-format', 1000, 400, 'info', 'The client sent XML that is no stream content.'),
  'invalid-namespace':    entry('bad-request', 'invalid-namespace', 1000, 400, 'info', 'The client used a wrong namespace.'),
  'unsupported-encoding': entry('bad-request', 'unsupported-encoding', 1000, 400, 'info', 'Only UTF-8 is spoken (RFC 6120 §11.6).'),
  'unsupported-version':  entry('bad-request', 'unsupported-version', 1000, 400, 'info', 'The client asked for a stream version below 1.0.'),
  'policy-violation':     entry('policy-violation', 'policy-violation', 1000, 403, 'info', 'A limit or rule of this gateway was crossed.'),
  'item-not-found':       entry('item-not-found', 'item-not-found', 1000, 404, 'debug', 'No such session, or its rid rules were broken.'),
  'improper-addressing':  entry('improper-addressing', 'improper-addressing', 1000, 200, 'info', 'The client named no usable domain in `to`.'),
  'host-unknown':         entry('host-unknown', 'host-unknown', 1000, 200, 'info', 'This gateway does not serve that domain: see `domains`.'),
  'host-gone':            entry('host-gone', 'host-gone', 1000, 200, 'info', 'This gateway no longer serves that domain.'),
  'other-request':        entry('other-request', 'undefined-condition', 1000, 200, 'debug', 'Another request ended the session.'),
  'connection-timeout':   entry('policy-violation', 'connection-timeout', 1000, 403, 'info', 'The client did not open or authenticate in time.'),
  'client-gone':          entry('item-not-found', 'connection-timeout', 1001, 404, 'debug', 'The client is no longer there.'),
  'system-shutdown':      entry('system-shutdown', 'system-shutdown', 1001, 503, 'info', 'The gateway is stopping.'),
  'overload':             entry('policy-violation', 'resource-constraint', 1013, 503, 'warn', 'A limit of the whole gateway is reached: see `maxSessions` and `maxDials`.'),
  'internal-error':       entry('internal-server-error', 'internal-server-error', 1011, 500, 'error', 'A fault of the gateway itself: please report it.'),
  'plug-fault':           entry('internal-server-error', 'internal-server-error', 1011, 500, 'error', 'A connector, hook or listener of the program around the gateway broke its contract: the detail names it.'),
  'stream-error':         entry('remote-stream-error', 'undefined-condition', 1000, 200, 'info', 'The XMPP server ended the stream with an error.'),
  'upstream-closed':      entry('remote-connection-failed', 'remote-connection-failed', 1000, 200, 'info', 'The XMPP server ended the stream.'),
  'upstream-lost':        entry('remote-connection-failed', 'remote-connection-failed', 1011, 200, 'warn', 'The connection to the XMPP server broke.'),
  'upstream-unreachable': entry('remote-connection-failed', 'remote-connection-failed', 1000, 200, 'warn', 'No connection to the XMPP server: check its address and port, its SRV records and the firewall.'),
  'upstream-refused':     entry('remote-connection-failed', 'remote-connection-failed', 1000, 200, 'warn', 'The address of that domain is a special one: give the domain a fixed `host` if it is meant.'),
  'upstream-tls':         entry('remote-connection-failed', 'remote-connection-failed', 1000, 200, 'warn', 'No verified TLS to the XMPP server: check its certificate, or set `ca` or `tls` for the domain.'),
  'upstream-timeout':     entry('remote-connection-failed', 'remote-connection-failed', 1000, 200, 'warn', 'The XMPP server did not answer in time.'),
  'upstream-protocol':    entry('remote-connection-failed', 'remote-connection-failed', 1000, 200, 'warn', 'The XMPP server sent what no XMPP server may send.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The one error class: match on `code`. `detail` is for the operator's log, never for a client. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? code : `${code}: ${detail}`, options);
    this.name = 'GatewayError';
    this.code = code;
    this.detail = detail;
  }
}

/** The code of any thrown thing; what nobody foresaw is an internal error. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof GatewayError ? error.code : 'internal-error';
}

/** One clear line from any thrown thing: connects fail with AggregateErrors whose own message is empty. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join('; ');
  if (error instanceof GatewayError) return error.detail ?? error.code;
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
