import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';
import { clientAddress } from '../http/client-address.ts';
import { readBody, type BodyResult } from '../http/read-body.ts';
import { respond } from '../http/respond.ts';
import { Callers, type CallerSettings } from './callers.ts';
import { isFromSite } from './cross-site.ts';
import { PREBIND_ERRORS, PrebindError, type PrebindErrorCode } from './errors.ts';
import type { Prebound } from './index.ts';
import { parseJson, readAccount, type OwnProofs, type ServiceAccount } from './request.ts';
import { toPrebindError, type PrebindService } from './service.ts';
import { TokenVerifier, type TokenIssuer } from './token.ts';
import { Webhook } from './webhook.ts';

export interface PrebindEndpointSettings {
  readonly prebindCallers: Readonly<Record<string, CallerSettings>>;
  readonly prebindAccounts: Readonly<Record<string, ServiceAccount>>;
  readonly domains: Readonly<Record<string, { readonly clientCert?: string | undefined }>>;
  readonly prebindWebhook?: string | undefined;
  readonly prebindWebhookKey?: string | undefined;
  readonly prebindWebhookDomains: readonly string[];
  readonly prebindTokens: Readonly<Record<string, TokenIssuer>>;
  readonly prebindTokenSeconds: number;
  readonly prebindTokenReuse: boolean;
  /** Pages of other origins that may ask, with cookies. */
  readonly prebindOrigins: readonly string[];
}

const MAX_BODY = { maxBodyBytes: 65_536, compression: false };
const JSON_TYPE = 'application/json; charset=utf-8';
/** Where a page that cannot set headers carries its token. */
const TOKEN_COOKIE = 'sluice_token';

/** `POST` for sites' backends, `GET` for pages: Converse's `prebind_url`. */
export class PrebindEndpoint {
  readonly #service: PrebindService;
  readonly #settings: PrebindEndpointSettings;
  readonly own: OwnProofs;
  readonly #log: Logger;
  readonly #callers: Callers;
  readonly #webhook: Webhook | undefined;
  readonly #tokens: TokenVerifier | undefined;

  constructor(service: PrebindService, settings: PrebindEndpointSettings, clock: Clock, log: Logger) {
    const { prebindWebhook: url, prebindWebhookKey: key, prebindTokens: issuers, domains } = settings;
    this.#service = service;
    this.#settings = settings;
    this.own = {
      accounts: settings.prebindAccounts,
      hasCertificate: (name) => Object.hasOwn(domains, name) && domains[name]?.clientCert !== undefined,
    };
    this.#log = log;
    this.#callers = new Callers(settings.prebindCallers);
    this.#webhook = url === undefined ? undefined : new Webhook({ url, key }, clock);
    const { prebindTokenSeconds: maxSeconds, prebindTokenReuse: mayRepeat } = settings;
    const hasTokens = Object.keys(issuers).length > 0;
    const seconds = (): number => new Date().getTime() / 1000;
    this.#tokens = hasTokens ? new TokenVerifier({ issuers, maxSeconds, mayRepeat }, seconds) : undefined;
  }

  /** False where no credential is configured: then there is no such page. */
  static isOn({ prebindCallers, prebindWebhook, prebindTokens }: PrebindEndpointSettings): boolean {
    return (
      [prebindCallers, prebindTokens].some((table) => Object.keys(table).length > 0) || prebindWebhook !== undefined
    );
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'OPTIONS' && this.#preflight(request, response)) return;
    this.#answer(request, goneOf(response)).then(
      (prebound) => this.#send(request, response, 200, prebound),
      (error: unknown) => this.#refuse(request, response, toPrebindError(error)),
    );
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: PrebindError): void {
    const { code, detail } = error;
    const { status, message } = PREBIND_ERRORS[code];
    const level = status === 500 ? 'error' : status >= 500 ? 'warn' : 'info';
    this.#log[level]({ client: clientAddress(request), code, detail }, 'prebind refused');
    if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    if (status === 503) response.setHeader('Retry-After', '5');
    if (code === 'method-not-allowed') response.setHeader('Allow', this.#methods().join(', '));
    this.#send(request, response, status, { error: code, message, ...(TELLS.has(code) && detail && { detail }) });
  }

  #send(request: IncomingMessage, response: ServerResponse, status: number, body: object): void {
    if (response.destroyed || response.headersSent) return;
    // What was not read is not read any more.
    if (!request.complete) response.setHeader('Connection', 'close');
    this.#mark(request, response);
    respond(response, status, JSON_TYPE, `${JSON.stringify(body)}\n`);
  }

  /** A page of another origin asks whether it may send its token in a header field. */
  #preflight(request: IncomingMessage, response: ServerResponse): boolean {
    const { origin } = request.headers;
    if (!this.#methods().includes('GET') || !this.#settings.prebindOrigins.includes(origin ?? '')) return false;
    this.#mark(request, response);
    response.setHeader('Access-Control-Allow-Methods', 'GET');
    response.setHeader('Access-Control-Allow-Headers', 'Authorization');
    response.setHeader('Access-Control-Max-Age', '7200');
    response.writeHead(204).end();
    return true;
  }

  /** CORS: closed but for the origins that are named, and for GET alone. */
  #mark({ method, headers: { origin } }: IncomingMessage, response: ServerResponse): void {
    response.appendHeader('Vary', 'Origin');
    if (method === 'POST' || origin === undefined || !this.#settings.prebindOrigins.includes(origin)) return;
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Allow-Credentials', 'true');
  }

  #methods(): string[] {
    const { isEmpty } = this.#callers;
    const isForPages = this.#webhook !== undefined || this.#tokens !== undefined;
    return [...(isEmpty ? [] : ['POST']), ...(isForPages ? ['GET'] : [])];
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<Prebound> {
    const { method = '' } = request;
    if (!this.#methods().includes(method)) throw new PrebindError('method-not-allowed');
    return method === 'POST' ? this.#post(request, signal) : this.#get(request, signal);
  }

  async #post(request: IncomingMessage, signal: AbortSignal): Promise<Prebound> {
    const caller = this.#callers.identify(request);
    const account = readAccount(parseJson(await bodyOf(request)), this.own);
    return this.#service.prebind({ caller, account, clientAddress: clientAddress(request), signal });
  }

  async #get(request: IncomingMessage, signal: AbortSignal): Promise<Prebound> {
    const asked = new URL(request.url ?? '/', 'http://localhost').searchParams.get('token');
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const { prebindOrigins, prebindWebhookDomains } = this.#settings;
    const carried = asked ?? bearer;
    // A cookie goes along whoever makes the browser ask; a token in the request itself does not.
    if (carried === undefined && !isFromSite(request, prebindOrigins)) throw new PrebindError('cross-site');
    const address = { clientAddress: clientAddress(request), signal };
    const token = carried ?? cookieOf(request, TOKEN_COOKIE);
    if (this.#tokens !== undefined && token !== undefined) {
      const { sub, by, domains } = this.#tokens.verify(token);
      const account = readAccount({ jid: sub }, this.own);
      return this.#service.prebind({ ...address, caller: { name: `token ${by}`, domains }, account });
    }
    if (this.#webhook === undefined) throw new PrebindError('not-logged-in');
    const account = this.#accountOf(await this.#webhook.ask(request));
    const caller = { name: 'webhook', domains: prebindWebhookDomains };
    return this.#service.prebind({ ...address, caller, account });
  }

  #accountOf(json: unknown) {
    try {
      return readAccount(json, this.own);
    } catch (cause) {
      // The site said it, not the browser.
      throw cause instanceof PrebindError ? new PrebindError('webhook-failed', cause.detail, { cause }) : cause;
    }
  }
}

/** Details that are about what the caller sent. */
const TELLS: ReadonlySet<PrebindErrorCode> = new Set(['bad-request', 'token-invalid']);

function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    request.once('close', () => reject(new PrebindError('bad-request', 'the body was cut off')));
    const done = (body: BodyResult): void => {
      if (typeof body !== 'string') resolve(Buffer.from(body));
      else if (body === 'too-large') reject(new PrebindError('too-large'));
      else reject(new PrebindError('bad-request', 'the body is coded'));
    };
    readBody(request, MAX_BODY, done, undefined);
  });
}

/** Aborted when whoever asks has gone. */
function goneOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new PrebindError('temporary', 'the caller has gone')));
  return gone.signal;
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  const cookies = (request.headers.cookie ?? '').split(/; */);
  return cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1);
}
