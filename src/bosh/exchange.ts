import type { IncomingMessage, ServerResponse } from 'node:http';
import { acceptedCoding, encode, type Coding } from '../http/content-coding.ts';
import { respond, respondText } from '../http/respond.ts';
import type { Exchange } from './pending.ts';
import { SCRIPT_TYPE, renderScript } from './script.ts';

export interface ExchangeSettings {
  readonly compression: boolean;
  readonly compressAboveBytes: number;
}

/** One HTTP request and its answer. */
export class HttpExchange implements Exchange {
  readonly connection: object;
  readonly #response: ServerResponse;
  readonly #settings: ExchangeSettings;
  readonly #coding: Coding | undefined;
  readonly #callback: string | undefined;

  /** `callback`: the answer is a script that calls it. */
  constructor(request: IncomingMessage, response: ServerResponse, settings: ExchangeSettings, callback?: string) {
    this.connection = request.socket;
    this.#response = response;
    this.#settings = settings;
    this.#coding = settings.compression ? acceptedCoding(request.headers['accept-encoding']) : undefined;
    this.#callback = callback;
  }

  answer(body: string, contentType: string, status = 200): void {
    if (this.#response.destroyed || this.#response.headersSent) return;
    // A script that comes with an error status is not run.
    if (this.#callback === undefined) this.#send(status, contentType, body);
    else this.#send(200, SCRIPT_TYPE, renderScript(this.#callback, body));
  }

  /** Overload passes, so it says when to come again, and Strophe does (conformance A-15). */
  retryLater(text: string): void {
    this.#response.setHeader('Retry-After', '5');
    respondText(this.#response, 503, text);
  }

  onLost(lost: () => void): void {
    if (this.#response.destroyed) lost();
    else this.#response.once('close', () => this.#response.writableFinished || lost());
  }

  #send(status: number, contentType: string, text: string): void {
    if (this.#settings.compression) this.#response.appendHeader('Vary', 'Accept-Encoding');
    const coding = this.#coding;
    if (coding === undefined || Buffer.byteLength(text) <= this.#settings.compressAboveBytes) {
      respond(this.#response, status, contentType, text);
      return;
    }
    this.#response.setHeader('Content-Encoding', coding);
    respond(this.#response, status, contentType, encode(text, coding));
  }
}
