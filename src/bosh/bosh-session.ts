import type { Timer } from '../core/clock.ts';
import { ERRORS, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import { randomId } from '../core/id.ts';
import type { StreamEnd, StreamHeader } from '../core/ports.ts';
import type { GatewayContext, SessionSettings } from '../session/context.ts';
import { Session, type SessionOwner } from '../session/session.ts';
import type { Stream } from '../stream/stream.ts';
import { acknowledgedRid, reportOf, type Report } from './acks.ts';
import { Activity, type ActivitySettings } from './activity.ts';
import { isEmptyRequest, legacyStatus, renderBody, renderTerminate, type BodyRequest } from './body.ts';
import { announced, type Agreement } from './creation.ts';
import { Deliveries } from './deliveries.ts';
import { nextAnswer, nextDeadline } from './holder.ts';
import { isSameKey } from './keys.ts';
import { Pending, giveAnswer, type Exchange, type PastAnswer } from './pending.ts';
import { RequestHandler } from './request-handler.ts';
import { TabWatch } from './tab-watch.ts';
import { RidWindow } from './window.ts';

export interface BoshSessionSettings extends SessionSettings, ActivitySettings {
  readonly creationWaitSeconds: number;
  readonly firstRequestSeconds: number;
  readonly maxResponseBytes: number;
  readonly maxReplayBytes: number;
  readonly maxStreamsPerSession: number;
}

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
  #end: { readonly by: 'asked' | 'told'; readonly end: StreamEnd | undefined } | undefined;
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
    const stream = this.#handler.create();
    const pending = this.#pending(request, exchange, this.#openingWait());
    pending.opens = stream;
    this.#held.push(pending);
    this.#perform(exchange, () => this.#handler.forward(payload, [stream]));
    this.#settle();
  }

  /** Streams open with the features in their first answer, where those come soon (XEP-0206 §4). */
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
    switch (verdict) {
      case 'accept':
        this.#acknowledged(request);
        this.#accept(this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'park':
        this.#acknowledged(request);
        this.#window.park(rid, this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'repeat':
        this.#supersede(request, exchange);
        break;
      case 'replay':
        this.#give(this.#window.answerTo(rid), exchange);
        break;
      case 'refuse':
        this.fail('item-not-found', 'rid outside the window', exchange);
        return;
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

  /** What goes wrong ends the session, and the request that did it is told. */
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
    if (pause !== undefined) {
      this.#isPausing = true;
      // A pause of 0 answers all requests and changes no timer (BOSH-PAUSE-09).
      if (pause > 0) this.#inactivitySeconds = pause;
    }
    if (end !== undefined) this.#end ??= end;
  }

  /** Too many requests for nothing end the session; until the client has logged in it has to ask (BOSH-POLL-05). */
  #watchActivity(request: BodyRequest, exchange: Exchange | undefined): void {
    const alive = this.#held.filter(({ isAlive }) => isAlive).length;
    if (isEmptyRequest(request) && alive > 0) this.#tabs.overlaps(request.rid);
    const isFine = this.#activity.request(isEmptyRequest(request), alive + 1 >= this.#agreement.requests);
    if (!isFine && this.#session.isAuthenticated) this.fail('policy-violation', 'overactive', exchange);
  }

  /** The client says which answers it has (XEP-0124 §9.2). */
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
    const differs = payload.length > 0 && pending.request.payload.length === 0;
    if (pending.isAlive && this.#tabs.isCopy(rid, differs)) {
      // The copy learns that it has no session, and gets one of its own; what the first tab says is not lost with it.
      pending.detach()?.answer(renderTerminate(ERRORS['item-not-found'].bosh), this.#agreement.content);
      const streams = [...this.#session.streams.values()];
      if (differs) this.#perform(exchange, () => this.#handler.forward(payload, streams));
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
      if (!past.isLost || past.payload.length === 0 || rid === this.#creationRid) continue;
      past.stream?.outbox.putBack(past.payload);
      this.#window.replaceAnswer(rid, { ...past, values: {}, payload: [], isLost: false }, 0);
    }
  }

  #give(answer: PastAnswer | undefined, exchange: Exchange): void {
    if (answer !== undefined) giveAnswer(answer, exchange, this.#agreement.content);
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
    const past = { key: request.attributes.get('key'), at, lastOn: exchange, isLost: false };
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
      ...(isCreation ? announced(this.#agreement, this.id, rid) : this.#acknowledgement(rid)),
      ...delivery.values,
      ...refusal,
    };
    const bytes = payload.reduce((sum, stanza) => sum + stanza.bytes, 0);
    const answer: PastAnswer = { ...past, values, payload, stream };
    const isKept = this.#window.answered(rid, answer, bytes);
    this.#activity.answered(payload.length > 0);
    this.#give(answer, exchange);
    if (ended !== undefined) this.#session.endStream(ended);
    if (isCreation) {
      const ms = this.#settings.firstRequestSeconds * 1000;
      this.#firstRequest = this.#context.clock.after(ms, () => this.#finish({ code: 'client-gone' }));
    }
    if (!isKept) this.fail('policy-violation', 'too many answers are not acknowledged');
  }

  /** The highest rid up to which all have come, where it is not the one that is answered (XEP-0124 §9.1). */
  #acknowledgement(rid: number) {
    const report = this.#report;
    this.#report = undefined;
    return { ack: this.#window.last === rid ? undefined : this.#window.last, ...report };
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
    const deadline = nextDeadline([...this.#held, ...this.#window.allParked()]);
    this.#wait = undefined;
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
    const condition = by === 'told' ? ERRORS[end?.code ?? 'upstream-closed'].bosh : undefined;
    // No stanzas: Strophe throws them away, and stanza breaks on them (conformance A-18). What is left is undelivered.
    const error = by === 'told' && end?.error !== undefined ? [end.error] : [];
    this.#reply(exchange, renderTerminate(condition, error), end?.code);
    this.#finish(end);
  }

  /** The client or the gateway broke the session: the request that did it learns why, the others that it is over (§17.2). */
  fail(code: ErrorCode, detail: string, culprit?: Exchange): void {
    if (this.#isOver) return;
    const others = this.#takeOpen().filter((exchange) => exchange !== culprit);
    const reason = culprit ?? others.shift();
    const other = renderTerminate(ERRORS['other-request'].bosh);
    for (const exchange of others) this.#reply(exchange, other, 'other-request');
    this.#reply(reason, renderTerminate(ERRORS[code].bosh), code);
    this.#finish({ code, detail });
  }

  /** Legacy clients want HTTP codes for three conditions (§17.1). */
  #reply(exchange: Exchange | undefined, body: string, code: ErrorCode | undefined): void {
    const isLegacy = this.#agreement.ver === undefined && code !== undefined;
    exchange?.answer(body, this.#agreement.content, isLegacy ? legacyStatus(code) : 200);
  }

  /** All connections that await an answer, oldest first; the caller answers them. */
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
    this.#tell({ code: 'connection-timeout', detail: 'not authenticated in time' });
  }

  shutDown(): void {
    this.#tell({ code: 'system-shutdown' });
  }

  /** The gateway ends the session: the client learns it as soon as it has a request open, the servers at once. */
  #tell(end: StreamEnd): void {
    this.#end ??= { by: 'told', end };
    this.#settle();
    if (!this.#isOver) for (const stream of this.#session.streams.values()) stream.close(end);
  }

  destroy(): void {
    this.#finish({ code: 'system-shutdown' });
  }
}
