import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../core/clock.ts';
import { TokenBucket } from '../core/limits.ts';

/** Of the client's pings and pongs; nbxmpp sends one in 5 s, so nobody honest comes near. */
const CONTROL_FRAMES = { burst: 200, perSecond: 20 };
/** Pings without a pong between, at which a client is lost. */
const MOST_UNANSWERED = 2;

/** The control frames of one WebSocket: whether its client is still there, and whether it asks too often. */
export class Heartbeat {
  readonly #socket: WebSocket;
  readonly #isRead: () => boolean;
  readonly #timer: Timer | undefined;
  #unanswered = 0;
  /** A pong is on its way. */
  #answering = false;
  /** The latest ping since then: that one alone needs an answer (RFC 6455 §5.5.3), so a flood costs one pong at a time. */
  #asked: Buffer | undefined;

  /** `isRead`: false while the client is not listened to, and so cannot be heard. `flooded` is told of too many frames. */
  constructor(socket: WebSocket, clock: Clock, pingSeconds: number, isRead: () => boolean, flooded: () => void) {
    this.#socket = socket;
    this.#isRead = isRead;
    const allowance = new TokenBucket(CONTROL_FRAMES.burst, CONTROL_FRAMES.perSecond, clock);
    socket.on('ping', (payload) => {
      if (allowance.take()) this.#pong(payload);
      else flooded();
    });
    socket.on('pong', () => {
      this.#unanswered = 0;
      if (!allowance.take()) flooded();
    });
    if (pingSeconds > 0) this.#timer = clock.after(pingSeconds * 1000, () => this.#due());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #due(): void {
    if (this.#isRead() && this.#unanswered++ >= MOST_UNANSWERED) {
      this.#socket.terminate();
      return;
    }
    this.#socket.ping();
    this.#timer?.restart();
  }

  #pong(payload: Buffer): void {
    if (this.#answering) {
      this.#asked = payload;
      return;
    }
    this.#answering = true;
    this.#socket.pong(payload, false, () => {
      this.#answering = false;
      const next = this.#asked;
      this.#asked = undefined;
      if (next !== undefined && this.#socket.readyState === this.#socket.OPEN) this.#pong(next);
    });
  }
}
