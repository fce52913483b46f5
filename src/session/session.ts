import type { Timer } from '../core/clock.ts';
import { ERRORS, GatewayError } from '../core/errors.ts';
import type { SessionView, StreamView } from '../core/events.ts';
import { randomId, shortId } from '../core/id.ts';
import type { RestartAttributes, Stanza, StreamEnd, StreamHeader, StreamRequest } from '../core/ports.ts';
import { Stream, type StreamClient } from '../stream/stream.ts';
import type { GatewayContext, SessionSettings } from './context.ts';
import type { Registered } from './registry.ts';

/** A transport's session: what it hears of its stream, and what the gateway may ask of it. */
export interface SessionOwner extends Registered, StreamClient {
  /** The client did not log in within its time. */
  onUnauthenticated(): void;
}

/** One client, whatever its transport, with its stream to the server. Registered while it lives. */
export class Session implements StreamClient {
  readonly stream: Stream;
  readonly #view: StreamView;
  readonly #context: GatewayContext;
  readonly #settings: SessionSettings;
  readonly #owner: SessionOwner;
  #authentication: Timer | undefined;
  #isOver = false;

  constructor(context: GatewayContext, settings: SessionSettings, request: StreamRequest, owner: SessionOwner) {
    this.#context = context;
    this.#settings = settings;
    this.#owner = owner;
    const { transport, clientAddress } = request;
    const session: SessionView = { id: owner.id, transport, clientAddress };
    this.#view = { name: randomId(), session, request };
    this.stream = new Stream(request, this, settings);
  }

  /** Connects. Throws `GatewayError` where there can be no session: `system-shutdown`, `overload`, or the connector's reason. */
  open(): void {
    const { registry, connector, clock, events, log, isDraining } = this.#context;
    if (isDraining()) throw new GatewayError('system-shutdown');
    if (registry.size >= this.#settings.maxSessions) throw new GatewayError('overload', 'maxSessions is reached');
    registry.streams++;
    try {
      this.stream.connect(connector);
    } catch (error) {
      registry.streams--;
      throw error;
    }
    registry.add(this.#owner);
    this.#authentication = clock.after(this.#settings.authenticationSeconds * 1000, () => {
      if (!this.stream.isAuthenticated) this.#owner.onUnauthenticated();
    });
    const { to, transport, clientAddress } = this.stream.request;
    log.info({ session: shortId(this.#owner.id), to, transport, client: clientAddress }, 'session opened');
    events.emit('stream-add', this.#view);
  }

  /** Throws `GatewayError`. */
  send(stanzas: readonly Stanza[]): void {
    for (const stanza of stanzas) this.stream.send(stanza);
    if (stanzas.length > 0) this.#context.events.emit('nodes', stanzas, this.#view);
  }

  /** Throws `GatewayError` where no restart is due. */
  restart(attributes: RestartAttributes): void {
    this.stream.restart(attributes);
    this.#context.events.emit('stream-restart', this.#view);
  }

  /**
   * The session is over for its client; the stream is closed as `end` says, orderly where it is undefined. Idempotent.
   */
  finish(end?: StreamEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#authentication?.cancel();
    const { registry, events, log } = this.#context;
    const undelivered = this.stream.outbox.peek();
    if (undelivered.length > 0) events.emit('no-client', [...undelivered], this.#view);
    this.stream.abandon(end);
    registry.remove(this.#owner);
    events.emit('stream-terminate', this.#view, end);
    const level = end === undefined ? 'info' : ERRORS[end.code].level;
    log[level]({ session: shortId(this.#owner.id), code: end?.code, detail: end?.detail }, 'session ended');
  }

  onHeader(header: StreamHeader): void {
    if (!this.#isOver) this.#owner.onHeader(header);
  }

  onReadable(): void {
    if (this.#isOver) this.stream.outbox.take(Infinity);
    else this.#owner.onReadable();
  }

  onEnd(end: StreamEnd | undefined): void {
    const { registry } = this.#context;
    registry.streams--;
    registry.settled();
    if (!this.#isOver) this.#owner.onEnd(end);
  }

  onFlow(full: boolean): void {
    if (!this.#isOver) this.#owner.onFlow(full);
  }
}
