import { EventEmitter } from 'node:events';
import { GatewayError, reasonOf } from './errors.ts';
import type { Logger, Stanza, StreamEnd, StreamRequest } from './ports.ts';

/** A session as a listener sees it. */
export interface SessionView {
  readonly id: string;
  readonly transport: 'bosh' | 'websocket';
  readonly clientAddress: string;
}

/** A stream as a listener sees it. */
export interface StreamView {
  readonly name: string;
  readonly session: SessionView;
  readonly request: StreamRequest;
}

/** Why elements did not reach their client. */
export interface Undelivered {
  /** How the stream ended; undefined where it ended in order. */
  readonly end: StreamEnd | undefined;
  /**
   * XEP-0198 is on, so the server knows that they were not acknowledged: it keeps them, delivers them when the client resumes, or
   * tells their senders. Without it the gateway has told the senders itself (XEP-0206 §7).
   */
  readonly isManaged: boolean;
}

/** A BOSH answer of which the client has shown that it has it. */
export interface AcknowledgedResponse {
  readonly rid: number;
  readonly stanzas: readonly Stanza[];
}

/** Events tell; they decide nothing. The names are node-xmpp-bosh's. */
export interface GatewayEvents {
  /** A stream was asked for and is being connected. */
  'stream-add': [stream: StreamView];
  'stream-restart': [stream: StreamView];
  /** The stream is over for its client. `end` is undefined where it ended in order. */
  'stream-terminate': [stream: StreamView, end: StreamEnd | undefined];
  /** Elements from the client, in order, as it sent them. */
  nodes: [stanzas: readonly Stanza[], stream: StreamView];
  /**
   * The client has that answer: it said so (XEP-0124 §9), or asked on so far beyond it that it cannot ask for it again. `stream` is
   * undefined where the answer carried nothing. BOSH alone.
   */
  'response-acknowledged': [response: AcknowledgedResponse, session: SessionView, stream: StreamView | undefined];
  /** Elements from the server that never reached the client: each of them once, and why. */
  'no-client': [stanzas: readonly Stanza[], stream: StreamView, why: Undelivered];
  /** A connector, a hook or a listener failed: `error.detail` names it, `error.cause` is what it threw. Logged in any case. */
  error: [error: GatewayError, stream: StreamView | undefined];
}

type Arguments<Name extends keyof GatewayEvents> = GatewayEvents[Name];

/** Where listeners are kept, and told. One that fails, now or later, harms neither the session nor the other listeners. */
export class Events extends EventEmitter<GatewayEvents> {
  readonly #log: Logger;

  constructor(log: Logger) {
    super();
    this.#log = log;
  }

  tell<Name extends keyof GatewayEvents>(name: Name, ...values: Arguments<Name>): void {
    if (this.listenerCount(name) === 0) return;
    for (const listener of this.rawListeners(name) as ((...values: Arguments<Name>) => unknown)[]) {
      try {
        const answer = listener.apply(this, values);
        if (answer instanceof Promise) answer.catch((error: unknown) => this.#failed(name, error));
      } catch (error) {
        this.#failed(name, error);
      }
    }
  }

  /** Logs it, and tells who listens for errors: without a listener nothing is thrown. */
  fault(error: GatewayError, stream?: StreamView): void {
    this.#log.error({ code: error.code, detail: error.detail }, 'a plug failed');
    this.tell('error', error, stream);
  }

  #failed(name: keyof GatewayEvents, cause: unknown): void {
    const error = new GatewayError('plug-fault', `a listener of "${name}" failed: ${reasonOf(cause)}`, { cause });
    if (name === 'error') this.#log.error({ code: error.code, detail: error.detail }, 'a plug failed');
    else this.fault(error);
  }
}
