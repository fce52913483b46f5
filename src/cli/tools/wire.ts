import type { XmlElement } from '../../xml/tree.ts';
import { BoshWire } from './bosh-wire.ts';
import { WebSocketWire } from './websocket-wire.ts';

/** What a client hears of its stream. */
export interface WireListener {
  element(element: XmlElement): void;
  /** The stream is over; called once, and nothing follows. */
  end(error: Error): void;
}

/** One XMPP stream as a client has it, over BOSH or WebSocket. */
export interface Wire {
  /** Rejects where there is no such service. Features follow as an element. */
  open(domain: string): Promise<void>;
  send(xml: string): void;
  /** A new stream after SASL. */
  restart(): void;
  /** Something is waited for: until `settle`, nothing is asked of the service otherwise. */
  expect(): void;
  /** The login is over: from now on what the service has comes at once. */
  settle(): void;
  /** Ends the stream; resolves when the service has said so, or does not. Never rejects. */
  close(): Promise<void>;
}

/** Throws where the URL is none of the four kinds. */
export function createWire(url: string, listener: WireListener): Wire {
  const { protocol } = new URL(url);
  if (protocol === 'http:' || protocol === 'https:') return new BoshWire(url, listener);
  if (protocol === 'ws:' || protocol === 'wss:') return new WebSocketWire(url, listener);
  throw new Error(`${url} is neither http(s) nor ws(s)`);
}

/** Nobody on the way reads along. */
export function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol.endsWith('s:') || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
