import type { IncomingMessage, ServerResponse } from 'node:http';

export interface OriginSettings {
  readonly origins: '*' | readonly string[];
  readonly allowMissingOrigin: boolean;
  readonly credentials: boolean;
}

/**
 * Which web pages may use the gateway. Compared exactly: scheme, host and port; `null` only where it is named (BOSH-CORS-03, -06).
 */
export class Origins {
  readonly #settings: OriginSettings;
  readonly #allowed: ReadonlySet<string>;

  constructor(settings: OriginSettings) {
    this.#settings = settings;
    this.#allowed = new Set(settings.origins === '*' ? [] : settings.origins);
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
      response.setHeader('Access-Control-Allow-Origin', '*');
      return;
    }
    response.appendHeader('Vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !this.allows(request)) return;
    response.setHeader('Access-Control-Allow-Origin', origin);
    if (this.#settings.credentials) response.setHeader('Access-Control-Allow-Credentials', 'true');
  }

  /** The answer to a preflight: fixed names, whatever was asked for (H-41). */
  preflight(response: ServerResponse, methods: string): void {
    response.setHeader('Access-Control-Allow-Methods', methods);
    response.setHeader(
      'Access-Control-Allow-Headers',
      'Content-Type, Content-Encoding, Authorization, X-Requested-With',
    );
    response.setHeader('Access-Control-Max-Age', '7200');
    response.writeHead(204).end();
  }
}
