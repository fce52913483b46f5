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

/** A first tab answers so soon to what its copy has caused (ms). */
const AT_ONCE_MS = 500;
/** Two tabs that repeat one rid in turns are at once there again (ms); clients that repeat wait longer, or get no further. */
const IN_TURNS_MS = 2000;
const TURNS = 4;

/**
 * Tells a duplicated browser tab, which has copied sid and rid, from a client that repeats a request. A client that repeats has
 * given up its older connection, says the same, and goes on when it is answered; two tabs do otherwise:
 *
 * - A copy *ahead* has the next rid. It sends that while the first tab's request is held, which is answered then; so at once the
 *   first tab sends the same rid. Turned away, the copy goes on: it asks for the rid after, while one is held.
 * - A copy *behind*, whose tab was copied a while ago, sends the rid that is held. Turned away, the first tab goes on.
 *
 * Where neither can be told, a copy's first request comes on a connection that has not carried the session before.
 */
export class TabWatch {
  /** A request came while another was held. */
  #overlap: { readonly rid: number; readonly at: number } | undefined;
  /** The last rid that came again while it was held for a living client, saying nothing. */
  #double: { readonly rid: number; readonly isAhead: boolean; readonly count: number; readonly at: number } | undefined;
  /** The last rid that came again when it was answered, as those right before it. */
  #trail: { readonly rid: number; readonly isAhead: boolean } | undefined;

  /** A new rid comes, while as many requests are held as may be. */
  overlaps(rid: number, isEmpty: boolean, now: number): Copy {
    const goesOn = isEmpty && this.#double?.rid === rid - 1;
    if (goesOn && this.#double?.isAhead === true) return 'coming';
    this.#overlap = { rid, at: now };
    return goesOn ? 'held' : undefined;
  }

  /** A rid comes that was answered; `isStranger`: its first request was a stranger's. True where that may have been a copy's. */
  replays(rid: number, isNewest: boolean, isStranger: boolean): boolean {
    const isAhead = this.#trail?.rid === rid - 1 ? this.#trail.isAhead : isNewest && isStranger;
    this.#trail = { rid, isAhead };
    return isAhead || this.#overlap?.rid === rid;
  }

  /** A rid comes again that is held for a living client; `isStranger`: the one that is held is, and the one that comes is not. */
  doubles(rid: number, says: Says, isStranger: boolean, now: number): Copy {
    if (says === 'the same') return undefined;
    const last = this.#double?.rid === rid && now - this.#double.at < IN_TURNS_MS ? this.#double : undefined;
    const isAhead = last?.isAhead ?? this.#isAhead(rid, isStranger, now);
    if (says === 'something else') return isAhead ? 'held' : 'coming';
    const count = (last?.count ?? 0) + 1;
    this.#double = { rid, isAhead, count, at: now };
    // Clients that repeat what was turned away: it is the copy's turn each second time.
    const isCopyComing = isAhead === (count % 2 === 0);
    return count >= TURNS && isCopyComing ? 'coming' : undefined;
  }

  #isAhead(rid: number, isStranger: boolean, now: number): boolean {
    if (this.#trail?.rid === rid - 1) return this.#trail.isAhead;
    const { rid: overlapping, at = 0 } = this.#overlap ?? {};
    return isStranger || (overlapping === rid && now - at < AT_ONCE_MS);
  }
}
