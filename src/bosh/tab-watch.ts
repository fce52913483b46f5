import type { Stanza } from '../core/ports.ts';
import { textOf } from './body.ts';

/** What a request says that comes with the rid of another. */
export type Says = 'nothing' | 'the same' | 'something else';

export function compare(payload: readonly Stanza[], first: readonly Stanza[]): Says {
  if (payload.length === 0 && first.length === 0) return 'nothing';
  return textOf(payload) === textOf(first) ? 'the same' : 'something else';
}

/** Whose request is a copy's: the one that is held, or the one that comes? Undefined: nobody's, or not known yet. */
export type Copy = 'held' | 'coming' | undefined;

/** Which of the two came on a connection that had not carried the session before; undefined where that tells nothing. */
export type Stranger = 'held' | 'coming' | undefined;

/** A first tab answers so soon to what its copy has caused (ms). */
const AT_ONCE_MS = 500;
/** Two tabs that repeat one rid in turns are at once there again (ms); clients that repeat wait longer, or get no further. */
const IN_TURNS_MS = 2000;
const TURNS = 12;

/**
 * Tells a duplicated browser tab, which has copied sid and rid, from a client that repeats a request. A client that repeats has
 * given up its older connection, says the same, and goes on when it is answered; two tabs do otherwise:
 *
 * - A copy *ahead* has the next rid. It sends that while the first tab's request is held, which is answered then; so at once the
 *   first tab sends the same rid. Turned away, the copy goes on: it asks for the rid after, while one is held.
 * - A copy *behind*, whose tab was copied a while ago, sends the rid that is held. Turned away, the first tab goes on.
 *
 * Where that leaves it open, a copy's first request comes on a connection that has not carried the session before.
 */
export class TabWatch {
  /** A request came while another was held. */
  #overlap: { readonly rid: number; readonly at: number } | undefined;
  /** The last rid that came again while it was held for a living client, saying nothing. */
  #double: { readonly rid: number; readonly isAhead: boolean; readonly count: number; readonly at: number } | undefined;
  /** The last rid that came again when it was answered, as those right before it. */
  #trail: { readonly rid: number; readonly isAhead: boolean } | undefined;
  /** The last rid of a first tab that its copy has left behind. */
  #firstAt: number | undefined;
  #answeredAt = -Infinity;

  /** A new rid comes. `isCrowded`: as many requests are held as may be. */
  comes(rid: number, isEmpty: boolean, isCrowded: boolean, now: number): Copy {
    // Who has not asked for all below yet cannot have sent it.
    const isLeft = this.#firstAt !== undefined && rid > this.#firstAt + 1;
    this.#firstAt = undefined;
    if (isLeft) return 'coming';
    if (!isCrowded) return undefined;
    const goesOn = isEmpty && this.#double?.rid === rid - 1;
    if (goesOn && this.#double?.isAhead === true) return 'coming';
    this.#overlap = { rid, at: now };
    return goesOn ? 'held' : undefined;
  }

  /**
   * A rid comes that was answered. `saysMore`: at first it said nothing; then two tabs have used it, and what is said now is to be
   * forwarded where it may be the first one's.
   */
  replays(
    rid: number,
    isNewest: boolean,
    saysMore: boolean,
    stranger: Stranger,
    now: number,
  ): { copy: Copy; forward: boolean; isAhead: boolean } {
    // A first tab falls behind its copy where both use the newest rid; a copy comes from further behind.
    const isTrail = this.#trail?.rid === rid - 1;
    const isLate = isTrail
      ? this.#trail?.isAhead
      : (isNewest && stranger === 'held') || this.#isAnswerToOverlap(rid, now);
    const isAhead = isLate === true || (isNewest && saysMore && isTrail);
    this.#trail = { rid, isAhead };
    const forward = saysMore && (isAhead || this.#overlap?.rid === rid);
    if (this.#firstAt === rid - 1) this.#firstAt = rid;
    if (!saysMore || isNewest) return { copy: undefined, forward, isAhead };
    return { copy: forward ? 'held' : 'coming', forward, isAhead };
  }

  /** The first tab has come to that rid, and its copy is further, with nothing held. */
  leavesBehind(rid: number): void {
    this.#firstAt = rid;
  }

  /** An answer was given. */
  answers(now: number): void {
    this.#answeredAt = now;
  }

  /** A rid comes again that is held for a living client. */
  doubles(rid: number, says: Says, stranger: Stranger, now: number): Copy {
    if (says === 'the same') return undefined;
    const last = this.#double?.rid === rid && now - this.#double.at < IN_TURNS_MS ? this.#double : undefined;
    const isAhead = last?.isAhead ?? this.#isAhead(rid, says, stranger, now);
    if (says === 'something else') return isAhead ? 'held' : 'coming';
    const count = (last?.count ?? 0) + 1;
    this.#double = { rid, isAhead, count, at: now };
    // Clients that repeat what was turned away: it is the copy's turn each second time.
    const isCopyComing = isAhead === (count % 2 === 0);
    return count >= TURNS && isCopyComing ? 'coming' : undefined;
  }

  /** Is it a copy that holds the rid, ahead of the first tab, or does one come from behind? */
  #isAhead(rid: number, says: Says, stranger: Stranger, now: number): boolean {
    if (this.#trail?.rid === rid - 1) return this.#trail.isAhead;
    if (this.#double?.rid === rid - 1) return this.#double.isAhead;
    if (this.#isAnswerToOverlap(rid, now)) return true;
    if (stranger !== undefined) return stranger === 'held';
    // First tabs ask at once when they are answered: a copy came in between.
    return says === 'nothing' && now - this.#answeredAt < AT_ONCE_MS / 2;
  }

  /** Sent by the one whose request was held when the other's came under that rid. */
  #isAnswerToOverlap(rid: number, now: number): boolean {
    return this.#overlap?.rid === rid && now - this.#overlap.at < AT_ONCE_MS;
  }
}
