import type { Timer } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { ERRORS, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import { randomId } from '../core/id.ts';
import type { Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';
import { withItem } from '../core/short-list.ts';
import type { Security } from '../http/client-address.ts';
import { Session, type SessionOwner } from '../session/session.ts';
import type { Stream } from '../stream/stream.ts';
import { acknowledgedRid, ackValues, reportOf, type Report } from './acks.ts';
import { Activity } from './activity.ts';
import { NO_VALUES, isEmptyRequest, renderBody, renderTerminate, type BodyRequest } from './body.ts';
import type { BoshContext } from './context.ts';
import { announced, patienceOf, type Agreement } from './creation.ts';
import { Deliveries } from './deliveries.ts';
import { aliveOf, isAlive, nextAnswer, nextDeadline, type Answer, type EndKind } from './holder.ts';
import { NOTHING, Pending, giveAnswer, type Exchange, type PastAnswer, type PendingOwner } from './pending.ts';
import { bid, farewellOf } from './last-words.ts';
import { Repeats, type RepeatsOwner } from './repeats.ts';
import { RequestHandler, type Effect } from './request-handler.ts';
import type { BoshSessionSettings } from './settings.ts';
import { RidWindow, type WindowOwner } from './window.ts';

/** So long a request may be passed by a later one (ms): what is late then was never sent. */
const GAP_MS = 3000;

/** One BOSH session: does what the window and the holder decide (XEP-0124, XEP-0206). */
export class BoshSession implements SessionOwner, PendingOwner, RepeatsOwner, WindowOwner<PastAnswer> {
  /** What the clock calls with a session, again and again: no closure for each. */
  static readonly #timed = {
    due: (session: BoshSession): void => session.#due(),
    gathered: (session: BoshSession): void => session.#gathered(),
  };
  readonly id = randomId();
  /** Of the connection on which it began; undefined where it was made without one. */
  security: Security | undefined;
  readonly #agreement: Agreement;
  readonly #context: BoshContext;
  readonly #settings: BoshSessionSettings;
  readonly #session: Session;
  readonly #deliveries: Deliveries;
  readonly #handler: RequestHandler;
  readonly #window: RidWindow<Pending, PastAnswer>;
  readonly #activity: Activity;
  readonly #repeats: Repeats;
  readonly #creationRid: number;
  /** Ascending by rid. */
  #held: readonly Pending[] = [];
  /** Said in the next answer, once: which answer the client has not acknowledged, and since when (XEP-0124 §9.2). */
  #report: Report | undefined;
  #isPausing = false;
  #isGathering = false;
  /** Undefined where there was none yet. */
  #fullStreams: Set<Stream> | undefined;
  #end: { readonly by: EndKind; readonly end: StreamEnd | undefined } | undefined;
  #isOver = false;
  /** When something is to be answered though nothing happens. */
  readonly #deadline: Deadline<BoshSession>;
  #gap: Timer | undefined;
  /** When the client has been away for too long; Infinity while it is there. */
  #goneAt = Infinity;
  /** So long the client may be away (s). */
  #patience: number;

  /** Throws `GatewayError`, and then there is no session. The creation request is answered when there is something to say. */
  constructor(
    context: BoshContext,
    settings: BoshSessionSettings,
    agreement: Agreement,
    request: BodyRequest,
    exchange: Exchange,
    clientAddress: string,
  ) {
    const { rid, payload } = request;
    this.#context = context;
    this.#settings = settings;
    this.#agreement = agreement;
    this.#patience = patienceOf(agreement);
    this.#creationRid = rid;
    this.#deadline = new Deadline<BoshSession>(context.clock, BoshSession.#timed.due, this);
    const { requests, acknowledges } = agreement;
    this.#window = new RidWindow(rid, requests, settings.maxReplayBytes, acknowledges, this);
    this.#activity = new Activity(settings, agreement.polling, context.clock);
    this.#session = new Session(context, settings, this, 'bosh', clientAddress);
    this.#deliveries = new Deliveries(settings.maxStreamsPerSession > 1);
    this.#repeats = new Repeats(this.#window, agreement, this.#activity, context.clock, this);
    this.#handler = new RequestHandler(this.#session, this.#deliveries, agreement, settings.maxStreamsPerSession);
    const pending = this.#pending(request, exchange, this.#openingWait());
    const stream = (pending.opens = this.#handler.create());
    this.#repeats.carries(pending);
    this.#held = [pending];
    this.#forward(payload, [stream], exchange);
    this.#settle();
  }

  #openingWait(): number {
    return Math.min(this.#agreement.wait, this.#settings.creationWaitSeconds);
  }

  /** A request with this session's sid. */
  receive(request: BodyRequest, exchange: Exchange): void {
    const { rid } = request;
    this.#goneAt = Infinity;
    const verdict = this.#window.judge(rid);
    if ((verdict === 'repeat' || verdict === 'replay') && !this.#repeats.allows(request, exchange)) return;
    if (verdict === 'accept' && !this.#repeats.admits(request, exchange)) return;
    if (verdict === 'accept' || verdict === 'park') this.#acknowledged(request);
    switch (verdict) {
      case 'accept':
        this.#repeats.requeueLost(this.#creationRid);
        this.#accept(this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'park':
        this.#window.park(this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'repeat':
        this.#repeats.supersede(request, exchange);
        break;
      case 'replay':
        this.#repeats.replay(request, exchange);
        break;
      case 'refuse':
        this.#repeats.refuse(rid, exchange);
        break;
    }
    this.#settle();
  }

  #pending(request: BodyRequest, exchange: Exchange, waitSeconds: number): Pending {
    return new Pending(request, exchange, this.#context.clock.now() + waitSeconds * 1000, this);
  }

  onConnectionLost(): void {
    this.#settle();
  }

  #accept(first: Pending | undefined): void {
    for (let pending = first; pending !== undefined; pending = this.#window.unpark()) {
      const { request, exchange } = pending;
      this.#window.accept(pending.rid);
      this.#watchActivity(request, exchange);
      if (this.#isOver) return;
      this.#repeats.carries(pending);
      this.#held = withItem(this.#held, pending);
      if (this.#end === undefined) this.#process(pending);
      if (this.#isOver) return;
    }
  }

  /** Ascending by rid. */
  get held(): readonly Pending[] {
    return this.#held;
  }

  forward(payload: readonly Stanza[], exchange: Exchange): void {
    this.#forward(payload, this.#session.streams, exchange);
  }

  #forward(payload: readonly Stanza[], streams: readonly Stream[], exchange: Exchange): void {
    try {
      this.#handler.forward(payload, streams);
    } catch (error) {
      this.fail(codeOf(error), reasonOf(error), exchange);
    }
  }

  #process(pending: Pending): void {
    const { exchange } = pending;
    this.#isPausing = false;
    this.#patience = patienceOf(this.#agreement);
    try {
      this.#take(pending, this.#handler.perform(pending));
      pending.performed();
    } catch (error) {
      this.fail(codeOf(error), reasonOf(error), exchange);
    }
  }

  acknowledged(rid: number, past: PastAnswer): void {
    if (!past.isLost) this.#session.acknowledged(rid, past.payload, past.stream);
  }

  #take(pending: Pending, { pause, end }: Effect): void {
    if (pending.isOpening) pending.deadline = this.#context.clock.now() + this.#openingWait() * 1000;
    this.#isPausing = pause !== undefined;
    // A pause of 0 answers all requests and changes no timer (BOSH-PAUSE-09).
    if (pause !== undefined && pause > 0) this.#patience = pause;
    if (end !== undefined) this.#end ??= end;
  }

  /** Too many requests for nothing end the session; until the client has logged in it has to ask (BOSH-POLL-05). */
  #watchActivity(request: BodyRequest, exchange: Exchange | undefined): void {
    if (!this.#session.isAuthenticated) return;
    const isFine = this.#activity.request(isEmptyRequest(request), aliveOf(this.#held) + 1 >= this.#agreement.requests);
    if (!isFine) this.fail('policy-violation', 'overactive', exchange);
  }

  #acknowledged(request: BodyRequest): void {
    if (!this.#agreement.acknowledges) return;
    const ack = acknowledgedRid(request);
    this.#window.acknowledge(ack);
    this.#report = reportOf(request, this.#window.answerTo(ack + 1), this.#context.clock.now());
  }

  /** Answers what is to be answered now, and sets the timers for the rest. */
  #settle(): void {
    if (this.#isOver) return;
    const now = this.#context.clock.now();
    for (let answer = this.#next(now); answer !== undefined; answer = this.#next(now)) {
      const held = this.#held[0] as Pending;
      this.#held = this.#held.slice(1);
      if (answer.content === 'end') this.#conclude(held.detach());
      else this.#answer(held, answer.content === 'payload', now);
      if (this.#isOver) return;
    }
    if (this.#held.length === 0) this.#isPausing = false;
    this.#answerStaleParked(now);
    this.#setTimers(now);
  }

  #next(now: number): Answer | undefined {
    if (this.#held.length === 0 || this.#repeats.isInDoubt(now)) return undefined;
    const { hold, polling } = this.#agreement;
    const oldest = this.#held.find(isAlive);
    return nextAnswer({
      held: this.#held,
      hold,
      polling,
      hasPayload: oldest?.refusal !== undefined || this.#deliveries.hasFor(oldest?.opens),
      isReporting: this.#report !== undefined,
      isPausing: this.#isPausing,
      serverIsFull: (this.#fullStreams?.size ?? 0) > 0,
      end: this.#end?.by,
      now,
    });
  }

  #answer(held: Pending, withPayload: boolean, at: number): void {
    const { rid, opens, refusal, request } = held;
    const exchange = held.detach();
    const key = this.#agreement.newKey === undefined ? undefined : request.attributes.get('key');
    const wasEmpty = isEmptyRequest(request);
    const wasStranger = held.isStranger;
    if (exchange === undefined) {
      // A dead connection is passed over empty, and what was to be told waits for a living one.
      this.#window.answered(rid, { ...NOTHING, at, key, wasEmpty, wasStranger }, 0);
      return;
    }
    const isCreation = rid === this.#creationRid;
    const maxBytes = withPayload && refusal === undefined ? this.#settings.maxResponseBytes : 0;
    const delivery = this.#deliveries.take(opens, maxBytes);
    const { payload, stream, ended } = delivery;
    const own = isCreation ? announced(this.#agreement, this.id, rid) : ackValues(rid, this.#window.last, this.#report);
    const isPlain = delivery.values === NO_VALUES && refusal === undefined;
    const values = isPlain ? own : { ...own, ...delivery.values, ...refusal };
    this.#report = undefined;
    let bytes = 0;
    for (const stanza of payload) bytes += stanza.bytes;
    const answer: PastAnswer = { at, key, wasEmpty, wasStranger, values, payload, stream, times: 0, isLost: false };
    const isKept = this.#window.answered(rid, answer, bytes, held.isBare);
    this.#activity.answered(payload.length > 0);
    this.#repeats.answered(at);
    giveAnswer(answer, exchange, this.#agreement.content);
    if (ended !== undefined) this.#handler.end(ended);
    if (isCreation) this.#goneAt = at + Math.min(this.#settings.firstRequestSeconds, this.#patience) * 1000;
    if (!isKept) this.#endFor({ code: 'policy-violation', detail: 'answers are not acknowledged' });
  }

  /** A gap that does not fill must not hold a socket for ever: the client is to come again with both (BOSH-RID-07). */
  #answerStaleParked(now: number): void {
    for (const pending of this.#window.allParked()) {
      if (pending.deadline <= now) pending.turnAway(this.#agreement.content);
    }
  }

  #setTimers(now: number): void {
    if (!this.#repeats.hasIdleGap()) {
      this.#gap?.cancel();
      this.#gap = undefined;
    } else this.#gap ??= this.#context.clock.after(GAP_MS, () => this.#skipGap());
    // The client is away only while nothing of it is held, and only what it sends itself shows that it is not (XEP-0124 §10).
    if (this.#held.some(isAlive)) this.#goneAt = Infinity;
    else if (this.#goneAt === Infinity) this.#goneAt = now + this.#patience * 1000;
    const waits = Math.min(nextDeadline(this.#held), nextDeadline(this.#window.allParked()));
    this.#deadline.set(Math.min(this.#repeats.doubtUntil ?? waits, this.#goneAt));
  }

  #due(): void {
    if (this.#goneAt <= this.#context.clock.now()) this.#finish({ code: 'client-gone' });
    else this.#settle();
  }

  #skipGap(): void {
    this.#gap = undefined;
    if (!this.#repeats.hasIdleGap()) return;
    this.#repeats.requeueLost(this.#creationRid);
    this.#repeats.skipGap();
    this.#accept(this.#window.unpark());
    this.#settle();
  }

  /** Tells the client how the session ended: on `exchange` the reason, on all else it has open an empty body (§13). */
  #conclude(exchange: Exchange | undefined): void {
    const { end, by } = this.#end ?? { end: undefined, by: 'told' };
    const condition = by === 'asked' ? undefined : ERRORS[end?.code ?? 'upstream-closed'].bosh;
    // No stanzas: Strophe throws them away, and stanza breaks on them (conformance A-18). What is left is undelivered.
    const error = by !== 'asked' && end?.error !== undefined ? [end.error] : [];
    this.#sayLast(exchange, renderTerminate(condition, error), end?.code);
    this.#finish(end);
  }

  /** The client or the gateway broke the session: the request that did it learns why, the others that it is over (§17.2). */
  fail(code: ErrorCode, detail: string, culprit?: Exchange): void {
    if (this.#isOver) return;
    const others = this.#takeOpen().filter((exchange) => exchange !== culprit);
    const reason = culprit ?? others.shift();
    const itIsOver = farewellOf(renderTerminate(ERRORS['other-request'].bosh), 'other-request', this.#agreement);
    for (const other of others) bid(other, itIsOver);
    this.#sayLast(reason, renderTerminate(ERRORS[code].bosh), code);
    this.#finish({ code, detail });
  }

  #sayLast(exchange: Exchange | undefined, body: string, code: ErrorCode | undefined): void {
    this.#context.lastWords.say(this.id, farewellOf(body, code, this.#agreement), this.#agreement.wait, exchange);
  }

  #takeOpen(): Exchange[] {
    const open = [...this.#held, ...this.#window.allParked()].map((pending) => pending.detach());
    this.#held = [];
    return open.filter((exchange) => exchange !== undefined);
  }

  #finish(end: StreamEnd | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#repeats.release();
    if (end?.code === 'client-gone') this.#repeats.requeueLost(this.#creationRid);
    this.#deadline.cancel();
    this.#gap?.cancel();
    const body = end?.code === 'client-gone' ? renderTerminate(ERRORS['client-gone'].bosh) : renderBody({}, []);
    for (const exchange of this.#takeOpen()) exchange.answer(body, this.#agreement.content);
    this.#session.finish(end);
  }

  onHeader(header: StreamHeader, stream: Stream): void {
    if (this.#session.streams.includes(stream)) this.#deliveries.announce(stream, header);
  }

  /** What comes in one read leaves in one answer. */
  onReadable(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#context.clock.soon(BoshSession.#timed.gathered, this);
  }

  #gathered(): void {
    this.#isGathering = false;
    this.#settle();
  }

  onFlow(full: boolean, stream: Stream): void {
    if (full) (this.#fullStreams ??= new Set()).add(stream);
    else if (this.#fullStreams?.delete(stream) === true) this.#settle();
  }

  /** The last stream takes the session with it; another one ends alone (XEP-0124 §16.6). */
  onEnd(end: StreamEnd | undefined, stream: Stream): void {
    this.#fullStreams?.delete(stream);
    if (!this.#session.streams.includes(stream)) return;
    const others = this.#session.streams.filter((other) => other !== stream && !other.isOver);
    if (others.length > 0) this.#deliveries.end(stream, end);
    else this.#end ??= { by: 'told', end };
    this.#settle();
  }

  onUnauthenticated(): void {
    this.#endFor({ code: 'connection-timeout', detail: 'not authenticated in time' });
    this.#settle();
  }

  shutDown(): void {
    this.#endFor({ code: 'system-shutdown' });
    this.#settle();
  }

  /** The gateway ends the session: the servers learn it at once, the client as soon as it has a request open. */
  #endFor(end: StreamEnd): void {
    this.#end ??= { by: 'broken', end };
    for (const stream of this.#session.streams) this.#session.close(stream, end);
  }

  destroy(): void {
    this.#finish({ code: 'system-shutdown' });
  }
}
