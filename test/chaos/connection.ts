import { connect, type Socket } from 'node:net';
import { MessageReader, type HttpMessage } from './http.ts';

/** One of a client's connections: one request at a time, and kept for the next. */
export class Connection {
  readonly #socket: Socket;
  readonly #done: (connection: Connection) => void;
  #answered: ((answer: HttpMessage) => void) | undefined;
  #broken: (() => void) | undefined;
  isClosed = false;

  /** `done`: it is free again, or closed. */
  constructor(port: number, done: (connection: Connection) => void) {
    this.#done = done;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const reader = new MessageReader((answer) => {
      const tell = this.#answered;
      this.#answered = this.#broken = undefined;
      this.#done(this);
      tell?.(answer);
    });
    this.#socket.on('data', (chunk: Buffer) => reader.push(chunk));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.isClosed = true;
      const tell = this.#broken;
      this.#answered = this.#broken = undefined;
      this.#done(this);
      tell?.();
    });
  }

  get isFree(): boolean {
    return !this.isClosed && this.#answered === undefined;
  }

  ask(bytes: Buffer, answered: (answer: HttpMessage) => void, broken: () => void): void {
    this.#answered = answered;
    this.#broken = broken;
    this.#socket.write(bytes);
  }

  /** Whatever it still carries does not matter any more. */
  close(): void {
    this.#answered = this.#broken = undefined;
    this.isClosed = true;
    this.#socket.destroy();
  }
}
