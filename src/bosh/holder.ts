/** A request that is processed and not answered. */
export interface HeldRequest {
  readonly rid: number;
  /** When it must be answered at the latest, on the session's clock (ms). */
  readonly deadline: number;
  /** False once the client's connection is gone: then there is nobody to answer. */
  readonly isAlive: boolean;
  /** A pause request is answered without payload (XEP-0124 §10). */
  readonly isBare: boolean;
  /** A request that opens a stream waits for its features, polling or not (XEP-0206 §4). */
  readonly isOpening: boolean;
}

/** Who ends a session. */
export type EndKind = 'asked' | 'told' | 'broken';

/** All that decides when a request is answered. */
export interface Holding {
  /** Ascending by rid. */
  readonly held: readonly HeldRequest[];
  readonly hold: number;
  /** `wait` or `hold` is 0: each request is answered at once (§12). */
  readonly polling: boolean;
  /** Something waits that the oldest living request may carry. */
  readonly hasPayload: boolean;
  /** The client told that an answer is missing: say so at once (§9.2). */
  readonly isReporting: boolean;
  /** The client pauses: answer all it has open (§10). */
  readonly isPausing: boolean;
  /** The server takes no more: nothing is answered early, so that the client sends no more. */
  readonly serverIsFull: boolean;
  /** `asked`: the client ended the session. `told`: the server did. `broken`: the gateway does, and waits for nothing. */
  readonly end: EndKind | undefined;
  readonly now: number;
}

/** Which request is answered next, and with what. */
export interface Answer {
  readonly rid: number;
  readonly content: 'payload' | 'nothing' | 'end';
}

/**
 * The next request to answer, if one is to be answered now. Ask again after each. Always the oldest one: answers go out in
 * rid order (XEP-0124 §8, §14.2).
 */
export function nextAnswer(state: Holding): Answer | undefined {
  const { held, hasPayload } = state;
  const oldest = held[0];
  const alive = aliveOf(held);
  if (oldest === undefined || alive === 0) return undefined;
  const { rid } = oldest;
  // The client went on to a higher rid: it will not ask for this one again, and if it does, it was empty (BOSH-BRK-06).
  if (!oldest.isAlive) return { rid, content: 'nothing' };

  const payload: Answer = { rid, content: 'payload' };
  const nothing: Answer = { rid, content: 'nothing' };
  if (state.end !== undefined) {
    // Strophe throws away what stands in a terminate body: so payload goes first, in a body of its own (conformance A-18).
    const another = state.end === 'told' || alive > 1;
    return hasPayload && another && state.end !== 'broken' ? payload : { rid, content: 'end' };
  }
  if (hasPayload && !oldest.isBare) return payload;
  if (state.isPausing || state.isReporting) return nothing;
  if (oldest.deadline <= state.now) return nothing;
  if (state.polling && !oldest.isOpening) return nothing;
  if (alive > state.hold && !oldest.isOpening && !state.serverIsFull) return nothing;
  // A younger one's time may be up first: it cannot be answered before this one.
  return held.some(({ isAlive, deadline }) => isAlive && deadline <= state.now) ? nothing : undefined;
}

export function isAlive(request: HeldRequest): boolean {
  return request.isAlive;
}

export function aliveOf(held: readonly HeldRequest[]): number {
  let alive = 0;
  for (const request of held) if (request.isAlive) alive++;
  return alive;
}

/** When `nextAnswer` has to be asked again though nothing happens; Infinity where nothing is held. */
export function nextDeadline(held: readonly Pick<HeldRequest, 'deadline' | 'isAlive'>[]): number {
  let earliest = Infinity;
  for (const { isAlive, deadline } of held) if (isAlive && deadline < earliest) earliest = deadline;
  return earliest;
}
