import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { encodingOf } from '../core/encoding.ts';
import { letGo, listenTo, type Taker } from './incoming.ts';

export interface WireSettings {
  readonly closeSeconds: number;
  /** Waiting for the server, before its client is paused. */
  readonly maxUpstreamBytes: number;
  /** Waiting for the server, at which the stream is over. */
  readonly maxUpstreamBacklogBytes: number;
}

/** What a wire tells. */
export interface WireHandlers extends Taker {
  /** The server takes no more for now (true), or takes again. */
  onFlow(isFull: boolean): void;
  /** Much too much waits for the server. */
  onOverflow(): void;
}

/** The connection of a stream: what is written in one turn leaves together, what waits is bounded, and it ends in time. */
export class Wire {
  readonly #socket: Socket;
  readonly #handlers: WireHandlers;
  readonly #settings: WireSettings;
  readonly #clock: Clock;
  /** Written in this turn of the loop, and its length in bytes. */
  #turn = '';
  #turnBytes = 0;
  #isFull = false;
  #isPaused = false;

  constructor(socket: Socket, handlers: WireHandlers, settings: WireSettings, clock: Clock) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#settings = settings;
    this.#clock = clock;
    listenTo(socket, handlers);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  write(xml: string, bytes = Buffer.byteLength(xml)): void {
    if (!this.#socket.writable) return;
    if (this.#turn === '') process.nextTick(flushWire, this);
    this.#turn += xml;
    this.#turnBytes += bytes;
    const { maxUpstreamBytes, maxUpstreamBacklogBytes } = this.#settings;
    const backlog = this.#backlog;
    if (backlog > maxUpstreamBacklogBytes) this.#handlers.onOverflow();
    else if (backlog > maxUpstreamBytes && !this.#isFull) {
      this.#isFull = true;
      this.#handlers.onFlow(true);
    }
  }

  get #backlog(): number {
    return this.#socket.writableLength + this.#turnBytes;
  }

  /** Sends what was written in this turn, as one string: each chunk of its own would be encoded and queued by itself. */
  flush(): void {
    const xml = this.#turn;
    const encoding = encodingOf(xml.length, this.#turnBytes);
    this.#turn = '';
    this.#turnBytes = 0;
    if (xml === '' || !this.#socket.writable) return;
    // Not 'drain': the socket's own mark may be higher, and then it tells nothing.
    const written = this.#isFull ? () => this.#written() : undefined;
    this.#socket.write(xml, encoding, written);
  }

  #written(): void {
    if (!this.#isFull || this.#backlog > this.#settings.maxUpstreamBytes) return;
    this.#isFull = false;
    this.#handlers.onFlow(false);
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Gives the socket away: nothing of this wire reads it or writes to it any more. */
  release(): Socket {
    this.flush();
    letGo(this.#socket);
    return this.#socket;
  }

  /** Lets what was written go out, then closes. Idempotent. */
  end(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    this.flush();
    socket.end();
    socket.resume();
    const deadline = this.#clock.after(this.#settings.closeSeconds * 1000, () => socket.destroy());
    socket.once('close', () => deadline.cancel());
  }

  /** Both sides have said their last: the system still sends what it was given. TLS has an end of its own, which is sent first. */
  close(): void {
    this.flush();
    if (this.#socket instanceof TLSSocket || this.#socket.writableLength > 0) this.end();
    else this.#socket.destroy();
  }

  /** Closes at once, unless `end()` is under way. */
  drop(): void {
    if (!this.#socket.writableEnded) this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** One for all: a closure for each turn of each stream would be garbage. */
function flushWire(wire: Wire): void {
  wire.flush();
}
