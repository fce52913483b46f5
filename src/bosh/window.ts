import { withItem, withoutItem } from '../core/short-list.ts';

/**
 * What a rid means when it arrives (XEP-0124 §14):
 * `accept`: the next one, process it. `park`: inside the window with a gap before it. `repeat`: came before and is not answered
 * yet, so the newer connection takes the older one's place. `replay`: came before and was answered. `refuse`: break the session.
 */
export type Verdict = 'accept' | 'park' | 'repeat' | 'replay' | 'refuse';

/** Answers that a client may leave unacknowledged (BOSH-ACK-10). */
const MAX_UNACKNOWLEDGED = 64;

interface Past<Answer> {
  readonly rid: number;
  answer: Answer;
  bytes: number;
}

/** Hears of each answer that the client cannot ask for again. */
export interface WindowOwner<Answer> {
  acknowledged(rid: number, answer: Answer): void;
}

const NONE: readonly never[] = [];

/** The request IDs of one session. Pure: it knows rids, the requests that wait for a gap to fill, and past answers. */
export class RidWindow<Request extends { readonly rid: number }, Answer> {
  readonly #size: number;
  readonly #maxReplayBytes: number;
  readonly #keepsUnacknowledged: boolean;
  readonly #owner: WindowOwner<Answer> | undefined;
  #last: number;
  // Arrays, for there are few: what goes through a Map as through a queue leaves a chain of its old tables behind, and each of
  // them keeps answers of long ago from the collector, until it looks at all memory.
  #parked: readonly Request[] = NONE;
  #open: readonly number[];
  /** The oldest first. */
  #answers: readonly Past<Answer>[] = NONE;
  #replayBytes = 0;
  #pause: [rid: number, answer: Answer] | undefined;

  /**
   * `first` is the rid of the creation request, which is received already; `size` is the session's `requests`.
   * `keepsUnacknowledged`: the client acknowledges, so answers are kept until it does (XEP-0124 §9.2).
   */
  constructor(
    first: number,
    size: number,
    maxReplayBytes: number,
    keepsUnacknowledged = false,
    owner?: WindowOwner<Answer>,
  ) {
    this.#keepsUnacknowledged = keepsUnacknowledged;
    this.#owner = owner;
    this.#last = first;
    this.#size = size;
    this.#maxReplayBytes = maxReplayBytes;
    this.#open = [first];
  }

  /** The highest rid that was processed; all below it were too. */
  get last(): number {
    return this.#last;
  }

  judge(rid: number): Verdict {
    if (rid > this.#last + this.#size) return 'refuse';
    if (this.#open.includes(rid) || this.parked(rid) !== undefined) return 'repeat';
    if (rid === this.#last + 1) return 'accept';
    if (rid > this.#last) return 'park';
    return this.answerTo(rid) === undefined ? 'refuse' : 'replay';
  }

  /** The request with rid `last + 1` is processed from now on. */
  accept(rid: number): void {
    this.#last = rid;
    this.#open = withItem(this.#open, rid);
  }

  park(request: Request): void {
    this.#parked = withItem(this.#parked, request);
  }

  parked(rid: number): Request | undefined {
    for (const request of this.#parked) if (request.rid === rid) return request;
    return undefined;
  }

  allParked(): readonly Request[] {
    return this.#parked;
  }

  /** The parked request whose turn it is now, taken out; undefined while there is a gap. */
  unpark(): Request | undefined {
    const next = this.parked(this.#last + 1);
    if (next !== undefined) this.#parked = withoutItem(this.#parked, next);
    return next;
  }

  /**
   * The answer was given. The newest `requests` of them, two at least, are kept for a repeat (§14.3, conformance A-08); with
   * acknowledgements all that are not acknowledged. False where those are more than is kept. The answer to a pause takes no
   * room among them (BOSH-BRK-08, conformance A-07).
   */
  answered(rid: number, answer: Answer, bytes: number, isPause = false): boolean {
    this.#open = withoutItem(this.#open, rid);
    if (isPause) {
      this.#pause = [rid, answer];
      return true;
    }
    if (this.#keepsUnacknowledged) {
      this.#remember(rid, answer, bytes);
      const { length } = this.#answers;
      return length === 1 || (length <= MAX_UNACKNOWLEDGED && this.#replayBytes <= this.#maxReplayBytes);
    }
    // Room is made first, for there are two as a rule.
    const most = Math.max(this.#size, 2) - 1;
    const mostBytes = this.#maxReplayBytes - bytes;
    while (this.#answers.length > most || (this.#answers.length > 0 && this.#replayBytes > mostBytes)) {
      this.#forgetOldest();
    }
    this.#remember(rid, answer, bytes);
    return true;
  }

  /** The client has all answers up to this one: none of them is asked for again (§9.2). */
  acknowledge(rid: number): void {
    for (let oldest = this.#answers[0]; oldest !== undefined && oldest.rid <= rid; oldest = this.#answers[0]) {
      this.#forgetOldest();
    }
  }

  #forgetOldest(): void {
    const oldest = this.#answers[0];
    if (oldest === undefined) return;
    this.#answers = this.#answers.slice(1);
    this.#replayBytes -= oldest.bytes;
    this.#owner?.acknowledged(oldest.rid, oldest.answer);
  }

  answerTo(rid: number): Answer | undefined {
    return this.#pause?.[0] === rid ? this.#pause[1] : this.#past(rid)?.answer;
  }

  #past(rid: number): Past<Answer> | undefined {
    for (let i = this.#answers.length - 1; i >= 0; i--) if (this.#answers[i]?.rid === rid) return this.#answers[i];
    return undefined;
  }

  /** Past answers, the oldest rid first. */
  pastAnswers(): readonly { readonly rid: number; readonly answer: Answer }[] {
    return this.#answers;
  }

  /** Another answer is given to a repeat from now on. */
  replaceAnswer(rid: number, answer: Answer, bytes: number): void {
    if (this.#past(rid) !== undefined) this.#remember(rid, answer, bytes);
  }

  #remember(rid: number, answer: Answer, bytes: number): void {
    const past = this.#past(rid);
    this.#replayBytes += bytes - (past?.bytes ?? 0);
    if (past === undefined) this.#answers = withItem(this.#answers, { rid, answer, bytes });
    else {
      past.answer = answer;
      past.bytes = bytes;
    }
  }
}
