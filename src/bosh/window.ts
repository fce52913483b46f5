/**
 * What a rid means when it arrives (XEP-0124 §14):
 * `accept`: the next one, process it. `park`: inside the window with a gap before it. `repeat`: came before and is not answered
 * yet, so the newer connection takes the older one's place. `replay`: came before and was answered. `refuse`: break the session.
 */
export type Verdict = 'accept' | 'park' | 'repeat' | 'replay' | 'refuse';

/** Answers that a client may leave unacknowledged (BOSH-ACK-10). */
const MAX_UNACKNOWLEDGED = 64;

/** The request IDs of one session. Pure: it knows rids, the requests that wait for a gap to fill, and past answers. */
export class RidWindow<Request, Answer> {
  readonly #size: number;
  readonly #maxReplayBytes: number;
  readonly #keepsUnacknowledged: boolean;
  readonly #acknowledged: ((rid: number, answer: Answer) => void) | undefined;
  #last: number;
  readonly #parked = new Map<number, Request>();
  readonly #open = new Set<number>();
  readonly #answers = new Map<number, { answer: Answer; bytes: number }>();
  #replayBytes = 0;
  #pause: [rid: number, answer: Answer] | undefined;

  /**
   * `first` is the rid of the creation request, which is received already; `size` is the session's `requests`.
   * `keepsUnacknowledged`: the client acknowledges, so answers are kept until it does (XEP-0124 §9.2). `acknowledged` hears of
   * each answer that the client cannot ask for again.
   */
  constructor(
    first: number,
    size: number,
    maxReplayBytes: number,
    keepsUnacknowledged = false,
    acknowledged?: (rid: number, answer: Answer) => void,
  ) {
    this.#keepsUnacknowledged = keepsUnacknowledged;
    this.#acknowledged = acknowledged;
    this.#last = first;
    this.#size = size;
    this.#maxReplayBytes = maxReplayBytes;
    this.#open.add(first);
  }

  /** The highest rid that was processed; all below it were too. */
  get last(): number {
    return this.#last;
  }

  get parkedCount(): number {
    return this.#parked.size;
  }

  judge(rid: number): Verdict {
    if (rid > this.#last + this.#size) return 'refuse';
    if (this.#parked.has(rid) || this.#open.has(rid)) return 'repeat';
    if (rid === this.#last + 1) return 'accept';
    if (rid > this.#last) return 'park';
    return this.answerTo(rid) === undefined ? 'refuse' : 'replay';
  }

  /** The request with rid `last + 1` is processed from now on. */
  accept(rid: number): void {
    this.#last = rid;
    this.#open.add(rid);
  }

  park(rid: number, request: Request): void {
    this.#parked.set(rid, request);
  }

  parked(rid: number): Request | undefined {
    return this.#parked.get(rid);
  }

  allParked(): Iterable<Request> {
    return this.#parked.values();
  }

  /** The parked request whose turn it is now, taken out; undefined while there is a gap. */
  unpark(): Request | undefined {
    const request = this.#parked.get(this.#last + 1);
    if (request !== undefined) this.#parked.delete(this.#last + 1);
    return request;
  }

  /**
   * The answer was given. The newest `requests` of them, two at least, are kept for a repeat (§14.3, conformance A-08); with
   * acknowledgements all that are not acknowledged. False where those are more than is kept. The answer to a pause takes no
   * room among them (BOSH-BRK-08, conformance A-07).
   */
  answered(rid: number, answer: Answer, bytes: number, isPause = false): boolean {
    this.#open.delete(rid);
    if (isPause) {
      this.#pause = [rid, answer];
      return true;
    }
    this.#remember(rid, answer, bytes);
    const keep = this.#keepsUnacknowledged ? MAX_UNACKNOWLEDGED : Math.max(this.#size, 2);
    const isOver = (): boolean => this.#answers.size > keep || this.#replayBytes > this.#maxReplayBytes;
    for (const old of this.#answers.keys()) {
      if (this.#answers.size === 1 || !isOver()) break;
      if (this.#keepsUnacknowledged) return false;
      this.#forget(old);
    }
    return true;
  }

  /** The client has all answers up to this one: none of them is asked for again (§9.2). */
  acknowledge(rid: number): void {
    for (const old of this.#answers.keys()) if (old <= rid) this.#forget(old);
  }

  #forget(rid: number): void {
    const past = this.#answers.get(rid);
    if (past === undefined) return;
    this.#replayBytes -= past.bytes;
    this.#answers.delete(rid);
    this.#acknowledged?.(rid, past.answer);
  }

  answerTo(rid: number): Answer | undefined {
    return this.#pause?.[0] === rid ? this.#pause[1] : this.#answers.get(rid)?.answer;
  }

  /** Past answers, the newest rid first. */
  newestAnswers(): [rid: number, answer: Answer][] {
    return [...this.#answers].map(([rid, { answer }]): [number, Answer] => [rid, answer]).reverse();
  }

  /** Another answer is given to a repeat from now on. */
  replaceAnswer(rid: number, answer: Answer, bytes: number): void {
    if (this.#answers.has(rid)) this.#remember(rid, answer, bytes);
  }

  #remember(rid: number, answer: Answer, bytes: number): void {
    this.#replayBytes += bytes - (this.#answers.get(rid)?.bytes ?? 0);
    this.#answers.set(rid, { answer, bytes });
  }
}
