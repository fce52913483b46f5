import type { SessionView, StreamView } from './events.ts';
import type { Stanza, StreamRequest } from './ports.ts';

/**
 * What becomes of an element. Nothing said: it passes. Another element: that one passes in its place. `drop`: nothing passes.
 * `refuse`: nothing passes, and the sender of a message or request is told (`policy-violation`). Where stream management is on
 * (XEP-0198), each side counts the stanzas of the other: an empty result then passes in the place of what does not, and nobody is told.
 */
export type Verdict = Stanza | 'drop' | 'refuse' | undefined;

/**
 * Hooks decide. Each may refuse by throwing a `GatewayError`, or by a promise that rejects with one: the session (of `accept` and
 * of an only stream) or the stream is then over, and its client is told what that code says. Anything else that is thrown is a
 * `plug-fault`, and so is an answer that takes longer than `hookSeconds`.
 *
 * What they cost: a gateway without a hook does one comparison an element. A hook that answers at once costs its own call. A hook
 * that answers with a promise costs a turn of the event loop and a timer, and what follows on the same stream in the same
 * direction waits for it, so that the order stays; too much of that stops the sender.
 */
export interface Hooks {
  /** Before a stream is connected: a session's first, and each further one. To change what is asked for, wrap the connector. */
  accept?(request: StreamRequest, session: SessionView): Promise<void> | void;
  /** Each element from the client, the login and nonzas too, before the connector has it. */
  nodes?(stanza: Stanza, stream: StreamView): Promise<Verdict> | Verdict;
  /** Each element toward the client, the stream features and nonzas too, before it waits for an answer to carry it. */
  stanza?(stanza: Stanza, stream: StreamView): Promise<Verdict> | Verdict;
}
