import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../core/clock.ts';
import { TokenBucket } from '../core/limits.ts';

/** Of the client's pings and pongs; nbxmpp sends one in 5 s, so nobody honest comes near. */
const CONTROL_FRAMES = { burst: 200, perSecond: 20 };
/** Pings without a pong between, at which a client is lost. */
const MOST_UNANSWERED = 2;

/** Whose heartbeat it is. */
export interface HeartbeatHandlers {
  /** False while the client is not listened to, and so cannot be heard. */
  readonly isRead: boolean;
  /** There are too many frames. */
  onFlood(): void;
}

/** The control frames of one WebSocket: whether its client is still there, and whether it asks too often. */
export class Heartbeat {
  readonly #socket: WebSocket;
  readonly #handlers: HeartbeatHandlers;
  readonly #timer: Timer | undefined;
  #unanswered = 0;
  /** A pong is on its way. */
  #answering = false;
  /** The latest ping since then: that one alone needs an answer (RFC 6455 §5.5.3), so a flood costs one pong at a time. */
  #asked: Buffer | undefined;

  constructor(socket: WebSocket, handlers: HeartbeatHandlers, pingSeconds: number, clock: Clock) {
    this.#socket = socket;
    this.#handlers = handlers;
    const allowance = new TokenBucket(CONTROL_FRAMES.burst, CONTROL_FRAMES.perSecond, clock);
    socket.on('ping', (payload) => {
      if (allowance.take()) this.#pong(payload);
      else handlers.onFlood();
    });
    socket.on('pong', () => {
      this.#unanswered = 0;
      if (!allowance.take()) handlers.onFlood();
    });
    if (pingSeconds > 0) this.#timer = clock.after(pingSeconds * 1000, due, this);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** For its timer alone. */
  due(): void {
    if (this.#handlers.isRead && this.#unanswered++ >= MOST_UNANSWERED) {
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

function due(heartbeat: Heartbeat): void {
  heartbeat.due();
}
