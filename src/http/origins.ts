import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CustomHeaders, Fields } from './respond.ts';

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
  readonly #exposed: Fields;
  /** Where all origins are allowed. */
  readonly #open: Fields;

  constructor(settings: OriginSettings) {
    this.#settings = settings;
    this.#allowed = new Set(settings.origins === '*' ? [] : settings.origins);
    this.#allowHeaders = [...ALLOWED_HEADERS, ...settings.allowHeaders].join(', ');
    const names = Object.keys(settings.headers);
    // Without this a page cannot see the operator's own headers: Jitsi Meet reads x-jitsi-shard.
    this.#exposed = names.length === 0 ? [] : ['Access-Control-Expose-Headers', names.join(', ')];
    this.#open = [...allow('*'), ...this.#exposed];
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
  fields(request: IncomingMessage): Fields {
    if (this.#settings.origins === '*') return this.#open;
    const { origin } = request.headers;
    if (origin === undefined || !this.allows(request)) return VARY;
    const credentials = this.#settings.credentials ? ['Access-Control-Allow-Credentials', 'true'] : [];
    return [...VARY, ...allow(origin), ...this.#exposed, ...credentials];
  }

  /** Sets them where the answer is not known yet. */
  mark(request: IncomingMessage, response: ServerResponse): void {
    const fields = this.fields(request);
    for (let i = 0; i < fields.length; i += 2) {
      const [name, value] = [fields[i] as string, fields[i + 1] as string];
      if (name === 'Vary') response.appendHeader(name, value);
      else response.setHeader(name, value);
    }
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

const VARY: Fields = ['Vary', 'Origin'];

function allow(origin: string): Fields {
  return ['Access-Control-Allow-Origin', origin];
}
