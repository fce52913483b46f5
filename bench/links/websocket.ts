import { WebSocket } from 'ws';
import { STREAM_HEADER } from '../message.ts';
import { traffic, type Link, type LinkEvents, type Route } from './link.ts';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

/** The close code of that name (IANA), and when the client then comes again. */
const TRY_AGAIN_LATER = 1013;
const AGAIN_SECONDS = 5;

/** XMPP over WebSocket (RFC 7395), or the stanzas alone for the blind relay. */
export class WebSocketLink implements Link {
  readonly #route: Route;
  readonly #events: LinkEvents;
  readonly #socket: WebSocket;
  #isOver = false;

  constructor(route: Route, events: LinkEvents) {
    this.#route = route;
    this.#events = events;
    traffic.requests++;
    this.#socket = new WebSocket(route.url, 'xmpp', { perMessageDeflate: false, skipUTF8Validation: true });
    this.#socket.on('message', (data: Buffer) => events.read(data.toString('latin1')));
    this.#socket.on('unexpected-response', (_request, response) => {
      this.#isOver = true;
      const seconds = response.headers['retry-after'];
      if (seconds === undefined) events.failed(`HTTP ${response.statusCode}`);
      else events.later(Number(seconds));
    });
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', (code) => {
      if (code === TRY_AGAIN_LATER && !this.#isOver) events.later(AGAIN_SECONDS);
      else this.#fail(`closed with ${code}`);
      this.#isOver = true;
    });
  }

  open(): void {
    this.restart();
  }

  restart(): void {
    const { dialect, domain } = this.#route;
    this.say(dialect === 'xmpp' ? `<open xmlns='${FRAMING}' to='${domain}' version='1.0'/>` : STREAM_HEADER);
  }

  say(xml: string): void {
    if (this.#socket.readyState === WebSocket.CONNECTING) this.#socket.once('open', () => this.#socket.send(xml));
    else this.#socket.send(xml);
  }

  settle(): void {}

  send(stanzas: readonly string[]): void {
    // One stanza a frame (RFC 7395 §3.3); a relay does not care.
    for (const stanza of stanzas) this.#socket.send(stanza);
  }

  #fail(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.failed(why);
  }

  close(): void {
    this.#isOver = true;
    if (this.#route.dialect === 'xmpp') this.#socket.send(`<close xmlns='${FRAMING}'/>`);
    this.#socket.close(1000);
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket.terminate();
  }
}
