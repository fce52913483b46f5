import type { IncomingMessage, ServerResponse } from 'node:http';
import { acceptedCoding, encode } from '../http/content-coding.ts';
import { joined, measured, type Text } from '../core/encoding.ts';
import { respond, type Fields } from '../http/respond.ts';
import type { Exchange, ExchangeOwner } from './pending.ts';
import { SCRIPT_TYPE, renderScript } from './script.ts';

export interface ExchangeSettings {
  readonly compression: boolean;
  readonly compressAboveBytes: number;
}

/** On the response itself: a listener that is a closure costs more, and there is one for each request. */
const exchangeOf = Symbol('exchange');

interface Carrying extends ServerResponse {
  [exchangeOf]?: HttpExchange;
}

/** One HTTP request and its answer. */
export class HttpExchange implements Exchange {
  readonly connection: IncomingMessage['socket'];
  readonly #response: Carrying;
  readonly #settings: ExchangeSettings;
  readonly #fields: Fields;
  readonly #callback: string | undefined;
  readonly #acceptEncoding: string | undefined;
  #owner: ExchangeOwner | undefined;

  /** `fields`: of every answer. `callback`: the answer is a script that calls it. */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    settings: ExchangeSettings,
    fields: Fields,
    callback?: string,
  ) {
    this.connection = request.socket;
    this.#response = response;
    this.#settings = settings;
    this.#fields = fields;
    this.#callback = callback;
    this.#acceptEncoding = settings.compression ? request.headers['accept-encoding'] : undefined;
  }

  /** The connection's own word: HTTP tells some events later that it is gone, and until then takes an answer as if it had been sent. */
  get isOpen(): boolean {
    return this.connection.writable;
  }

  answer(body: Text, contentType: string, status = 200): void {
    if (!this.isOpen || this.#response.headersSent) return;
    // A script that comes with an error status is not run.
    if (this.#callback === undefined) this.#send(status, contentType, body);
    else this.#send(200, SCRIPT_TYPE, renderScript(this.#callback, joined(body)));
  }

  /** Overload passes, so it says when to come again, and Strophe does (conformance A-15). */
  retryLater(text: string): void {
    this.#respond(503, 'text/plain; charset=utf-8', `${text}\n`, ['Retry-After', '5']);
  }

  tellLoss(owner: ExchangeOwner): void {
    if (!this.isOpen) {
      owner.onLost(this);
      return;
    }
    const response = this.#response;
    if (this.#owner === undefined) {
      response[exchangeOf] = this;
      response.on('close', closed);
    }
    this.#owner = owner;
  }

  /** For the response alone. */
  closed(): void {
    if (!this.#response.writableFinished) this.#owner?.onLost(this);
  }

  #send(status: number, contentType: string, body: Text): void {
    const { compression, compressAboveBytes } = this.#settings;
    const vary = compression ? VARY : NO_FIELDS;
    const text = measured(body);
    const isLong = compression && text.bytes > compressAboveBytes;
    const coding = isLong ? acceptedCoding(this.#acceptEncoding) : undefined;
    if (coding === undefined) this.#respond(status, contentType, text, vary);
    else this.#respond(status, contentType, encode(joined(text), coding), [...vary, 'Content-Encoding', coding]);
  }

  #respond(status: number, contentType: string, body: Text | Buffer, more: Fields): void {
    respond(this.#response, status, contentType, body, 'no-store', this.#fields, more);
  }
}

const NO_FIELDS: Fields = [];
const VARY: Fields = ['Vary', 'Accept-Encoding'];

function closed(this: Carrying): void {
  this[exchangeOf]?.closed();
}
