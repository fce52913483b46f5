import { ERRORS, GatewayError, reasonOf } from '../core/errors.ts';
import type { Downstream, RestartAttributes, Stanza, StreamEnd, StreamHeader, Upstream } from '../core/ports.ts';
import { conditionOf, endOf } from './conditions.ts';
import { parseElement, stanzasOf } from './element.ts';
import type { EventPipe } from './event-pipe.ts';
import type { CompatStream } from './objects.ts';

/** Listeners that every pipe has of its own, by event: who comes beside them wants to see elements. */
export interface Pipe {
  readonly events: EventPipe;
  /** True where a program listens too. */
  isWatched(event: string): boolean;
}

/** One stream between the gateway and a pipe: what the gateway does becomes an event, and events become what it hears. */
export class Link implements Upstream {
  readonly stream: CompatStream;
  readonly #client: Downstream;
  readonly #pipe: Pipe;
  #inner: Upstream | undefined;
  #header: StreamHeader;
  #isOpen = false;
  #isClosed = false;
  /** Said by the real server, or by the gateway: kept beside the one word that an event has for it. */
  #end: StreamEnd | undefined;
  #restarting: RestartAttributes | undefined;

  constructor(stream: CompatStream, client: Downstream, pipe: Pipe) {
    this.stream = stream;
    this.#client = client;
    this.#pipe = pipe;
    this.#header = { from: stream.to };
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Tells the pipe of the stream. What fails there ends this stream alone. */
  announce(): void {
    if (this.#isClosed) return;
    this.#guarded(() =>
      this.#pipe.events.emit('stream-add', this.stream, { to: this.stream.to, ...this.stream.attrs }),
    );
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fail(error);
    }
  }

  /** A listener failed: whoever listens for errors is told, and the client that the stream is over. */
  fail(error: unknown): void {
    const { events } = this.#pipe;
    if (events.listenerCount('error') > 0) events.emit('error', error);
    const end = error instanceof GatewayError ? error : new GatewayError('plug-fault', reasonOf(error));
    this.finish({ code: end.code, detail: `a listener failed: ${reasonOf(end)}` });
  }

  // What the gateway does.

  send(stanza: Stanza): void {
    const { events } = this.#pipe;
    if (this.#inner !== undefined && !this.#pipe.isWatched('nodes')) this.#inner.send(stanza);
    else this.#guarded(() => events.emit('nodes', [parseElement(stanza.xml)], this.stream));
  }

  restart(attributes: RestartAttributes = {}): void {
    this.#isOpen = false;
    this.#restarting = attributes;
    const { stream } = this;
    stream.attrs = { ...attributes.headerAttributes };
    this.#guarded(() => this.#pipe.events.emit('stream-restart', stream, { to: stream.to, ...stream.attrs }));
  }

  close(end?: StreamEnd): void {
    if (this.stream.terminated) return;
    this.stream.terminated = true;
    this.#end = end;
    this.#guarded(() => this.#pipe.events.emit('stream-terminate', this.stream));
    // With a real server behind, it is its end that counts.
    if (this.#inner === undefined) this.finish(undefined);
  }

  pause(): void {
    this.#inner?.pause();
  }

  resume(): void {
    this.#inner?.resume();
  }

  security(): ReturnType<NonNullable<Upstream['security']>> {
    return this.#inner?.security?.();
  }

  // What the pipe's own listeners do, when events come to them.

  /** `stream-added`, `stream-restarted`, or the first element without either. */
  open(): void {
    if (this.#isOpen || this.#isClosed) return;
    this.#isOpen = true;
    this.#client.opened(this.#header);
  }

  deliver(given: unknown): void {
    if (this.#isClosed) return;
    this.open();
    for (const stanza of stanzasOf(given)) this.#client.deliver(stanza);
  }

  /** `terminate`, with a condition or null. */
  terminate(condition: unknown): void {
    const end = this.#end;
    const isSame = end !== undefined && condition === ERRORS[end.code].bosh;
    this.finish(isSame ? end : endOf(condition));
  }

  finish(end: StreamEnd | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.stream.terminated = true;
    const inner = this.#inner;
    this.#inner = undefined;
    inner?.close();
    this.#client.closed(end);
  }

  // What the connector that is attached to a pipe does.

  /** Puts a real server behind the stream. */
  attach(connect: (client: Downstream) => Upstream): void {
    try {
      this.#inner = connect(this.#serverSide());
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const end = { code: error.code, detail: error.detail };
      this.#ended(end);
    }
  }

  sendInner(given: unknown): void {
    for (const stanza of stanzasOf(given)) this.#inner?.send(stanza);
  }

  restartInner(): void {
    const headerAttributes = Object.keys(this.stream.attrs).length > 0 ? this.stream.attrs : undefined;
    this.#inner?.restart({ ...this.#restarting, headerAttributes });
  }

  closeInner(): void {
    this.#inner?.close(this.#end);
  }

  #serverSide(): Downstream {
    const { events } = this.#pipe;
    let isFirst = true;
    return {
      opened: (header) => {
        this.#header = header;
        this.#guarded(() => events.emit(isFirst ? 'stream-added' : 'stream-restarted', this.stream));
        isFirst = false;
      },
      deliver: (stanza) => {
        if (this.#pipe.isWatched('response')) {
          this.#guarded(() => events.emit('response', parseElement(stanza.xml), this.stream));
        } else if (!this.#isClosed) {
          this.open();
          this.#client.deliver(stanza);
        }
      },
      closed: (end) => this.#ended(end),
      pause: () => this.#client.pause(),
      resume: () => this.#client.resume(),
    };
  }

  #ended(end: StreamEnd | undefined): void {
    if (this.#isClosed) return;
    this.#inner = undefined;
    this.#end = end;
    this.#guarded(() => this.#pipe.events.emit('terminate', this.stream, conditionOf(end)));
  }
}
