import type { Clock, Timer } from '../core/clock.ts';
import { ERRORS, type ErrorCode } from '../core/errors.ts';
import type { Stanza } from '../core/ports.ts';
import type { Activity } from './activity.ts';
import { isEmptyRequest, renderTerminate, type BodyRequest } from './body.ts';
import type { Agreement } from './creation.ts';
import { isAlive } from './holder.ts';
import { isSameKey } from './keys.ts';
import { NOTHING, giveAnswer, type Exchange, type Pending, type PastAnswer } from './pending.ts';
import { TabWatch, compare, type Stranger } from './tab-watch.ts';
import type { RidWindow } from './window.ts';

/** Where a request may be another tab's, answers wait so long for what the first one does, lest they go to its copy (ms). */
const DOUBT_MS = 300;

/** A first tab waits so long for the answer that its copy has: whoever goes on meanwhile is the copy (ms). */
const WAITING_MS = 600;
/** A copy that was told has heard it by then (ms). */
const GONE_MS = 2000;

/** What a session does for it. */
export interface RepeatsOwner {
  /** Ascending by rid. */
  readonly held: readonly Pending[];
  forward(payload: readonly Stanza[], exchange: Exchange): void;
  fail(code: ErrorCode, detail: string, culprit: Exchange): void;
}

/** Requests that come again: repeated by a client whose connection broke, or sent by a duplicated tab (XEP-0124 §14.3). */
export class Repeats {
  readonly #window: RidWindow<Pending, PastAnswer>;
  readonly #agreement: Agreement;
  readonly #activity: Activity;
  readonly #clock: Clock;
  readonly #owner: RepeatsOwner;
  readonly #holdsOne: boolean;
  readonly #tabs = new TabWatch();
  /** Connections that have carried this session. */
  readonly #carriers = new WeakSet<object>();
  #doubtUntil: number | undefined;
  /** A first tab, which waits for an answer that its copy has. */
  #waiting: { readonly past: PastAnswer; readonly exchange: Exchange } | undefined;
  #release: Timer | undefined;
  #toldAt = -Infinity;

  constructor(
    window: RidWindow<Pending, PastAnswer>,
    agreement: Agreement,
    activity: Activity,
    clock: Clock,
    owner: RepeatsOwner,
  ) {
    this.#window = window;
    this.#agreement = agreement;
    this.#activity = activity;
    this.#clock = clock;
    this.#owner = owner;
    this.#holdsOne = agreement.hold === 1;
  }

  /** False for the next request of a duplicated tab: it learns that it has no session, and nothing else happens. */
  admits(request: BodyRequest, exchange: Exchange): boolean {
    this.#doubtUntil = undefined;
    if (this.#waiting !== undefined) {
      this.#disown(exchange);
      this.release();
      return false;
    }
    const isCrowded = this.#holdsOne && this.#owner.held.some(isAlive);
    const copy = this.#tabs.comes(request.rid, isEmptyRequest(request), isCrowded, this.#clock.now());
    if (copy === 'held') this.#disownHeld(this.#find(request.rid - 1));
    if (copy === 'coming') this.#disown(exchange);
    return copy !== 'coming';
  }

  /** While that is so, nothing is answered. */
  isInDoubt(now: number): boolean {
    if (this.#doubtUntil !== undefined && now >= this.#doubtUntil) this.#doubtUntil = undefined;
    return this.#doubtUntil !== undefined;
  }

  /** When the doubt ends (ms). */
  get doubtUntil(): number | undefined {
    return this.#doubtUntil;
  }

  /** On a connection that has carried this session before. */
  #isFamiliar({ connection }: Exchange): boolean {
    return this.#carriers.has(connection);
  }

  #stranger(heldIsStranger: boolean, exchange: Exchange): Stranger {
    const comingIsStranger = !this.#isFamiliar(exchange);
    if (heldIsStranger === comingIsStranger) return undefined;
    return heldIsStranger ? 'held' : 'coming';
  }

  /** False where the session is over for it: too many repeats, or by somebody who does not have the key (BOSH-BRK-10). */
  allows({ rid, attributes }: BodyRequest, exchange: Exchange): boolean {
    const first = this.#find(rid)?.request.attributes.get('key') ?? this.#window.answerTo(rid)?.key;
    if (!this.#activity.repeat()) {
      this.#owner.fail('policy-violation', 'too many repeats of a request', exchange);
      return false;
    }
    if (this.#agreement.newKey === undefined || isSameKey(first, attributes.get('key'))) return true;
    this.#owner.fail('item-not-found', 'the key of a repeat differs', exchange);
    return false;
  }

  answered(at: number): void {
    this.#tabs.answers(at);
  }

  #find(rid: number): Pending | undefined {
    return this.#owner.held.find((held) => held.rid === rid) ?? this.#window.parked(rid);
  }

  /** A request is in its turn. */
  carries(pending: Pending): void {
    if (pending.exchange === undefined) return;
    pending.isStranger = !this.#isFamiliar(pending.exchange);
    this.#carriers.add(pending.exchange.connection);
  }

  /** A duplicated tab learns that it has no session, and gets one of its own. */
  #disown(exchange: Exchange): void {
    this.#toldAt = this.#clock.now();
    exchange.answer(renderTerminate(ERRORS['item-not-found'].bosh), this.#agreement.content);
  }

  #disownHeld(pending: Pending | undefined): void {
    const exchange = pending?.detach();
    if (pending === undefined || exchange === undefined) return;
    pending.isCopy = true;
    this.#disown(exchange);
  }

  /** The newer connection takes the place; the older is told to come back, and only it (XEP-0124 §14.3, conformance A-19). */
  supersede(request: BodyRequest, exchange: Exchange): void {
    const { rid, payload } = request;
    const pending = this.#find(rid);
    if (pending === undefined) return;
    const says = compare(payload, pending.request.payload);
    // Where more requests than one are held, honest clients repeat several, and go on meanwhile.
    const isHeld = pending.isAlive && rid <= this.#window.last && (this.#holdsOne || says !== 'nothing');
    const stranger = this.#stranger(pending.isStranger, exchange);
    const copy = isHeld ? this.#tabs.doubles(rid, says, stranger, this.#clock.now()) : undefined;
    if (copy === 'coming') {
      this.#disown(exchange);
      return;
    }
    if (copy === 'held') this.#disownHeld(pending);
    else pending.turnAway(this.#agreement.content);
    if (says === 'nothing' && isHeld) this.#doubtUntil = this.#clock.now() + DOUBT_MS;
    if (says === 'something else' && pending.isCopy) {
      // What the first tab says is not lost with its copy.
      this.#owner.forward(payload, exchange);
      pending.request = request;
      pending.isCopy = false;
    }
    // Not processed yet: what says something wins.
    if (rid > this.#window.last && payload.length > 0) pending.request = request;
    if (!pending.isOpening) pending.deadline = this.#clock.now() + this.#agreement.wait * 1000;
    pending.attach(exchange);
  }

  /** The same answer again. */
  replay({ rid, payload }: BodyRequest, exchange: Exchange): void {
    const past = this.#window.answerTo(rid);
    if (past === undefined) return;
    const saysMore = past.wasEmpty && payload.length > 0;
    const saysLess = !past.wasEmpty && payload.length === 0;
    const stranger = this.#stranger(past.wasStranger, exchange);
    const isNewest = rid === this.#window.last;
    const { copy, forward, isAhead } = this.#tabs.replays(rid, isNewest, saysMore, stranger, this.#clock.now());
    if (copy === 'coming' && !past.wasSkipped) {
      this.#disown(exchange);
      return;
    }
    if (copy === 'held' && !past.wasSkipped) {
      const held = this.#owner.held.filter(isAlive);
      for (const one of held) this.#disownHeld(one);
      if (held.length === 0) this.#tabs.leavesBehind(rid);
    }
    if (saysMore && (forward || past.wasSkipped)) {
      past.wasEmpty = false;
      this.#owner.forward(payload, exchange);
    }
    this.release();
    // A copy that was told just now is not there any more.
    const isThere = this.#clock.now() - this.#toldAt > GONE_MS;
    if (this.#holdsOne && isNewest && isAhead && isThere && (saysMore || saysLess) && !past.wasSkipped) {
      this.#waiting = { past, exchange };
      this.#release = this.#clock.after(WAITING_MS, () => this.release());
    } else giveAnswer(past, exchange, this.#agreement.content);
  }

  /** Whoever waits gets the answer. */
  release(): void {
    this.#release?.cancel();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) giveAnswer(waiting.past, waiting.exchange, this.#agreement.content);
  }

  /** Outside the window. A rid of long ago, while a request is held, is a duplicated tab's: the first tab lives on. */
  refuse(rid: number, exchange: Exchange): void {
    if (rid <= this.#window.last && this.#owner.held.some(isAlive)) this.#disown(exchange);
    else this.#owner.fail('item-not-found', 'rid outside the window', exchange);
  }

  /**
   * The client went on without asking again for an answer that never reached it, as a reloaded page does: what stood in it is
   * delivered with the next one, and a late repeat gets an empty body (BOSH-BRK-06).
   */
  requeueLost(creationRid: number): void {
    const answers = this.#window.pastAnswers();
    for (let i = answers.length - 1; i >= 0; i--) {
      const { rid, answer: past } = answers[i] as (typeof answers)[number];
      if (past.payload.length === 0 || rid === creationRid) continue;
      // What came after it has reached the client: it can only wait to be asked for (BOSH-PAY-07).
      if (!past.isLost) break;
      past.stream?.outbox.putBack(past.payload);
      this.#window.replaceAnswer(rid, { ...past, values: {}, payload: [], isLost: false }, 0);
    }
  }

  /**
   * True where the next rid will not come: it is one of a page that was reloaded before it left the browser. A client that polls
   * while it waits for nothing else knows of no request that is under way.
   */
  hasIdleGap(): boolean {
    const parked = this.#window.allParked();
    if (parked.length === 0 || this.#agreement.newKey !== undefined || !this.#holdsOne) return false;
    if (this.#owner.held.some(isAlive)) return false;
    return parked.every((pending) => pending.isAlive && isEmptyRequest(pending.request));
  }

  /** Goes on after the gap. What comes late for one of its rids is still forwarded. */
  skipGap(): void {
    const next = Math.min(...this.#window.allParked().map(({ rid }) => rid));
    const at = this.#clock.now();
    for (let rid = this.#window.last + 1; rid < next; rid += 1) {
      this.#window.accept(rid);
      this.#window.answered(rid, { ...NOTHING, at, wasSkipped: true }, 0);
    }
  }
}
