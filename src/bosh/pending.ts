import type { Text } from '../core/encoding.ts';
import type { Stanza } from '../core/ports.ts';
import type { Stream } from '../stream/stream.ts';
import { NO_REQUEST, isEmptyRequest, textOfBody, renderBody, type BodyRequest } from './body.ts';
import type { HeldRequest } from './holder.ts';

/** One HTTP request that waits for its answer. */
export interface Exchange {
  /** What it came on; the same object for all requests of one connection. */
  readonly connection: object;
  /** False once nothing can reach the client on it, though the loss may be told later. */
  readonly isOpen: boolean;
  /** Answers with HTTP 200 unless another status is given; a long body comes in pieces. Called once. */
  answer(body: Text, contentType: string, status?: number): void;
  /**
   * To be told where the connection dies first: before an answer, or before it was written out; at once where it is not open any
   * more. Asked before the answer. The last one counts.
   */
  tellLoss(owner: ExchangeOwner): void;
}

/** Who waits for the answer, or gave it. */
export interface ExchangeOwner {
  onLost(exchange: Exchange): void;
}

/** Whose request it is. */
export interface PendingOwner {
  /** The client's connection died; the request stays open for a repeat. */
  onConnectionLost(): void;
}

/** A request in the window: parked before its turn, held after it. */
export class Pending implements HeldRequest, ExchangeOwner {
  readonly rid: number;
  request: BodyRequest;
  deadline: number;
  /** The stream that this request opens; it carries nothing of another. */
  opens: Stream | undefined;
  /** Why it could open none. */
  refusal: PastAnswer['values'] | undefined;
  /** It came on a connection that had not carried this session before. */
  isStranger = false;
  /** A duplicated tab sent it, and was told that it has no session. */
  isCopy = false;
  #exchange: Exchange | undefined;
  readonly #owner: PendingOwner;

  constructor(request: BodyRequest, exchange: Exchange, deadline: number, owner: PendingOwner) {
    this.rid = request.rid;
    this.request = request;
    this.deadline = deadline;
    this.#owner = owner;
    this.attach(exchange);
  }

  get isAlive(): boolean {
    return this.#exchange !== undefined && this.#exchange.isOpen;
  }

  get isOpening(): boolean {
    return this.opens !== undefined;
  }

  get isBare(): boolean {
    return this.request.pause !== undefined;
  }

  get exchange(): Exchange | undefined {
    return this.#exchange;
  }

  /** The connection on which the answer is awaited from now on. */
  attach(exchange: Exchange): void {
    this.#exchange = exchange;
    exchange.tellLoss(this);
  }

  onLost(exchange: Exchange): void {
    if (this.#exchange !== exchange) return;
    this.#exchange = undefined;
    this.#owner.onConnectionLost();
  }

  /** Takes the connection away, to be answered by the caller. */
  detach(): Exchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    return exchange;
  }

  /** It is in its turn, and may be held for long: one that said nothing needs no more than that. */
  performed(): void {
    if (isEmptyRequest(this.request) && !this.request.attributes.has('key')) this.request = NO_REQUEST;
  }

  /** Asks the client to come again with this and all it has open (XEP-0124 §17.3). The request itself is kept. */
  turnAway(contentType: string): void {
    this.detach()?.answer(renderBody({ type: 'error' }, []), contentType);
  }
}

/** What a request was answered with, in a form that gives the same bytes again. */
export interface PastAnswer {
  readonly values: Readonly<Record<string, string | number | undefined>>;
  readonly payload: readonly Stanza[];
  /** The request said nothing. */
  wasEmpty: boolean;
  readonly wasStranger: boolean;
  /** The request never came: its page was reloaded, and went on. */
  readonly wasSkipped?: boolean;
  /** Whose payload it is. */
  readonly stream: Stream | undefined;
  /** The request's key, where the session has keys. */
  readonly key: string | undefined;
  /** When it was given, on the session's clock (ms). */
  readonly at: number;
  /** How often it was given. Not on what: an answered request would stay in memory with all that belongs to it. */
  times: number;
  /** The connection died before the answer was written out, and nobody has asked again. */
  isLost: boolean;
}

/** An empty answer to a request that said nothing. */
export const NOTHING = {
  values: {},
  payload: [],
  wasEmpty: true,
  wasStranger: false,
  stream: undefined,
  key: undefined,
  times: 0,
  isLost: false,
} satisfies Partial<PastAnswer>;

/** An answer that is on its way for the so many-th time. */
class Given implements ExchangeOwner {
  readonly #answer: PastAnswer;
  readonly #time: number;

  constructor(answer: PastAnswer, time: number) {
    this.#answer = answer;
    this.#time = time;
  }

  onLost(): void {
    // A client that asked again elsewhere has given up this connection.
    if (this.#answer.times === this.#time) this.#answer.isLost = true;
  }
}

/** Answers with it, at first or again: the same bytes each time. */
export function giveAnswer(answer: PastAnswer, exchange: Exchange, contentType: string): void {
  answer.isLost = false;
  exchange.tellLoss(new Given(answer, ++answer.times));
  exchange.answer(textOfBody(answer.values, answer.payload), contentType);
}
