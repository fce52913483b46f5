import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';

export interface WireSettings {
  readonly closeSeconds: number;
  /** Waiting for the server, before its client is paused. */
  readonly maxUpstreamBytes: number;
  /** Waiting for the server, at which the stream is over. */
  readonly maxUpstreamBacklogBytes: number;
}

/** What a wire tells. */
export interface WireHandlers {
  data(bytes: Buffer): void;
  /** The connection is over without our doing. */
  lost(detail: string): void;
  /** The server takes no more for now (true), or takes again. */
  flow(isFull: boolean): void;
  /** Much too much waits for the server. */
  overflow(): void;
}

/** The connection of a stream: what is written in one turn leaves together, what waits is bounded, and it ends in time. */
export class Wire {
  readonly #socket: Socket;
  readonly #handlers: WireHandlers;
  readonly #settings: WireSettings;
  readonly #clock: Clock;
  #isCorked = false;
  #isFull = false;
  #isPaused = false;

  constructor(socket: Socket, handlers: WireHandlers, settings: WireSettings, clock: Clock) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#settings = settings;
    this.#clock = clock;
    socket.on('data', (bytes: Buffer) => handlers.data(bytes));
    socket.on('error', (error) => handlers.lost(reasonOf(error)));
    socket.on('end', () => handlers.lost('the server closed the connection'));
    socket.on('close', () => handlers.lost('the connection was closed'));
    socket.on('drain', () => this.#drained());
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  write(xml: string): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        socket.uncork();
      });
    }
    socket.write(xml);
    const { maxUpstreamBytes, maxUpstreamBacklogBytes } = this.#settings;
    const backlog = socket.writableLength;
    if (backlog > maxUpstreamBacklogBytes) this.#handlers.overflow();
    else if (backlog > maxUpstreamBytes && !this.#isFull) {
      this.#isFull = true;
      this.#handlers.flow(true);
    }
  }

  #drained(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#handlers.flow(false);
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
    for (const event of ['data', 'error', 'end', 'close', 'drain']) this.#socket.removeAllListeners(event);
    return this.#socket;
  }

  /** Lets what was written go out, then closes. Idempotent. */
  end(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    socket.end();
    socket.resume();
    const deadline = this.#clock.after(this.#settings.closeSeconds * 1000, () => socket.destroy());
    socket.once('close', () => deadline.cancel());
  }

  /** Closes at once, unless `end()` is under way. */
  drop(): void {
    if (!this.#socket.writableEnded) this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
