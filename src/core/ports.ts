import type { Stanza } from '../xml/stanza.ts';
import type { ErrorCode } from './errors.ts';

export type { Stanza };

/** What a server's (or an <open/>'s) stream header says (RFC 6120 §4.7). Values are decoded, not raw text. */
export interface StreamHeader {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly id?: string | undefined;
  readonly version?: string | undefined;
  readonly lang?: string | undefined;
}

/** A place that a client asks to be connected to, instead of what DNS says. */
export interface Route {
  readonly host: string;
  readonly port: number;
}

/** What the client asks of a new stream. */
export interface StreamRequest {
  readonly transport: 'bosh' | 'websocket';
  /** The XMPP domain, normalised (lower case, A-labels, no trailing dot). */
  readonly to: string;
  /** The client's declared JID: a hint for the server, never an identity (XEP-0124 §7.1). */
  readonly from?: string | undefined;
  readonly lang?: string | undefined;
  /** The address that the client's connection came from. */
  readonly clientAddress: string;
  /** Followed only where the configuration allows it (XEP-0124 §7.1). */
  readonly route?: Route | undefined;
  /** Further attributes for the stream header; they win over the defaults. */
  readonly headerAttributes?: Readonly<Record<string, string>> | undefined;
  /** What the client's page says of itself, such as `ua`: for events, not sent on. */
  readonly custom?: ReadonlyMap<string, string> | undefined;
  /** Shown to the server under TLS: a login by SASL EXTERNAL. Only the gateway's own logins have one, never a client. */
  readonly certificate?: ClientCertificate | undefined;
}

/** PEM texts. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Attributes that a client may give anew when it restarts a stream (XEP-0206 §5, RFC 7395 §3.7). */
export interface RestartAttributes {
  readonly from?: string | undefined;
  readonly lang?: string | undefined;
  readonly headerAttributes?: Readonly<Record<string, string>> | undefined;
}

/** Why a stream is over. Absent where this type is optional: an orderly close without an error. */
export interface StreamEnd {
  readonly code: ErrorCode;
  /** For the operator's log; never shown to a client. */
  readonly detail?: string | undefined;
  /** A stream error to pass on whole. */
  readonly error?: Stanza | undefined;
  /** True where the far side must see a broken connection, not an orderly end, so that XEP-0198 can resume (§5, §7). */
  readonly unclean?: boolean | undefined;
}

/** The client's side of one stream: what a connector may do to it. */
export interface Downstream {
  /** The server's header is here; called again after each restart. */
  opened(header: StreamHeader): void;
  deliver(stanza: Stanza): void;
  /** The server side is over. Called once; nothing may follow. */
  closed(end?: StreamEnd): void;
  /** The server takes no more for now: stop sending soon. */
  pause(): void;
  resume(): void;
}

/** How well the connection to a server is protected: for the gateway's own logins. */
export interface UpstreamSecurity {
  /** Nobody on the way reads along: verified TLS, or it does not leave this machine. */
  readonly isPrivate: boolean;
  /** Channel binding data of that type (RFC 5929, RFC 9266); undefined where there is none. */
  binding(type: 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'): Buffer | undefined;
}

/** The server's side of one stream: what the gateway may do to it. */
export interface Upstream {
  /** Absent or undefined: not known, so nothing secret is said in clear. */
  security?(): UpstreamSecurity | undefined;
  send(stanza: Stanza): void;
  /** A new stream on the same connection, after SASL (RFC 6120 §4.3.3). */
  restart(attributes?: RestartAttributes): void;
  /** Ends the stream: orderly, or as `end` says. Idempotent; `Downstream.closed` follows. */
  close(end?: StreamEnd): void;
  /** The client takes no more for now: stop reading. */
  pause(): void;
  resume(): void;
}

/** Opens upstreams. The default one speaks XMPP over TCP; a custom one may speak anything. */
export interface Connector {
  readonly name: string;
  /** Returns at once; what happens is told to `client`. Throws `GatewayError` where the request is refused outright. */
  connect(request: StreamRequest, client: Downstream): Upstream;
  stop?(): Promise<void>;
}

/** One place to try. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /**
   * `direct`: TLS first. `starttls`: required and verified. `optional`: used where offered. `if-required`: used where the
   * server insists. `none`: clear text.
   */
  readonly tls: 'direct' | 'starttls' | 'optional' | 'if-required' | 'none';
  /** True where the configuration names this target: special addresses are then allowed. */
  readonly trusted: boolean;
}

/** Yields where to try, best first. */
export interface Lookup {
  targets(request: StreamRequest, signal: AbortSignal): AsyncIterable<Target>;
}

/** A logger in pino's shape. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
