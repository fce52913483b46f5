import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Origins } from '../http/origins.ts';
import type { GatewayContext } from '../session/context.ts';
import { WebSocketSession, type WebSocketSessionSettings } from './ws-session.ts';

export interface WebSocketSettings extends WebSocketSessionSettings {
  readonly maxBodyBytes: number;
}

/** RFC 7395 §3.1; compared exactly. */
const SUBPROTOCOL = 'xmpp';

/** Far above the limit of a message, which is answered by a stream error first (WS-13). */
const GROSS_EXCESS = 4;

/** XMPP over WebSocket: handshakes in, sessions out. */
export class WebSocketEndpoint {
  readonly #context: GatewayContext;
  readonly #settings: WebSocketSettings;
  readonly #origins: Origins;
  readonly #server: WebSocketServer;
  readonly #clients = new Map<WebSocket, WebSocketSession>();
  #whenEmpty: (() => void) | undefined;

  constructor(context: GatewayContext, settings: WebSocketSettings, origins: Origins) {
    this.#context = context;
    this.#settings = settings;
    this.#origins = origins;
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: GROSS_EXCESS * settings.maxBodyBytes,
      maxFragments: 4096,
      closeTimeout: settings.closeSeconds * 1000,
      handleProtocols: () => SUBPROTOCOL,
    };
    this.#server = new WebSocketServer(options);
  }

  /** Takes over a connection that asks to be upgraded. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const fault = this.#faultOf(request);
    if (fault !== undefined) {
      socket.end(`HTTP/1.1 ${fault}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (client) => {
      const address = request.socket.remoteAddress ?? '';
      this.#clients.set(client, new WebSocketSession(client, this.#context, this.#settings, address));
      client.once('close', () => {
        this.#clients.delete(client);
        if (this.#clients.size === 0) this.#whenEmpty?.();
      });
    });
  }

  /** Tells all clients that the gateway stops, those too that have no session yet. */
  shutDown(): void {
    for (const session of this.#clients.values()) session.shutDown();
  }

  /** Resolves when no WebSocket is left. */
  whenEmpty(): Promise<void> {
    if (this.#clients.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  /** Cuts what is left. */
  stop(): void {
    for (const client of this.#clients.keys()) client.terminate();
  }

  /** What the library lets pass (conformance C4); the rest of the handshake it checks itself. */
  #faultOf(request: IncomingMessage): string | undefined {
    const { headers, httpVersion, method } = request;
    if (method !== 'GET' || httpVersion !== '1.1') return '400 Bad Request';
    if (headers['sec-websocket-version'] !== '13') return '426 Upgrade Required\r\nSec-WebSocket-Version: 13';
    if (!this.#origins.allows(request)) return '403 Forbidden';
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!offered.includes(SUBPROTOCOL)) return '400 Bad Request';
    if (this.#context.isDraining()) return '503 Service Unavailable\r\nRetry-After: 5';
    return undefined;
  }
}
