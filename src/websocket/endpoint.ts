import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { clientAddress } from '../http/client-address.ts';
import type { Origins } from '../http/origins.ts';
import { respondRaw, type CustomHeaders } from '../http/respond.ts';
import type { Throttle } from '../http/throttle.ts';
import type { GatewayContext } from '../session/context.ts';
import { WebSocketSession, type WebSocketSessionSettings } from './ws-session.ts';

export interface WebSocketSettings extends WebSocketSessionSettings {
  readonly maxBodyBytes: number;
  /** On every answer to a handshake. */
  readonly headers: CustomHeaders;
}

/** RFC 7395 §3.1; compared exactly. */
const SUBPROTOCOL = 'xmpp';

/** Far above the limit of a message, which is answered by a stream error first (WS-13). */
const GROSS_EXCESS = 4;

/** How a handshake is refused. */
type Refusal = readonly [status: string, headers?: CustomHeaders];
const UNAVAILABLE: Refusal = ['503 Service Unavailable', { 'Retry-After': '5' }];

/** XMPP over WebSocket: handshakes in, sessions out. */
export class WebSocketEndpoint {
  readonly #context: GatewayContext;
  readonly #settings: WebSocketSettings;
  readonly #origins: Origins;
  readonly #throttle: Throttle;
  readonly #server: WebSocketServer;
  readonly #clients = new Map<WebSocket, WebSocketSession>();
  #whenEmpty: (() => void) | undefined;

  constructor(context: GatewayContext, settings: WebSocketSettings, origins: Origins, throttle: Throttle) {
    this.#context = context;
    this.#settings = settings;
    this.#origins = origins;
    this.#throttle = throttle;
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
    const headerLines = Object.entries(settings.headers).map(([name, value]) => `${name}: ${value}`);
    this.#server.on('headers', (lines) => lines.push(...headerLines));
  }

  /** Takes over a connection that asks to be upgraded. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const address = clientAddress(request);
    const fault = this.#faultOf(request);
    const release = fault === undefined ? this.#throttle.admitSession(address) : undefined;
    if (release === undefined) {
      const [status, more] = fault ?? UNAVAILABLE;
      respondRaw(socket, status, { ...this.#settings.headers, ...more });
      return;
    }
    socket.once('close', release);
    this.#server.handleUpgrade(request, socket, head, (client) => {
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
  #faultOf(request: IncomingMessage): Refusal | undefined {
    const { headers, httpVersion, method } = request;
    if (method !== 'GET' || httpVersion !== '1.1') return ['400 Bad Request'];
    if (headers['sec-websocket-version'] !== '13') return ['426 Upgrade Required', { 'Sec-WebSocket-Version': '13' }];
    if (!this.#origins.allows(request)) return ['403 Forbidden'];
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!offered.includes(SUBPROTOCOL)) return ['400 Bad Request'];
    if (this.#context.isDraining()) return UNAVAILABLE;
    return undefined;
  }
}
