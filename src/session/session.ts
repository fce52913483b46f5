import type { Timer } from '../core/clock.ts';
import { ERRORS, GatewayError, reasonOf } from '../core/errors.ts';
import type { SessionView } from '../core/events.ts';
import { randomId, shortId } from '../core/id.ts';
import type { RestartAttributes, Stanza, StreamEnd, StreamHeader, StreamRequest } from '../core/ports.ts';
import { withItem, withoutItem } from '../core/short-list.ts';
import { Stream, type StreamClient } from '../stream/stream.ts';
import type { GatewayContext, SessionSettings } from './context.ts';
import type { Registered } from './registry.ts';

/** A transport's session: what it hears of its streams, and what the gateway may ask of it. */
export interface SessionOwner extends Registered {
  /** The server's header is known, at first and after each restart. */
  onHeader(header: StreamHeader, stream: Stream): void;
  /** Something waits in the stream's outbox. */
  onReadable(stream: Stream): void;
  /** The server side is over; what still waits in the outbox goes to the client first. */
  onEnd(end: StreamEnd | undefined, stream: Stream): void;
  /** The server takes no more (true), or takes again (false). */
  onFlow(full: boolean, stream: Stream): void;
  /** The client did not log in within its time. */
  onUnauthenticated(): void;
}

/** One client, whatever its transport, with its streams to servers. Registered from its first stream on. */
export class Session implements StreamClient {
  readonly #context: GatewayContext;
  readonly #settings: SessionSettings;
  readonly #owner: SessionOwner;
  readonly #view: SessionView;
  #streams: readonly Stream[] = [];
  /** How the streams ended for the client, while their servers still speak. Undefined where none has. */
  #ends: WeakMap<Stream, StreamEnd | undefined> | undefined;
  #authentication: Timer | undefined;
  #isRegistered = false;
  #isOver = false;

  constructor(
    context: GatewayContext,
    settings: SessionSettings,
    owner: SessionOwner,
    transport: SessionView['transport'],
    clientAddress: string,
  ) {
    this.#context = context;
    this.#settings = settings;
    this.#owner = owner;
    this.#view = { id: owner.id, transport, clientAddress };
  }

  /** Streams that the client has not ended: one, as a rule. */
  get streams(): readonly Stream[] {
    return this.#streams;
  }

  streamNamed(name: string): Stream | undefined {
    return this.#streams.find((stream) => stream.name === name);
  }

  /** True once the client has logged in on one of its streams. */
  get isAuthenticated(): boolean {
    return this.#streams.some(isAuthenticated);
  }

  /**
   * Connects a stream. Throws `GatewayError` where there can be none: `system-shutdown`, `overload`, or the connector's reason.
   */
  open(request: Omit<StreamRequest, 'transport' | 'clientAddress'>): Stream {
    const { registry, connector, clock, events, log, hooks, isDraining } = this.#context;
    const isFirst = !this.#isRegistered;
    if (isDraining()) throw new GatewayError('system-shutdown');
    if (isFirst && registry.size >= this.#settings.maxSessions)
      throw new GatewayError('overload', 'maxSessions is reached');
    const { transport, clientAddress } = this.#view;
    const view = { name: randomId(), session: this.#view, request: { ...request, transport, clientAddress } };
    const stream = new Stream(view, this, this.#settings, clock, hooks);
    this.#streams = withItem(this.#streams, stream);
    registry.streams++;
    try {
      stream.connect(connector);
    } catch (error) {
      this.#streams = withoutItem(this.#streams, stream);
      registry.streams--;
      throw error;
    }
    if (isFirst) {
      registry.add(this.#owner);
      this.#isRegistered = true;
      this.#authentication = clock.after(this.#settings.authenticationSeconds * 1000, () => this.#unauthenticated());
    }
    log.info({ session: shortId(this.#owner.id), to: request.to, transport, client: clientAddress }, 'stream opened');
    events.tell('stream-add', view);
    stream.begin();
    return stream;
  }

  #stopWaiting(): void {
    this.#authentication?.cancel();
    this.#authentication = undefined;
  }

  #unauthenticated(): void {
    if (this.isAuthenticated) return;
    const mute = this.#streams.filter(({ isOpening }) => isOpening);
    for (const stream of mute) this.#neverOpened(stream);
    if (mute.length === 0) this.#owner.onUnauthenticated();
  }

  /** Not the client's fault: it could not even begin. */
  #neverOpened(stream: Stream): void {
    const { connector, events } = this.#context;
    const detail = `the connector "${connector.name}" has not opened the stream in ${this.#settings.authenticationSeconds} s`;
    events.fault(new GatewayError('upstream-timeout', detail), stream.view);
    stream.fail({ code: 'upstream-timeout', detail });
  }

  onHeader(header: StreamHeader, stream: Stream): void {
    if (!this.#isOver) this.#owner.onHeader(header, stream);
  }

  onReadable(stream: Stream): void {
    if (this.#streams.includes(stream)) this.#owner.onReadable(stream);
    else this.#tellUndelivered(stream, stream.outbox.take(Infinity));
  }

  onEnd(end: StreamEnd | undefined, stream: Stream): void {
    const { registry } = this.#context;
    registry.streams--;
    registry.settled();
    if (!this.#isOver) this.#owner.onEnd(end, stream);
  }

  onFlow(full: boolean, stream: Stream): void {
    if (!this.#isOver) this.#owner.onFlow(full, stream);
  }

  onBound(jid: string): void {
    if (this.isAuthenticated) this.#stopWaiting();
    this.#context.log.info({ session: shortId(this.#owner.id), jid }, 'client bound');
  }

  onFault(error: GatewayError, stream: Stream): void {
    this.#context.events.fault(error, stream.view);
  }

  /** Throws `GatewayError`. */
  send(stanzas: readonly Stanza[], stream: Stream): void {
    for (const stanza of stanzas) stream.send(stanza);
    if (stanzas.length > 0) this.#context.events.tell('nodes', stanzas, stream.view);
  }

  /** Throws `GatewayError` where no restart is due. */
  restart(attributes: RestartAttributes, stream: Stream): void {
    stream.restart(attributes);
    this.#context.events.tell('stream-restart', stream.view);
  }

  /** The client has that answer, which carried these elements of that stream. */
  acknowledged(rid: number, stanzas: readonly Stanza[], stream: Stream | undefined): void {
    this.#context.events.tell('response-acknowledged', { rid, stanzas }, this.#view, stream?.view);
  }

  /** Ends the stream toward its server, while the client is still to be told. */
  close(stream: Stream, end?: StreamEnd): void {
    stream.close(end);
  }

  /** One stream is over for the client; the server's side is closed as `end` says, orderly where it is undefined. Idempotent. */
  endStream(stream: Stream, end?: StreamEnd): void {
    if (!this.#streams.includes(stream)) return;
    this.#streams = withoutItem(this.#streams, stream);
    const { events, log } = this.#context;
    (this.#ends ??= new WeakMap()).set(stream, end);
    this.#tellUndelivered(stream, stream.undelivered);
    try {
      stream.abandon(end);
    } catch (error) {
      // A connector that fails while a stream is closed must not keep the session, or harm another (BOSH-ERR-05).
      log.error({ session: shortId(this.#owner.id), reason: reasonOf(error) }, 'closing a stream failed');
    }
    events.tell('stream-terminate', stream.view, end);
    const level = end === undefined ? 'info' : ERRORS[end.code].level;
    log[level]({ session: shortId(this.#owner.id), code: end?.code, detail: end?.detail }, 'stream ended');
  }

  /** What was on its way to the client has not reached it. */
  putBack(stanzas: readonly Stanza[], stream: Stream): void {
    if (this.#streams.includes(stream)) stream.outbox.putBack(stanzas);
    else this.#tellUndelivered(stream, stanzas);
  }

  #tellUndelivered(stream: Stream, stanzas: readonly Stanza[]): void {
    if (stanzas.length === 0) return;
    const why = { end: this.#ends?.get(stream), isManaged: stream.isManaged };
    this.#context.events.tell('no-client', [...stanzas], stream.view, why);
  }

  /** The session is over for its client, with all its streams. Idempotent. */
  finish(end?: StreamEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopWaiting();
    for (const stream of this.#streams) this.endStream(stream, end);
    this.#context.registry.remove(this.#owner);
  }
}

function isAuthenticated(stream: Stream): boolean {
  return stream.isAuthenticated;
}
