import { connect, type Socket } from 'node:net';
import { STREAM_HEADER } from '../message.ts';
import type { Link, LinkEvents, Route } from './link.ts';

/** Bytes through the TCP relay. */
export class TcpLink implements Link {
  readonly #socket: Socket;
  #isOver = false;

  constructor({ url }: Route, events: LinkEvents) {
    const { port, hostname } = new URL(url);
    this.#socket = connect({ port: Number(port), host: hostname, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => events.read(text));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#isOver || events.failed('the connection was closed'));
  }

  open(): void {
    this.restart();
  }

  restart(): void {
    this.say(STREAM_HEADER);
  }

  say(xml: string): void {
    this.#socket.write(xml);
  }

  settle(): void {}

  send(stanzas: readonly string[]): void {
    this.#socket.write(stanzas.join(''));
  }

  close(): void {
    this.#isOver = true;
    this.#socket.end();
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }
}
