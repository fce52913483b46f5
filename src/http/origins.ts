import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CustomHeaders } from './respond.ts';

export interface OriginSettings {
  readonly origins: '*' | readonly string[];
  readonly allowMissingOrigin: boolean;
  readonly credentials: boolean;
  /** Request headers that pages may send, beside those that are always allowed. */
  readonly allowHeaders: readonly string[];
  readonly privateNetwork: boolean;
  readonly headers: CustomHeaders;
}

const ALLOWED_HEADERS = ['Content-Type', 'Content-Encoding', 'Authorization', 'X-Requested-With'];

/**
 * Which web pages may use the gateway. Compared exactly: scheme, host and port; `null` only where it is named (BOSH-CORS-03, -06).
 */
export class Origins {
  readonly #settings: OriginSettings;
  readonly #allowed: ReadonlySet<string>;
  readonly #allowHeaders: string;
  readonly #exposeHeaders: string;

  constructor(settings: OriginSettings) {
    this.#settings = settings;
    this.#allowed = new Set(settings.origins === '*' ? [] : settings.origins);
    this.#allowHeaders = [...ALLOWED_HEADERS, ...settings.allowHeaders].join(', ');
    this.#exposeHeaders = Object.keys(settings.headers).join(', ');
  }

  /** Browsers send an Origin with every POST and every WebSocket; native clients send none. */
  allows(request: IncomingMessage): boolean {
    const { origins, allowMissingOrigin } = this.#settings;
    if (origins === '*') return true;
    const given = request.headersDistinct['origin'] ?? [];
    if (given.length === 0) return allowMissingOrigin;
    return given.length === 1 && this.#allowed.has(given[0] as string);
  }

  /** CORS headers, on every answer that an allowed page gets, errors too: without them it sees a lost network (BOSH-CORS-02). */
  mark(request: IncomingMessage, response: ServerResponse): void {
    if (this.#settings.origins === '*') {
      this.#open(response, '*');
      return;
    }
    response.appendHeader('Vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !this.allows(request)) return;
    this.#open(response, origin);
    if (this.#settings.credentials) response.setHeader('Access-Control-Allow-Credentials', 'true');
  }

  #open(response: ServerResponse, origin: string): void {
    response.setHeader('Access-Control-Allow-Origin', origin);
    // Without this a page cannot see the operator's own headers: Jitsi Meet reads x-jitsi-shard.
    if (this.#exposeHeaders !== '') response.setHeader('Access-Control-Expose-Headers', this.#exposeHeaders);
  }

  /** The answer to a preflight: fixed names, whatever was asked for (H-41). */
  preflight(request: IncomingMessage, response: ServerResponse, methods: string): void {
    response.setHeader('Access-Control-Allow-Methods', methods);
    response.setHeader('Access-Control-Allow-Headers', this.#allowHeaders);
    response.setHeader('Access-Control-Max-Age', '7200');
    if (this.#settings.privateNetwork && request.headers['access-control-request-private-network'] === 'true') {
      response.setHeader('Access-Control-Allow-Private-Network', 'true');
    }
    response.writeHead(204).end();
  }
}
