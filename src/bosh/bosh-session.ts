import type { Timer } from '../core/clock.ts';
import { ERRORS, GatewayError, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import { fromHint, languageTag, normaliseDomain } from '../core/domain.ts';
import { TokenBucket } from '../core/limits.ts';
import { randomId } from '../core/id.ts';
import type { Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';
import type { GatewayContext, SessionSettings } from '../session/context.ts';
import { Session, type SessionOwner } from '../session/session.ts';
import { NS } from '../xml/ns.ts';
import { legacyStatus, renderBody, renderTerminate, type BodyRequest } from './body.ts';
import { announced, type Agreement } from './creation.ts';
import { nextAnswer, nextDeadline } from './holder.ts';
import { Pending, type Exchange, type PastAnswer } from './pending.ts';
import { RidWindow } from './window.ts';

export interface BoshSessionSettings extends SessionSettings {
  readonly creationWaitSeconds: number;
  readonly firstRequestSeconds: number;
  readonly maxResponseBytes: number;
  readonly maxReplayBytes: number;
}

/** Repeats of requests: more than any client's retries, fewer than a storm (BOSH-BRK-09). */
const REPEATS = { burst: 30, perSecond: 1 };

/** One BOSH session: does what the window and the holder decide (XEP-0124, XEP-0206). */
export class BoshSession implements SessionOwner {
  readonly id = randomId();
  readonly #agreement: Agreement;
  readonly #context: GatewayContext;
  readonly #settings: BoshSessionSettings;
  readonly #session: Session;
  readonly #window: RidWindow<Pending, PastAnswer>;
  readonly #repeats: TokenBucket;
  readonly #creationRid: number;
  #held: Pending[] = [];
  /** Said in the next answer, once (XEP-0124 §7.2: `from` and `authid` when they are known). */
  #announcement: Record<string, string | undefined> = {};
  #firstHeader = true;
  #isPausing = false;
  #serverIsFull = false;
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
    const { to, from, lang } = agreement;
    this.#context = context;
    this.#settings = settings;
    this.#agreement = agreement;
    this.#inactivitySeconds = agreement.inactivity;
    this.#creationRid = request.rid;
    this.#window = new RidWindow(request.rid, agreement.requests, settings.maxReplayBytes);
    this.#repeats = new TokenBucket(REPEATS.burst, REPEATS.perSecond, context.clock);
    this.#session = new Session(context, settings, { transport: 'bosh', to, from, lang, clientAddress }, this);
    this.#session.open();
    const wait = Math.min(agreement.wait, settings.creationWaitSeconds);
    this.#held.push(this.#pending(request, exchange, wait, true));
    this.#perform(exchange, () => this.#forward(request.payload));
    this.#settle();
  }

  /** A request with this session's sid. */
  receive(request: BodyRequest, exchange: Exchange): void {
    const { rid } = request;
    this.#firstRequest?.cancel();
    this.#stopInactivity();
    const verdict = this.#window.judge(rid);
    if ((verdict === 'repeat' || verdict === 'replay') && !this.#repeats.take()) {
      this.fail('policy-violation', 'too many repeats of a request', exchange);
      return;
    }
    switch (verdict) {
      case 'accept':
        this.#accept(this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'park':
        this.#window.park(rid, this.#pending(request, exchange, this.#agreement.wait));
        break;
      case 'repeat':
        this.#supersede(rid, exchange);
        break;
      case 'replay':
        this.#replay(rid, exchange);
        break;
      case 'refuse':
        this.fail('item-not-found', 'rid outside the window', exchange);
        return;
    }
    this.#settle();
  }

  #pending(request: BodyRequest, exchange: Exchange, waitSeconds: number, isCreation = false): Pending {
    const deadline = this.#context.clock.now() + waitSeconds * 1000;
    return new Pending(request, exchange, deadline, () => this.#settle(), isCreation);
  }

  #accept(first: Pending): void {
    this.#requeueLost();
    for (let next: Pending | undefined = first; next !== undefined; next = this.#window.unpark()) {
      this.#window.accept(next.rid);
      this.#held.push(next);
      const { request, exchange } = next;
      if (this.#end === undefined) this.#perform(exchange, () => this.#process(request));
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

  #process(request: BodyRequest): void {
    this.#isPausing = false;
    this.#inactivitySeconds = this.#agreement.inactivity;
    if (request.restart) this.#restart(request);
    else this.#forward(request.payload);
    if (request.pause !== undefined) this.#pause(request.pause);
    if (request.type === 'terminate') this.#end ??= { by: 'asked', end: undefined };
  }

  #forward(payload: readonly Stanza[]): void {
    const error = payload.findIndex(({ ns }) => ns === NS.streams);
    this.#session.send(error < 0 ? payload : payload.slice(0, error));
    // A client that reports a stream error has ended its stream (RFC 6120 §4.9.1.1).
    if (error >= 0) this.#end = { by: 'asked', end: { code: 'stream-error', error: payload[error] } };
  }

  /** Payloads of a restart request are ignored (XEP-0206 §5). */
  #restart({ attributes, lang }: BodyRequest): void {
    const { to } = this.#agreement;
    const target = attributes.get('to');
    if (target !== undefined && normaliseDomain(target) !== to) {
      throw new GatewayError('policy-violation', 'a restart may not change the domain');
    }
    this.#session.restart({ from: fromHint(attributes.get('from'), to), lang: languageTag(lang) });
  }

  #pause(seconds: number): void {
    if (seconds > this.#agreement.maxPause) throw new GatewayError('policy-violation', 'pause is above maxpause');
    this.#isPausing = true;
    // A pause of 0 answers all requests and changes no timer (BOSH-PAUSE-09).
    if (seconds > 0) this.#inactivitySeconds = seconds;
  }

  /** The newer connection takes the place; the older is told to come back, and only it (XEP-0124 §14.3, conformance A-19). */
  #supersede(rid: number, exchange: Exchange): void {
    const pending = this.#held.find((held) => held.rid === rid) ?? this.#window.parked(rid);
    if (pending === undefined) return;
    pending.turnAway(this.#agreement.content);
    if (!pending.isCreation) pending.deadline = this.#context.clock.now() + this.#agreement.wait * 1000;
    pending.attach(exchange);
  }

  #replay(rid: number, exchange: Exchange): void {
    const past = this.#window.answerTo(rid);
    if (past !== undefined) this.#write(past, exchange);
  }

  #write(past: PastAnswer, exchange: Exchange): void {
    past.isLost = false;
    past.lastOn = exchange;
    exchange.onLost(() => {
      if (past.lastOn === exchange) past.isLost = true;
    });
    exchange.answer(renderBody(past.values, past.payload), this.#agreement.content);
  }

  /**
   * The client went on without asking again for an answer that never reached it, as a reloaded page does: what stood in it is
   * delivered with the next one, and a late repeat gets an empty body (BOSH-BRK-06).
   */
  #requeueLost(): void {
    for (const [rid, past] of this.#window.newestAnswers()) {
      if (!past.isLost || past.payload.length === 0 || rid === this.#creationRid) continue;
      this.#session.stream.outbox.putBack(past.payload);
      this.#window.replaceAnswer(rid, { values: {}, payload: [], lastOn: undefined, isLost: false }, 0);
    }
  }

  /** Answers what is to be answered now, and sets the timers for the rest. */
  #settle(): void {
    if (this.#isOver) return;
    for (let answer = this.#next(); answer !== undefined; answer = this.#next()) {
      const held = this.#held.shift() as Pending;
      if (answer.content === 'end') {
        this.#conclude(held.detach());
        return;
      }
      this.#answer(held, answer.content === 'payload');
    }
    if (this.#held.length === 0) this.#isPausing = false;
    this.#answerStaleParked();
    this.#setTimers();
  }

  #next() {
    const { hold, polling } = this.#agreement;
    return nextAnswer({
      held: this.#held,
      hold,
      polling,
      hasPayload: !this.#session.stream.outbox.isEmpty,
      isPausing: this.#isPausing,
      serverIsFull: this.#serverIsFull,
      end: this.#end?.by,
      now: this.#context.clock.now(),
    });
  }

  #answer(held: Pending, withPayload: boolean): void {
    const { rid, isCreation } = held;
    const exchange = held.detach();
    const payload = withPayload ? this.#session.stream.outbox.take(this.#settings.maxResponseBytes) : [];
    // A dead connection is passed over empty, and what was to be announced waits for a living one.
    const values =
      exchange === undefined ? {} : { ...(isCreation && announced(this.#agreement, this.id)), ...this.#announcement };
    if (exchange !== undefined) this.#announcement = {};
    const past: PastAnswer = { values, payload, lastOn: exchange, isLost: false };
    const bytes = payload.reduce((sum, stanza) => sum + stanza.bytes, 0);
    this.#window.answered(rid, past, bytes);
    if (exchange === undefined) return;
    this.#write(past, exchange);
    if (isCreation) {
      const ms = this.#settings.firstRequestSeconds * 1000;
      this.#firstRequest = this.#context.clock.after(ms, () => this.#finish({ code: 'client-gone' }));
    }
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
    else this.#inactivity ??= clock.after(this.#inactivitySeconds * 1000, () => this.#finish({ code: 'client-gone' }));
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
    for (const exchange of others)
      this.#reply(exchange, renderTerminate(ERRORS['other-request'].bosh), 'other-request');
    this.#reply(reason, renderTerminate(ERRORS[code].bosh), code);
    this.#finish({ code, detail });
  }

  /** Legacy clients want HTTP codes for three conditions (§17.1). */
  #reply(exchange: Exchange | undefined, body: string, code: ErrorCode | undefined): void {
    const isLegacy = this.#agreement.ver === undefined && code !== undefined;
    const status = isLegacy ? legacyStatus(code) : 200;
    exchange?.answer(body, this.#agreement.content, status);
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

  onHeader({ from, id, version }: StreamHeader): void {
    if (!this.#firstHeader) return;
    this.#firstHeader = false;
    this.#announcement = { from, authid: id, 'xmpp:version': version };
  }

  onReadable(): void {
    this.#settle();
  }

  onFlow(full: boolean): void {
    this.#serverIsFull = full;
    if (!full) this.#settle();
  }

  onEnd(end: StreamEnd | undefined): void {
    this.#end ??= { by: 'told', end };
    this.#settle();
  }

  onUnauthenticated(): void {
    this.#tell({ code: 'connection-timeout', detail: 'not authenticated in time' });
  }

  shutDown(): void {
    this.#tell({ code: 'system-shutdown' });
  }

  /** The gateway ends the session: the client learns it as soon as it has a request open, the server at once. */
  #tell(end: StreamEnd): void {
    this.#end ??= { by: 'told', end };
    this.#settle();
    if (!this.#isOver) this.#session.stream.close(end);
  }

  destroy(): void {
    this.#finish({ code: 'system-shutdown' });
  }
}
