import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { clientAddress, isPrivate, plainAddress } from '../http/client-address.ts';
import type { Origins } from '../http/origins.ts';
import { respondRaw, type CustomHeaders } from '../http/respond.ts';
import type { Throttle } from '../http/throttle.ts';
import type { TrustedProxies } from '../http/trusted-proxies.ts';
import type { GatewayContext } from '../session/context.ts';
import { WebSocketSession, type WebSocketSessionSettings } from './ws-session.ts';

export interface WebSocketSettings extends WebSocketSessionSettings {
  readonly maxBodyBytes: number;
  /** On every answer to a handshake. */
  readonly headers: CustomHeaders;
  /** Whether messages may be compressed (RFC 7692). */
  readonly websocketCompression: boolean;
  /** Whether clear text is taken from public addresses too. */
  readonly plainWebSocket: boolean;
}

/** RFC 7395 §3.1; compared exactly. */
const SUBPROTOCOL = 'xmpp';

/** Far above the limit of a message, which is answered by a stream error first (WS-13). */
const GROSS_EXCESS = 4;

/**
 * RFC 7692. No context outlives a message, so that a repeated secret is not told by the size of what follows it (CRIME). The
 * small window makes a deflater of 32 KiB in place of 256 (zlib.h); a connection was measured at 85 KiB more than without.
 */
const COMPRESSION = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 12,
  zlibDeflateOptions: { level: 1, memLevel: 5 },
  threshold: 1024,
};

/** How a handshake is refused. */
type Refusal = readonly [status: string, headers?: CustomHeaders];
const UNAVAILABLE: Refusal = ['503 Service Unavailable', { 'Retry-After': '5' }];

/** XMPP over WebSocket: handshakes in, sessions out. */
export class WebSocketEndpoint {
  readonly #context: GatewayContext;
  readonly #settings: WebSocketSettings;
  readonly #origins: Origins;
  readonly #throttle: Throttle;
  readonly #proxies: TrustedProxies;
  readonly #server: WebSocketServer;
  readonly #clients = new Map<WebSocket, WebSocketSession>();
  readonly #whenEmpty: (() => void)[] = [];

  constructor(
    context: GatewayContext,
    settings: WebSocketSettings,
    origins: Origins,
    throttle: Throttle,
    proxies: TrustedProxies,
  ) {
    this.#context = context;
    this.#settings = settings;
    this.#origins = origins;
    this.#throttle = throttle;
    this.#proxies = proxies;
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: settings.websocketCompression && COMPRESSION,
      maxPayload: GROSS_EXCESS * settings.maxBodyBytes,
      maxFragments: 4096,
      // Done by the session, which counts them.
      autoPong: false,
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
    const { seeOtherWebSocketUri: elsewhere } = this.#settings;
    const isThere = elsewhere !== undefined && this.#proxies.isAt(request, elsewhere);
    const settings = isThere ? { ...this.#settings, seeOtherWebSocketUri: undefined } : this.#settings;
    this.#server.handleUpgrade(request, socket, head, (client) => {
      this.#clients.set(client, new WebSocketSession(client, socket, this.#context, settings, address));
      client.once('close', () => {
        this.#clients.delete(client);
        if (this.#clients.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
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
      this.#whenEmpty.push(resolve);
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
    if (!this.#origins.allows(request) || !this.#isProtected(request)) return ['403 Forbidden'];
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!offered.includes(SUBPROTOCOL)) return ['400 Bad Request'];
    if (this.#context.isDraining()) return UNAVAILABLE;
    return undefined;
  }

  /**
   * wss, unless the configuration says otherwise (RFC 7395 §3.9). Inside the own network a proxy has taken TLS off, or nobody
   * listens; where a trusted proxy says that its client came without, that counts.
   */
  #isProtected(request: IncomingMessage): boolean {
    const peer = plainAddress(request.socket.remoteAddress);
    const isSecure = this.#proxies.isSecure(request) ?? (this.#proxies.trusts(peer) || isPrivate(peer));
    return isSecure || this.#settings.plainWebSocket;
  }
}
