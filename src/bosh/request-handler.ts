import { fromHint, languageTag, normaliseDomain } from '../core/domain.ts';
import { ERRORS, GatewayError, codeOf } from '../core/errors.ts';
import { randomId } from '../core/id.ts';
import type { Stanza, StreamEnd } from '../core/ports.ts';
import type { Session } from '../session/session.ts';
import type { Stream } from '../stream/stream.ts';
import { isOfStream, type BodyRequest } from './body.ts';
import type { Agreement } from './creation.ts';
import type { Deliveries } from './deliveries.ts';
import { parseRoute, streamAttributes } from './extensions.ts';
import { KeyChain } from './keys.ts';
import type { Pending } from './pending.ts';

/** What a request does to its session, beyond what it does to the streams. */
export interface Effect {
  /** Seconds. */
  readonly pause?: number;
  /** The client ends the session. */
  readonly end?: { readonly by: 'asked'; readonly end: StreamEnd | undefined };
}

const NO_EFFECT: Effect = {};

/** Does what requests ask for, in rid order: keys, streams, restarts, payload. */
export class RequestHandler {
  readonly #session: Session;
  readonly #deliveries: Deliveries;
  readonly #agreement: Agreement;
  readonly #maxStreams: number;
  readonly #keys: KeyChain | undefined;
  /** Streams that are over: payload for them may still be on its way (XEP-0124 §16.4). */
  #closed: Set<string> | undefined;
  #saysToAlways = false;

  constructor(session: Session, deliveries: Deliveries, agreement: Agreement, maxStreams: number) {
    this.#session = session;
    this.#deliveries = deliveries;
    this.#agreement = agreement;
    this.#maxStreams = maxStreams;
    this.#keys = agreement.newKey === undefined ? undefined : new KeyChain(agreement.newKey);
  }

  /** Throws `GatewayError`. */
  create(): Stream {
    const { to, from, lang, route, headerAttributes, custom } = this.#agreement;
    return this.#open({ to, from, lang, route, headerAttributes, custom });
  }

  #open(request: Parameters<Session['open']>[0]): Stream {
    const stream = this.#session.open(request);
    this.#deliveries.add(stream);
    return stream;
  }

  /** A stream is over, and the session goes on without it. */
  end(stream: Stream): void {
    (this.#closed ??= new Set()).add(stream.name);
    this.#deliveries.remove(stream);
    this.#session.endStream(stream);
  }

  /** Throws `GatewayError` where the request breaks the session. */
  perform(pending: Pending): Effect {
    const { request } = pending;
    const { attributes, payload } = request;
    // In rid order, so that requests which overtook each other keep the chain (BOSH-KEY-06).
    if (this.#keys?.advance(attributes.get('key'), attributes.get('newkey')) === false) {
      throw new GatewayError('item-not-found', 'the key does not fit');
    }
    // Payloads of a restart request are ignored (XEP-0206 §5).
    if (request.restart) return this.#restart(request);
    if (this.#isAddition(request)) return this.#add(pending);
    const name = attributes.get('stream');
    const stream = name === undefined ? undefined : this.#session.streamNamed(name);
    if (name !== undefined && stream === undefined) {
      if (this.#closed?.has(name) !== true) throw new GatewayError('item-not-found', 'no such stream');
      return NO_EFFECT;
    }
    const targets = stream === undefined ? this.#session.streams : [stream];
    const isOver = this.forward(payload, targets) || request.type === 'terminate';
    if (!isOver && request.pause === undefined) return NO_EFFECT;
    const others = this.#session.streams.filter((other) => !targets.includes(other) && !other.isOver);
    if (isOver && others.length > 0) {
      for (const target of targets) this.end(target);
      return NO_EFFECT;
    }
    return {
      ...(request.pause !== undefined && { pause: this.#pause(request.pause) }),
      ...(isOver && { end: { by: 'asked', end: this.#reportedError(payload) } }),
    };
  }

  /** True where the client reports a stream error: that ends its stream (RFC 6120 §4.9.1.1). */
  forward(payload: readonly Stanza[], targets: readonly Stream[]): boolean {
    if (payload.length === 0) return false;
    const error = payload.findIndex(isOfStream);
    const stanzas = error < 0 ? payload : payload.slice(0, error);
    // Without a stream's name, to all of them (§16.4).
    for (const stream of targets) this.#session.send(stanzas, stream);
    return error >= 0;
  }

  #reportedError(payload: readonly Stanza[]): StreamEnd | undefined {
    const error = payload.find(isOfStream);
    return error === undefined ? undefined : { code: 'stream-error', error };
  }

  #pause(seconds: number): number {
    if (seconds > this.#agreement.maxPause) throw new GatewayError('policy-violation', 'pause is above maxpause');
    return seconds;
  }

  /**
   * An empty request with `to` opens another stream (§16.3).
   * COMPAT(Pidgin 2.14): it says `to` in every request, also with payload and before it has logged in; then it means nothing. What
   * repeats the attributes of the creation request opens nothing either (B-15).
   */
  #isAddition({ attributes, payload, type, pause }: BodyRequest): boolean {
    if (!attributes.has('to') || this.#maxStreams === 1) return false;
    const isOwn = normaliseDomain(attributes.get('to') ?? '') === this.#agreement.to;
    if (payload.length > 0 || (isOwn && !this.#session.isAuthenticated)) this.#saysToAlways = true;
    if (['ver', 'wait', 'hold'].some((name) => attributes.has(name))) return false;
    return !this.#saysToAlways && type === undefined && pause === undefined && !attributes.has('stream');
  }

  /** What cannot be opened is told as the end of that stream alone (§16.6). */
  #add(pending: Pending): Effect {
    const { attributes, lang } = pending.request;
    try {
      if (this.#session.streams.length >= this.#maxStreams) {
        throw new GatewayError('policy-violation', 'maxStreamsPerSession is reached');
      }
      const to = normaliseDomain(attributes.get('to') ?? '');
      if (to === undefined) throw new GatewayError('improper-addressing', 'to is no domain');
      const from = fromHint(attributes.get('from'), to);
      const headerAttributes = streamAttributes(attributes.get('stream_attrs'));
      const route = parseRoute(attributes.get('route'));
      pending.opens = this.#open({ to, from, lang: languageTag(lang), route, headerAttributes });
    } catch (error) {
      pending.refusal = { type: 'terminate', condition: ERRORS[codeOf(error)].bosh, stream: randomId() };
    }
    return NO_EFFECT;
  }

  #restart({ attributes, lang }: BodyRequest): Effect {
    const name = attributes.get('stream');
    const [only, ...others] = this.#session.streams;
    const stream = name === undefined && others.length === 0 ? only : this.#session.streamNamed(name ?? '');
    if (stream === undefined) throw new GatewayError('item-not-found', 'no such stream to restart');
    const { to } = stream.view.request;
    const target = attributes.get('to');
    if (target !== undefined && normaliseDomain(target) !== to) {
      throw new GatewayError('policy-violation', 'a restart may not change the domain');
    }
    const headerAttributes = streamAttributes(attributes.get('stream_attrs'));
    const given = { from: fromHint(attributes.get('from'), to), lang: languageTag(lang), headerAttributes };
    this.#session.restart(given, stream);
    return NO_EFFECT;
  }
}
