import { parseBody, type BodyRequest } from '../bosh/body.ts';
import { BoshSession } from '../bosh/bosh-session.ts';
import type { BoshContext } from '../bosh/context.ts';
import { negotiate, type NegotiationSettings } from '../bosh/creation.ts';
import type { Exchange } from '../bosh/pending.ts';
import type { BoshSessionSettings } from '../bosh/settings.ts';
import { joined } from '../core/encoding.ts';
import { ERRORS, GatewayError, reasonOf, type ErrorCode } from '../core/errors.ts';
import type { ClientCertificate, Connector, StreamEnd, Upstream, UpstreamSecurity } from '../core/ports.ts';
import type { Stream } from '../stream/stream.ts';
import type { XmlLimits } from '../xml/reader.ts';
import { PrebindError, type PrebindErrorCode } from './errors.ts';
import type { Channel } from './login.ts';

export interface LocalSettings extends BoshSessionSettings, NegotiationSettings {
  readonly bodyXml: XmlLimits;
}

/** A session that is made here; the next request after it was handed over is the page's. */
export class PreboundSession extends BoshSession {
  #onAttached: (() => void) | undefined;

  handOver(onAttached: () => void): void {
    this.#onAttached = onAttached;
  }

  override receive(request: BodyRequest, exchange: Exchange): void {
    const tell = this.#onAttached;
    this.#onAttached = undefined;
    super.receive(request, exchange);
    tell?.();
  }

  /** With its server's side gone it would only wait for somebody to be told so. */
  override onEnd(end: StreamEnd | undefined, stream: Stream): void {
    super.onEnd(end, stream);
    if (this.#onAttached !== undefined) this.destroy();
  }
}

/** Where nothing is known of the connection, nothing secret is said on it. */
const UNKNOWN: UpstreamSecurity = { isPrivate: false, binding: () => undefined };

/** The BOSH of this gateway itself, without HTTP. */
export class LocalChannel implements Channel {
  readonly #context: BoshContext;
  readonly #settings: LocalSettings;
  readonly #clientAddress: string;
  readonly #signal: AbortSignal;
  #upstream: Upstream | undefined;
  #session: PreboundSession | undefined;

  /** `certificate`: of the gateway, for SASL EXTERNAL. `signal`: aborted when the time is up, with the reason to reject with. */
  constructor(
    context: BoshContext,
    settings: LocalSettings,
    clientAddress: string,
    certificate: ClientCertificate | undefined,
    signal: AbortSignal,
  ) {
    const { connector } = context;
    // The certificate is for the gateway's own stream: one that the page adds later must not have it.
    const watched: Connector = {
      name: connector.name,
      connect: (request, client) => {
        if (this.#upstream !== undefined) return connector.connect(request, client);
        return (this.#upstream = connector.connect({ ...request, certificate }, client));
      },
    };
    this.#context = { ...context, connector: watched };
    this.#settings = settings;
    this.#clientAddress = clientAddress;
    this.#signal = signal;
  }

  get session(): PreboundSession | undefined {
    return this.#session;
  }

  post(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#signal.throwIfAborted();
      const stop = (): void => reject(this.#signal.reason as Error);
      this.#signal.addEventListener('abort', stop, { once: true });
      const exchange: Exchange = {
        connection: this,
        isOpen: true,
        answer: (body) => {
          this.#signal.removeEventListener('abort', stop);
          resolve(joined(body));
        },
        // Nothing lies between this and the session.
        tellLoss() {},
      };
      try {
        this.#receive(body, exchange);
      } catch (error) {
        this.#signal.removeEventListener('abort', stop);
        reject(translate(error));
      }
    });
  }

  #receive(body: string, exchange: Exchange): void {
    const request = parseBody(Buffer.from(body), this.#settings.bodyXml);
    if (this.#session !== undefined) {
      this.#session.receive(request, exchange);
      return;
    }
    const agreement = negotiate(request, this.#settings);
    const session = new PreboundSession(
      this.#context,
      this.#settings,
      agreement,
      request,
      exchange,
      this.#clientAddress,
    );
    this.#session = session;
  }

  async end(body: string | undefined): Promise<void> {
    const session = this.#session;
    if (session === undefined || this.#context.registry.get(session.id) !== session) return;
    if (body !== undefined) this.#receive(body, { connection: this, isOpen: true, answer() {}, tellLoss() {} });
    session.destroy();
  }

  security(): UpstreamSecurity {
    return this.#upstream?.security?.() ?? UNKNOWN;
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#context.clock.after(ms, resolve));
  }
}

/** What the gateway says to BOSH clients, in the words of prebind. */
const CODES: Partial<Record<ErrorCode, PrebindErrorCode>> = {
  'host-unknown': 'unknown-host',
  'host-gone': 'unknown-host',
  'improper-addressing': 'unknown-host',
  overload: 'overload',
  'policy-violation': 'temporary',
  'system-shutdown': 'shutting-down',
  'upstream-refused': 'unreachable',
};

function translate(error: unknown): Error {
  if (!(error instanceof GatewayError)) return error instanceof Error ? error : new Error(reasonOf(error));
  const { code, detail } = error;
  return new PrebindError(CODES[code] ?? 'internal-error', detail ?? ERRORS[code].help, { cause: error });
}
