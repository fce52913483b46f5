import { connect, type Socket } from 'node:net';
import { MessageReader, close, type HttpMessage } from './http.ts';

/** One connection to the gateway, for one request at a time. */
export class Upstream {
  readonly #socket: Socket;
  readonly #reader: MessageReader;
  onAnswer: (answer: HttpMessage) => void = () => {};
  /** `bytes` of an answer had come. */
  onClose: (bytes: number) => void = () => {};
  isClosed = false;

  constructor(port: number, sockets: Set<Socket>) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.#reader = new MessageReader((answer) => this.onAnswer(answer));
    sockets.add(this.#socket);
    this.#socket.on('data', (chunk: Buffer) => this.#reader.push(chunk));
    this.#socket.on('error', () => {});
    // Whatever the gateway had to say has come with its FIN.
    this.#socket.on('end', () => this.#socket.destroySoon());
    this.#socket.on('close', () => {
      sockets.delete(this.#socket);
      this.isClosed = true;
      this.onClose(this.#reader.partial);
    });
  }

  /** Bytes of an answer that is not whole. */
  get partial(): number {
    return this.#reader.partial;
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  halfClose(): void {
    this.#socket.end();
  }

  /** Nothing that comes on it counts from now on. */
  close(how: 'rst' | 'fin'): void {
    this.onAnswer = () => {};
    this.onClose = () => {};
    this.isClosed = true;
    close(this.#socket, how);
  }
}
