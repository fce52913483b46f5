import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import type { Origins } from '../http/origins.ts';
import { readBody } from '../http/read-body.ts';
import { respond, respondAndClose, respondText } from '../http/respond.ts';
import type { GatewayContext } from '../session/context.ts';
import type { XmlLimits } from '../xml/reader.ts';
import { BodyError, legacyStatus, parseBody, renderTerminate, type BodyRequest } from './body.ts';
import { BoshSession, type BoshSessionSettings } from './bosh-session.ts';
import { DEFAULT_CONTENT_TYPE, negotiate, type NegotiationSettings } from './creation.ts';
import type { Exchange } from './pending.ts';

export interface BoshSettings extends BoshSessionSettings, NegotiationSettings {
  readonly maxBodyBytes: number;
  /** Limits of one `<body/>`. */
  readonly bodyXml: XmlLimits;
}

const METHODS = 'POST, GET, OPTIONS';

const WELCOME = `This is a BOSH endpoint (XEP-0124): XMPP clients in web pages connect here.
Give its address to one: it is the bosh_service_url of Converse.js, and the service of Strophe.js.
`;

/** BOSH over HTTP: requests in, answers out. */
export class BoshEndpoint {
  readonly #context: GatewayContext;
  readonly #settings: BoshSettings;
  readonly #origins: Origins;

  constructor(context: GatewayContext, settings: BoshSettings, origins: Origins) {
    this.#context = context;
    this.#settings = settings;
    this.#origins = origins;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#origins.mark(request, response);
    switch (request.method) {
      case 'POST':
        this.#post(request, response);
        break;
      case 'OPTIONS':
        request.resume();
        if (this.#origins.allows(request)) this.#origins.preflight(response, METHODS);
        else respondText(response, 403, 'This origin is not allowed.');
        break;
      case 'GET':
      case 'HEAD':
        request.resume();
        respond(response, 200, 'text/plain; charset=utf-8', WELCOME);
        break;
      default:
        request.resume();
        response.setHeader('Allow', METHODS);
        respondText(response, 405, 'BOSH is spoken by POST.');
    }
  }

  #post(request: IncomingMessage, response: ServerResponse): void {
    // Before anything is read: a text/plain POST needs no preflight (BOSH-CORS-05).
    if (!this.#origins.allows(request)) {
      respondAndClose(response, 403, 'This origin is not allowed.');
      return;
    }
    const coding = request.headers['content-encoding'];
    if (coding !== undefined && coding.toLowerCase() !== 'identity') {
      respondAndClose(response, 415, 'Compressed requests are not read here.');
      return;
    }
    readBody(request, this.#settings.maxBodyBytes, (body) => {
      if (body === 'too-large') respondAndClose(response, 413, 'The body is too large.');
      else if (body !== 'aborted') this.#receive(body, new HttpExchange(response), request.socket.remoteAddress ?? '');
    });
  }

  #receive(bytes: Buffer, exchange: HttpExchange, clientAddress: string): void {
    let request: BodyRequest | undefined;
    try {
      request = parseBody(bytes, this.#settings.bodyXml);
      if (request.sid === undefined) this.#create(request, exchange, clientAddress);
      else this.#continue(request.sid, request, exchange);
    } catch (error) {
      const code = codeOf(error);
      this.#context.log[ERRORS[code].level](
        { client: clientAddress, code, detail: reasonOf(error) },
        'request refused',
      );
      const session = error instanceof BodyError ? this.#session(error.sid) : undefined;
      const isLegacy = request !== undefined && request.sid === undefined && !request.attributes.has('ver');
      // A body that was not understood has no trustworthy sid, so no session suffers for it (conformance A-01).
      if (session === undefined) refuse(exchange, code, isLegacy);
      else session.fail(code, reasonOf(error), exchange);
    }
  }

  #create(request: BodyRequest, exchange: HttpExchange, clientAddress: string): void {
    if (request.type === 'terminate') {
      refuse(exchange, 'bad-request', false);
      return;
    }
    const agreement = negotiate(request, this.#settings);
    // The session answers when there is something to say; it lives in the registry.
    void new BoshSession(this.#context, this.#settings, agreement, request, exchange, clientAddress);
  }

  #continue(sid: string, request: BodyRequest, exchange: HttpExchange): void {
    const session = this.#session(sid);
    if (session === undefined) refuse(exchange, 'item-not-found', false);
    else session.receive(request, exchange);
  }

  #session(sid: string | undefined): BoshSession | undefined {
    const session = sid === undefined ? undefined : this.#context.registry.get(sid);
    return session instanceof BoshSession ? session : undefined;
  }
}

/** Overload passes, so it says when to come again, and Strophe does (conformance A-15); all else is final. */
function refuse(exchange: HttpExchange, code: ErrorCode, isLegacy: boolean): void {
  if (code === 'overload') exchange.retryLater();
  else exchange.answer(renderTerminate(ERRORS[code].bosh), DEFAULT_CONTENT_TYPE, isLegacy ? legacyStatus(code) : 200);
}

/** One POST and its answer. */
class HttpExchange implements Exchange {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  answer(body: string, contentType: string, status = 200): void {
    if (this.#response.destroyed || this.#response.headersSent) return;
    respond(this.#response, status, contentType, body);
  }

  retryLater(): void {
    this.#response.setHeader('Retry-After', '5');
    respondText(this.#response, 503, 'Too many sessions at the moment.');
  }

  onLost(lost: () => void): void {
    if (this.#response.destroyed) lost();
    else this.#response.once('close', () => this.#response.writableFinished || lost());
  }
}
