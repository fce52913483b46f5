import type { Timer } from '../core/clock.ts';
import { ERRORS, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import { randomId } from '../core/id.ts';
import type { Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';
import type { GatewayContext } from '../session/context.ts';
import { Session, type SessionOwner } from '../session/session.ts';
import type { Stream } from '../stream/stream.ts';
import { acknowledgedRid, ackValues, reportOf, type Report } from './acks.ts';
import { Activity } from './activity.ts';
import { isEmptyRequest, legacyStatus, renderBody, renderTerminate, type BodyRequest } from './body.ts';
import { announced, type Agreement } from './creation.ts';
import { Deliveries } from './deliveries.ts';
import { nextAnswer, nextDeadline, type EndKind } from './holder.ts';
import { isSameKey } from './keys.ts';
import { Pending, giveAnswer, type Exchange, type PastAnswer } from './pending.ts';
import { RequestHandler } from './request-handler.ts';
import type { BoshSessionSettings } from './settings.ts';
import { TabWatch, compare } from './tab-watch.ts';
import { RidWindow } from './window.ts';

/** One BOSH session: does what the window and the holder decide (XEP-0124, XEP-0206). */
export class BoshSession implements SessionOwner {
  readonly id = randomId();
  readonly #agreement: Agreement;
  readonly #context: GatewayContext;
  readonly #settings: BoshSessionSettings;
  readonly #session: Session;
  readonly #deliveries: Deliveries;
  readonly #handler: RequestHandler;
  readonly #window: RidWindow<Pending, PastAnswer>;
  readonly #activity: Activity;
  readonly #tabs = new TabWatch();
  readonly #creationRid: number;
  #held: Pending[] = [];
  /** Said in the next answer, once: which answer the client has not acknowledged, and since when (XEP-0124 §9.2). */
  #report: Report | undefined;
  #isPausing = false;
  readonly #fullStreams = new Set<Stream>();
  #end: { readonly by: EndKind; readonly end: StreamEnd | undefined } | undefined;
  #isOver = false;
  #wait: Timer | undefined;
  #inactivity: Timer | undefined;
  #inactivitySeconds: number;
  #firstRequest: Timer | undefined;

  /** Throws `GatewayError`, and then there is no session. The creation request is answered when there is something to say. */
  constructor(
    context: GatewayContext,
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
    this.#inactivitySeconds = agreement.inactivity;
    this.#creationRid = rid;
    this.#window = new RidWindow(rid, agreement.requests, settings.maxReplayBytes, agreement.acknowledges);
    this.#activity = new Activity(settings, agreement.polling, context.clock);
    this.#session = new Session(context, settings, this, 'bosh', clientAddress);
    this.#deliveries = new Deliveries(settings.maxStreamsPerSession > 1);
    this.#handler = new RequestHandler(this.#session, this.#deliveries, agreement, settings.maxStreamsPerSession);
    const pending = this.#pending(request, exchange, this.#openingWait());
    const stream = (pending.opens = this.#handler.create());
    this.#held.push(pending);
    this.#perform(exchange, () => this.#handler.forward(payload, [stream]));
    this.#settle();
  }

  #openingWait(): number {
    return Math.min(this.#agreement.wait, this.#settings.creationWaitSeconds);
  }

  /** A request with this session's sid. */
  receive(request: BodyRequest, exchange: Exchange): void {
    const { rid } = request;
    this.#firstRequest?.cancel();
    this.#stopInactivity();
    const verdict = this.#window.judge(rid);
    if ((verdict === 'repeat' || verdict === 'replay') && !this.#mayRepeat(request, exchange)) return;
    if (verdict === 'accept' || verdict === 'park') this.#acknowledged(request);
    switch (verdict) {
      case 'accept':
        this.#accept(this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'park':
        this.#window.park(rid, this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'repeat':
        this.#supersede(request, exchange);
        break;
      case 'replay':
        this.#replay(request, exchange);
        break;
      case 'refuse':
        this.#refuse(rid, exchange);
        break;
    }
    this.#settle();
  }

  #pending(request: BodyRequest, exchange: Exchange, waitSeconds: number): Pending {
    return new Pending(request, exchange, this.#context.clock.now() + waitSeconds * 1000, () => this.#settle());
  }

  #accept(first: Pending): void {
    this.#requeueLost();
    for (let next: Pending | undefined = first; next !== undefined; next = this.#window.unpark()) {
      const pending = next;
      const { request, exchange } = pending;
      this.#window.accept(pending.rid);
      this.#watchActivity(request, exchange);
      if (this.#isOver) return;
      this.#held.push(pending);
      if (this.#end === undefined) this.#perform(exchange, () => this.#process(pending));
      if (this.#isOver) return;
    }
  }

  #perform(exchange: Exchange | undefined, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(codeOf(error), reasonOf(error), exchange);
    }
  }

  #process(pending: Pending): void {
    this.#isPausing = false;
    this.#inactivitySeconds = this.#agreement.inactivity;
    const { pause, end } = this.#handler.perform(pending);
    if (pending.isOpening) pending.deadline = this.#context.clock.now() + this.#openingWait() * 1000;
    this.#isPausing = pause !== undefined;
    // A pause of 0 answers all requests and changes no timer (BOSH-PAUSE-09).
    if (pause !== undefined && pause > 0) this.#inactivitySeconds = pause;
    if (end !== undefined) this.#end ??= end;
  }

  /** Too many requests for nothing end the session; until the client has logged in it has to ask (BOSH-POLL-05). */
  #watchActivity(request: BodyRequest, exchange: Exchange | undefined): void {
    const alive = this.#held.filter(({ isAlive }) => isAlive).length;
    if (alive > 0 && alive >= this.#agreement.hold) this.#tabs.overlaps(request.rid);
    if (!this.#session.isAuthenticated) return;
    const isFine = this.#activity.request(isEmptyRequest(request), alive + 1 >= this.#agreement.requests);
    if (!isFine) this.fail('policy-violation', 'overactive', exchange);
  }

  #acknowledged(request: BodyRequest): void {
    if (!this.#agreement.acknowledges) return;
    const ack = acknowledgedRid(request);
    this.#window.acknowledge(ack);
    this.#report = reportOf(request, this.#window.answerTo(ack + 1), this.#context.clock.now());
  }

  /** False where the session is over for it: too many repeats, or by somebody who does not have the key (BOSH-BRK-10). */
  #mayRepeat({ rid, attributes }: BodyRequest, exchange: Exchange): boolean {
    const first = this.#find(rid)?.request.attributes.get('key') ?? this.#window.answerTo(rid)?.key;
    if (!this.#activity.repeat()) this.fail('policy-violation', 'too many repeats of a request', exchange);
    else if (this.#agreement.newKey !== undefined && !isSameKey(first, attributes.get('key'))) {
      this.fail('item-not-found', 'the key of a repeat differs', exchange);
    }
    return !this.#isOver;
  }

  #find(rid: number): Pending | undefined {
    return this.#held.find((held) => held.rid === rid) ?? this.#window.parked(rid);
  }

  /** The newer connection takes the place; the older is told to come back, and only it (XEP-0124 §14.3, conformance A-19). */
  #supersede(request: BodyRequest, exchange: Exchange): void {
    const { rid, payload } = request;
    const pending = this.#find(rid);
    if (pending === undefined) return;
    const says = compare(payload, pending.request.payload);
    if (pending.isAlive && this.#tabs.isCopy(rid, says)) {
      // The copy learns that it has no session, and gets one of its own; what the first tab says is not lost with it.
      pending.detach()?.answer(renderTerminate(ERRORS['item-not-found'].bosh), this.#agreement.content);
      if (says === 'something else') this.#forwardAll(payload, exchange);
      pending.request = request;
    } else {
      pending.turnAway(this.#agreement.content);
    }
    if (!pending.isOpening) pending.deadline = this.#context.clock.now() + this.#agreement.wait * 1000;
    pending.attach(exchange);
  }

  /**
   * The client went on without asking again for an answer that never reached it, as a reloaded page does: what stood in it is
   * delivered with the next one, and a late repeat gets an empty body (BOSH-BRK-06).
   */
  #requeueLost(): void {
    for (const [rid, past] of this.#window.newestAnswers()) {
      if (past.payload.length === 0 || rid === this.#creationRid) continue;
      // What came after it has reached the client: it can only wait to be asked for (BOSH-PAY-07).
      if (!past.isLost) break;
      past.stream?.outbox.putBack(past.payload);
      this.#window.replaceAnswer(rid, { ...past, values: {}, payload: [], isLost: false }, 0);
    }
  }

  /** Outside the window. A rid of long ago, while a request is held, is a duplicated tab's: the first tab lives on. */
  #refuse(rid: number, exchange: Exchange): void {
    if (rid <= this.#window.last && this.#held.some(({ isAlive }) => isAlive)) {
      this.#reply(exchange, renderTerminate(ERRORS['item-not-found'].bosh), 'item-not-found');
    } else this.fail('item-not-found', 'rid outside the window', exchange);
  }

  #forwardAll(payload: readonly Stanza[], exchange: Exchange): void {
    this.#perform(exchange, () => this.#handler.forward(payload, [...this.#session.streams.values()]));
  }

  #replay({ rid, payload }: BodyRequest, exchange: Exchange): void {
    const past = this.#window.answerTo(rid);
    if (past === undefined) return;
    // A duplicated tab has used the rid for nothing, and was answered already: what the first one says must not be lost.
    if (past.wasEmpty && payload.length > 0 && this.#tabs.isOverlapping(rid)) {
      past.wasEmpty = false;
      this.#forwardAll(payload, exchange);
    }
    giveAnswer(past, exchange, this.#agreement.content);
  }

  /** Answers what is to be answered now, and sets the timers for the rest. */
  #settle(): void {
    if (this.#isOver) return;
    for (let answer = this.#next(); answer !== undefined; answer = this.#next()) {
      const held = this.#held.shift() as Pending;
      if (answer.content === 'end') this.#conclude(held.detach());
      else this.#answer(held, answer.content === 'payload');
      if (this.#isOver) return;
    }
    if (this.#held.length === 0) this.#isPausing = false;
    this.#answerStaleParked();
    this.#setTimers();
  }

  #next() {
    const { hold, polling } = this.#agreement;
    const oldest = this.#held.find(({ isAlive }) => isAlive);
    return nextAnswer({
      held: this.#held,
      hold,
      polling,
      hasPayload: oldest?.refusal !== undefined || this.#deliveries.hasFor(oldest?.opens),
      isReporting: this.#report !== undefined,
      isPausing: this.#isPausing,
      serverIsFull: this.#fullStreams.size > 0,
      end: this.#end?.by,
      now: this.#context.clock.now(),
    });
  }

  #answer(held: Pending, withPayload: boolean): void {
    const { rid, opens, refusal, request } = held;
    const exchange = held.detach();
    const at = this.#context.clock.now();
    const key = request.attributes.get('key');
    const past = { key, wasEmpty: isEmptyRequest(request), at, lastOn: exchange, isLost: false };
    if (exchange === undefined) {
      // A dead connection is passed over empty, and what was to be told waits for a living one.
      this.#window.answered(rid, { ...past, values: {}, payload: [], stream: undefined }, 0);
      return;
    }
    const isCreation = rid === this.#creationRid;
    const maxBytes = withPayload && refusal === undefined ? this.#settings.maxResponseBytes : 0;
    const delivery = this.#deliveries.take(opens, maxBytes);
    const { payload, stream, ended } = delivery;
    const values = {
      ...(isCreation ? announced(this.#agreement, this.id, rid) : ackValues(rid, this.#window.last, this.#report)),
      ...delivery.values,
      ...refusal,
    };
    this.#report = undefined;
    const bytes = payload.reduce((sum, stanza) => sum + stanza.bytes, 0);
    const answer: PastAnswer = { ...past, values, payload, stream };
    const isKept = this.#window.answered(rid, answer, bytes, held.isBare);
    this.#activity.answered(payload.length > 0);
    giveAnswer(answer, exchange, this.#agreement.content);
    if (ended !== undefined) this.#handler.end(ended);
    if (isCreation) {
      const ms = this.#settings.firstRequestSeconds * 1000;
      this.#firstRequest = this.#context.clock.after(ms, () => this.#finish({ code: 'client-gone' }));
    }
    if (!isKept) this.#endFor({ code: 'policy-violation', detail: 'answers are not acknowledged' });
  }

  /** A gap that does not fill must not hold a socket for ever: the client is to come again with both (BOSH-RID-07). */
  #answerStaleParked(): void {
    const now = this.#context.clock.now();
    for (const parked of this.#window.allParked()) {
      if (parked.deadline <= now) parked.turnAway(this.#agreement.content);
    }
  }

  #setTimers(): void {
    const { clock } = this.#context;
    this.#wait?.cancel();
    this.#wait = undefined;
    const deadline = nextDeadline([...this.#held, ...this.#window.allParked()]);
    if (deadline !== undefined) this.#wait = clock.after(Math.max(0, deadline - clock.now()), () => this.#settle());
    // The client is away only while nothing of it is held, and only what it sends itself shows that it is not (XEP-0124 §10).
    if (this.#held.some(({ isAlive }) => isAlive)) this.#stopInactivity();
    else if (this.#inactivitySeconds > 0) {
      this.#inactivity ??= clock.after(this.#inactivitySeconds * 1000, () => this.#finish({ code: 'client-gone' }));
    }
  }

  #stopInactivity(): void {
    this.#inactivity?.cancel();
    this.#inactivity = undefined;
  }

  /** Tells the client how the session ended: on `exchange` the reason, on all else it has open an empty body (§13). */
  #conclude(exchange: Exchange | undefined): void {
    const { end, by } = this.#end ?? { end: undefined, by: 'told' };
    const condition = by === 'asked' ? undefined : ERRORS[end?.code ?? 'upstream-closed'].bosh;
    // No stanzas: Strophe throws them away, and stanza breaks on them (conformance A-18). What is left is undelivered.
    const error = by !== 'asked' && end?.error !== undefined ? [end.error] : [];
    this.#reply(exchange, renderTerminate(condition, error), end?.code);
    this.#finish(end);
  }

  /** The client or the gateway broke the session: the request that did it learns why, the others that it is over (§17.2). */
  fail(code: ErrorCode, detail: string, culprit?: Exchange): void {
    if (this.#isOver) return;
    const others = this.#takeOpen().filter((exchange) => exchange !== culprit);
    const reason = culprit ?? others.shift();
    for (const other of others) this.#reply(other, renderTerminate(ERRORS['other-request'].bosh), 'other-request');
    this.#reply(reason, renderTerminate(ERRORS[code].bosh), code);
    this.#finish({ code, detail });
  }

  /** Legacy clients want HTTP codes for three conditions (§17.1). */
  #reply(exchange: Exchange | undefined, body: string, code: ErrorCode | undefined): void {
    const isLegacy = this.#agreement.ver === undefined && code !== undefined;
    exchange?.answer(body, this.#agreement.content, isLegacy ? legacyStatus(code) : 200);
  }

  #takeOpen(): Exchange[] {
    const open = [...this.#held, ...this.#window.allParked()].map((pending) => pending.detach());
    this.#held = [];
    return open.filter((exchange) => exchange !== undefined);
  }

  #finish(end: StreamEnd | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (end?.code === 'client-gone') this.#requeueLost();
    for (const timer of [this.#wait, this.#inactivity, this.#firstRequest]) timer?.cancel();
    const body = end?.code === 'client-gone' ? renderTerminate(ERRORS['client-gone'].bosh) : renderBody({}, []);
    for (const exchange of this.#takeOpen()) this.#reply(exchange, body, undefined);
    this.#session.finish(end);
  }

  onHeader(header: StreamHeader, stream: Stream): void {
    this.#deliveries.announce(stream, header);
  }

  onReadable(): void {
    this.#settle();
  }

  onFlow(full: boolean, stream: Stream): void {
    if (full) this.#fullStreams.add(stream);
    else if (this.#fullStreams.delete(stream)) this.#settle();
  }

  /** The last stream takes the session with it; another one ends alone (XEP-0124 §16.6). */
  onEnd(end: StreamEnd | undefined, stream: Stream): void {
    this.#fullStreams.delete(stream);
    if (!this.#session.streams.has(stream.name)) return;
    const others = [...this.#session.streams.values()].filter((other) => other !== stream && !other.isOver);
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
    for (const stream of this.#session.streams.values()) this.#session.close(stream, end);
  }

  destroy(): void {
    this.#finish({ code: 'system-shutdown' });
  }
}
