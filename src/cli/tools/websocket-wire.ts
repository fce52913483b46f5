import { systemClock } from '../../core/clock.ts';
import { NS } from '../../xml/ns.ts';
import { elementsOf, parseTree, type XmlElement } from '../../xml/tree.ts';
import { attributes } from '../../xml/write.ts';
import type { Wire, WireListener } from './wire.ts';

const FAREWELL_MS = 3000;

/** RFC 7395. */
export class WebSocketWire implements Wire {
  readonly #url: string;
  readonly #listener: WireListener;
  #socket: WebSocket | undefined;
  #domain = '';
  #isOver = false;

  constructor(url: string, listener: WireListener) {
    this.#url = url;
    this.#listener = listener;
  }

  async open(domain: string): Promise<void> {
    this.#domain = domain;
    const socket = new WebSocket(this.#url, 'xmpp');
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error('no WebSocket there')), { once: true });
    });
    socket.addEventListener('message', ({ data }) => this.#message(String(data)));
    socket.addEventListener('close', ({ code }) => this.#end(new Error(`the WebSocket was closed (${code})`)));
    this.restart();
  }

  restart(): void {
    this.send(`<open${attributes({ xmlns: NS.framing, to: this.#domain, version: '1.0', 'xml:lang': 'en' })}/>`);
  }

  send(xml: string): void {
    if (!this.#isOver) this.#socket?.send(xml);
  }

  expect(): void {}

  settle(): void {}

  #message(text: string): void {
    if (this.#isOver) return;
    let element: XmlElement;
    try {
      element = parseTree(text);
    } catch {
      this.#end(new Error('a message that is no XML'));
      return;
    }
    if (element.ns === NS.framing && element.name === 'open') return;
    if (element.ns === NS.framing) this.#end(new Error('the stream was closed'));
    else if (element.ns === NS.streams && element.name === 'error') {
      this.#end(new Error(`stream error: ${elementsOf(element)[0]?.name ?? 'unknown'}`));
    } else this.#listener.element(element);
  }

  #end(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.close();
    this.#listener.end(error);
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.readyState >= WebSocket.CLOSING) return;
    if (!this.#isOver && socket.readyState === WebSocket.OPEN) socket.send(`<close xmlns="${NS.framing}" />`);
    this.#isOver = true;
    await new Promise<void>((resolve) => {
      const timer = systemClock.after(FAREWELL_MS, () => {
        socket.close();
        resolve();
      });
      socket.addEventListener('close', () => {
        timer.cancel();
        resolve();
      });
    });
  }
}
