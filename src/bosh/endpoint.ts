import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import { clientAddress, mayContinue, securityOf } from '../http/client-address.ts';
import { CODINGS_READ } from '../http/content-coding.ts';
import type { Origins } from '../http/origins.ts';
import { letGoOfFields } from '../http/fields.ts';
import { readBody, type BodyResult, type BodySettings } from '../http/read-body.ts';
import { respond, respondAndClose, respondText } from '../http/respond.ts';
import { NOT_COUNTED, type Throttle } from '../http/throttle.ts';
import type { TrustedProxies } from '../http/trusted-proxies.ts';
import type { GatewayContext } from '../session/context.ts';
import { NS } from '../xml/ns.ts';
import type { XmlLimits } from '../xml/reader.ts';
import { escapeText } from '../xml/write.ts';
import { BodyError, legacyStatus, parseBody, renderTerminate, type BodyRequest } from './body.ts';
import { BoshSession } from './bosh-session.ts';
import type { BoshContext } from './context.ts';
import type { BoshSessionSettings } from './settings.ts';
import { DEFAULT_CONTENT_TYPE, negotiate, type NegotiationSettings } from './creation.ts';
import { LastWords, bid } from './last-words.ts';
import { HttpExchange, type ExchangeSettings } from './exchange.ts';
import { boshQuery, readScript } from './script.ts';

export interface BoshSettings extends BoshSessionSettings, NegotiationSettings, BodySettings, ExchangeSettings {
  /** Limits of one `<body/>`. */
  readonly bodyXml: XmlLimits;
  /** Whether BOSH may come by GET, as `?data=`. */
  readonly getRequests: boolean;
  /** Where clients are sent that ask for a session (XEP-0124 §17.2). */
  readonly seeOtherUri?: string | undefined;
}

const METHODS = 'POST, GET, OPTIONS';

const TEXT = 'text/plain; charset=utf-8';
const WELCOME = `This is a BOSH endpoint (XEP-0124): XMPP clients in web pages connect here.
Give its address to one: it is the bosh_service_url of Converse.js, and the service of Strophe.js.
`;

/** BOSH over HTTP: requests in, answers out. */
export class BoshEndpoint {
  /** What its sessions share, for those who make sessions without HTTP. */
  readonly context: BoshContext;
  readonly #settings: BoshSettings;
  readonly #origins: Origins;
  readonly #throttle: Throttle;
  readonly #proxies: TrustedProxies;

  constructor(
    context: GatewayContext,
    settings: BoshSettings,
    origins: Origins,
    throttle: Throttle,
    proxies: TrustedProxies,
  ) {
    this.context = { ...context, lastWords: new LastWords(context.clock) };
    this.#settings = settings;
    this.#origins = origins;
    this.#throttle = throttle;
    this.#proxies = proxies;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'POST') {
      this.#post(request, response);
      return;
    }
    this.#origins.mark(request, response);
    switch (request.method) {
      case 'OPTIONS':
        request.resume();
        if (this.#origins.allows(request)) this.#origins.preflight(request, response, METHODS);
        else respondText(response, 403, 'This origin is not allowed.');
        break;
      case 'GET':
        request.resume();
        this.#get(request, response);
        break;
      case 'HEAD':
        request.resume();
        respond(response, 200, TEXT, WELCOME);
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
      this.#origins.mark(request, response);
      respondAndClose(response, 403, 'This origin is not allowed.');
      return;
    }
    readBody(request, this.#settings, this.#posted, response);
  }

  readonly #posted = (body: BodyResult, request: IncomingMessage, response: ServerResponse): void => {
    if (typeof body === 'string') {
      this.#origins.mark(request, response);
      this.#refuseBody(body, response);
    } else this.#receive(body, request, this.#exchange(request, response));
  };

  #exchange(request: IncomingMessage, response: ServerResponse, callback?: string): HttpExchange {
    return new HttpExchange(request, response, this.#settings, this.#origins.fields(request), callback);
  }

  #refuseBody(why: Exclude<BodyResult, Buffer>, response: ServerResponse): void {
    switch (why) {
      case 'too-large':
        respondAndClose(response, 413, 'The body is too large.');
        break;
      case 'coding':
        // RFC 9110 §15.5.16: which ones would do.
        response.setHeader('Accept-Encoding', this.#settings.compression ? CODINGS_READ : 'identity');
        respondAndClose(response, 415, 'That coding is not read here.');
        break;
      case 'corrupt':
        respondText(response, 400, 'The body is not what its Content-Encoding says.');
    }
  }

  #get(request: IncomingMessage, response: ServerResponse): void {
    const query = boshQuery(request.url);
    if (query === undefined) {
      respond(response, 200, TEXT, WELCOME);
      return;
    }
    // XEP-0252's form, the bare body, is not spoken (BOSH-SCRIPT-01).
    const isServed = this.#settings.getRequests && !/^(?:<|%3c)/i.test(query);
    const script = isServed ? readScript(query) : undefined;
    if (!this.#origins.allows(request)) respondText(response, 403, 'This origin is not allowed.');
    else if (!isServed) respondText(response, 404, 'BOSH is spoken by POST here.');
    else if (script === undefined) respondText(response, 400, 'data or callback is malformed.');
    else if (script.data.byteLength > this.#settings.maxBodyBytes) respondText(response, 413, 'data is too large.');
    else {
      this.#receive(script.data, request, this.#exchange(request, response, script.callback));
    }
  }

  #receive(bytes: Buffer, http: IncomingMessage, exchange: HttpExchange): void {
    let request: BodyRequest | undefined;
    try {
      request = parseBody(bytes, this.#settings.bodyXml);
      if (request.sid === undefined) this.#create(request, exchange, http);
      else this.#continue(request.sid, request, exchange, http);
    } catch (error) {
      const code = codeOf(error);
      this.context.log[ERRORS[code].level](
        { client: clientAddress(http), code, detail: reasonOf(error) },
        'request refused',
      );
      const session = error instanceof BodyError ? this.#session(error.sid) : undefined;
      const isLegacy = request !== undefined && request.sid === undefined && !request.attributes.has('ver');
      // A body that was not understood has no trustworthy sid, so no session suffers for it (conformance A-01).
      if (session === undefined) refuse(exchange, code, isLegacy);
      else session.fail(code, reasonOf(error), exchange);
    }
  }

  #create(request: BodyRequest, exchange: HttpExchange, http: IncomingMessage): void {
    if (request.type === 'terminate') {
      refuse(exchange, 'bad-request', false);
      return;
    }
    const { seeOtherUri } = this.#settings;
    if (seeOtherUri !== undefined && !this.#proxies.isAt(http, seeOtherUri)) {
      const xml = `<uri>${escapeText(seeOtherUri)}</uri>`;
      const uri = { xml, name: 'uri', ns: NS.httpbind, bytes: Buffer.byteLength(xml) };
      exchange.answer(renderTerminate('see-other-uri', [uri]), DEFAULT_CONTENT_TYPE);
      return;
    }
    const agreement = negotiate(request, this.#settings);
    const address = clientAddress(http);
    const release = this.#throttle.admitSession(address);
    if (release === undefined) {
      exchange.retryLater('Too many sessions from one address at the moment.');
      return;
    }
    try {
      // The session answers when there is something to say; it lives in the registry.
      const session = new BoshSession(this.context, this.#settings, agreement, request, exchange, address);
      session.security = securityOf(http);
      if (release !== NOT_COUNTED) this.context.registry.whenOver(session.id, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  #continue(sid: string, request: BodyRequest, exchange: HttpExchange, http: IncomingMessage): void {
    const session = this.#session(sid);
    const first = session?.security;
    if (first !== undefined && !mayContinue(first, securityOf(http))) {
      // Whoever sends this is not to learn that the session exists, and cannot end it (XEP-0124 §19.1).
      http.socket.destroy();
    } else if (session !== undefined) {
      // One that was made without HTTP begins with its first request here.
      session.security ??= securityOf(http);
      letGoOfFields(http);
      session.receive(request, exchange);
    } else if (!this.#tellAgain(sid, exchange)) this.#refuseSid(exchange, http);
  }

  /** The session is over, and its client has not heard why. */
  #tellAgain(sid: string, exchange: HttpExchange): boolean {
    const farewell = this.context.lastWords.of(sid);
    if (farewell !== undefined) bid(exchange, farewell);
    return farewell !== undefined;
  }

  #refuseSid(exchange: HttpExchange, http: IncomingMessage): void {
    if (this.#throttle.admitUnknownSid(clientAddress(http))) refuse(exchange, 'item-not-found', false);
    else exchange.retryLater('Too many unknown sessions from one address.');
  }

  #session(sid: string | undefined): BoshSession | undefined {
    const session = sid === undefined ? undefined : this.context.registry.get(sid);
    return session instanceof BoshSession ? session : undefined;
  }
}

function refuse(exchange: HttpExchange, code: ErrorCode, isLegacy: boolean): void {
  if (code === 'overload') exchange.retryLater('Too many sessions at the moment.');
  else exchange.answer(renderTerminate(ERRORS[code].bosh), DEFAULT_CONTENT_TYPE, isLegacy ? legacyStatus(code) : 200);
}
