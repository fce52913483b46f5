import { STATUS_CODES, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../core/clock.ts';
import { noteClientAddress, plainAddress } from './client-address.ts';
import { noteOwn } from './fields.ts';
import type { Origins } from './origins.ts';
import { respondAndClose, respondRaw, respondText, type CustomHeaders } from './respond.ts';
import { findPage, pathOf, type Page } from './router.ts';
import { ProxyIn } from './proxy-in.ts';
import { NOT_COUNTED, type Throttle } from './throttle.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

export interface ListenerSettings {
  readonly host?: string | undefined;
  readonly port: number;
  readonly requestSeconds: number;
  readonly keepAliveSeconds: number;
  /** On every answer. */
  readonly headers: CustomHeaders;
}

/** What makes a listener speak TLS; all of it PEM text. */
export interface ListenerTls {
  readonly cert: string;
  readonly key: string;
  /** Clients are asked for a certificate of this authority; they need not have one. */
  readonly clientCa?: string | undefined;
}

/** Takes over a connection that asks to be upgraded; false where the path is not its own. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer, pathname: string) => boolean;

/** What a request's target leads to. */
interface Found {
  readonly target: string | undefined;
  readonly pathname: string | undefined;
  readonly page: Page | undefined;
}

/** More of them, and Node drops some without a word (H-14). */
const MAX_HEADERS = 100;
const MAX_TARGET_LENGTH = 8192;
/** Of the request line and all fields, beside what a page allows its GET requests. */
const MAX_HEADER_BYTES = 16_384;
/** Connections that wait to be accepted: after a restart all clients come at once, and one that finds no room waits for seconds. */
const BACKLOG = 4096;
/** For a refused connection to take its answer. */
const REFUSAL_MS = 1000;

/** The HTTP server: what every request must be before it reaches a page. */
export class Listener {
  readonly #settings: ListenerSettings;
  readonly #pages: readonly Page[];
  readonly #origins: Origins;
  readonly #upgrade: UpgradeHandler;
  readonly #throttle: Throttle;
  readonly #proxies: TrustedProxies;
  readonly #proxyIn: ProxyIn;
  readonly #clock: Clock;
  readonly #headers: readonly (readonly [name: string, value: string])[];
  readonly #server: Server;
  readonly #refused = new WeakSet<Duplex>();
  #isDraining = false;
  #found: Found = { target: undefined, pathname: undefined, page: undefined };

  constructor(
    settings: ListenerSettings,
    origins: Origins,
    throttle: Throttle,
    proxies: TrustedProxies,
    clock: Clock,
    pages: readonly Page[],
    upgrade: UpgradeHandler,
    tls?: ListenerTls,
  ) {
    this.#settings = settings;
    this.#pages = pages;
    this.#origins = origins;
    this.#upgrade = upgrade;
    this.#throttle = throttle;
    this.#proxies = proxies;
    this.#proxyIn = new ProxyIn(proxies, settings.requestSeconds * 1000, clock);
    this.#clock = clock;
    this.#headers = Object.entries(settings.headers);
    const longestGet = Math.max(0, ...pages.map(({ maxGetBytes = 0 }) => maxGetBytes));
    const options = {
      // A slow sender is cut; a held answer is not, it counts from the last byte of the request (BOSH-HTTP-12).
      requestTimeout: settings.requestSeconds * 1000,
      headersTimeout: settings.requestSeconds * 1000,
      connectionsCheckingInterval: Math.min(5000, settings.requestSeconds * 500),
      // Longer than a proxy in front keeps its own (BOSH-HTTP-09).
      keepAliveTimeout: settings.keepAliveSeconds * 1000,
      maxHeaderSize: MAX_HEADER_BYTES + longestGet,
      noDelay: true,
    };
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      noteOwn(request);
      this.handle(request, response);
    };
    if (tls === undefined) {
      this.#server = createServer(options, handle);
      this.#server.on('connection', (socket) => socket.on('end', closeWithClient));
    } else {
      const { cert, key, clientCa } = tls;
      const asks = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false };
      this.#server = createTlsServer({ ...options, cert, key, minVersion: 'TLSv1.2', ...asks }, handle);
    }
    this.#server.maxHeadersCount = 2 * MAX_HEADERS;
    this.#server.on('upgrade', (request, socket, head) => this.handleUpgrade(request, socket, head));
    this.#server.on('connect', (_request, socket) => this.#refuse(socket, '405 Method Not Allowed'));
    this.#proxyIn.putBefore(this.#server, tls !== undefined, (socket) => this.#admit(socket));
  }

  /** The port in use, once started. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#settings.port;
  }

  /** Rejects with Node's own error where the port cannot be had. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const { port, host } = this.#settings;
      this.#server.listen({ port, host, backlog: BACKLOG }, () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
  }

  /** Answers from now on say that their connection ends, or clients would keep them open for ever. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Takes no more connections, lets answers that are on their way go out, then cuts what is left. */
  stop(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const grace = this.#clock.after(graceMs, () => this.#server.closeAllConnections());
      this.#server.close(() => {
        grace.cancel();
        resolve();
      });
    });
  }

  /** An idle connection costs too, so those above the limit do not wait for their first request (H-38). */
  #admit(socket: Socket): void {
    const source = this.#proxyIn.sourceOf(socket);
    const peer = plainAddress(source ?? socket.remoteAddress);
    // A proxy's connections are those of all its clients.
    const release = this.#proxies.trusts(peer) ? NOT_COUNTED : this.#throttle.admitConnection(peer);
    if (release !== undefined) {
      // Not `once`, which takes more memory: it comes once anyway.
      if (release !== NOT_COUNTED) socket.on('close', release);
      return;
    }
    this.#refused.add(socket);
    socket.on('error', () => socket.destroy());
    this.#refuse(socket, '503 Service Unavailable', { 'Retry-After': '5' });
    const deadline: Timer = this.#clock.after(REFUSAL_MS, () => socket.destroy());
    socket.once('close', () => deadline.cancel());
  }

  /** Whether requests to that target are answered by a page. */
  owns(target: string | undefined): boolean {
    return this.#find(target).page !== undefined;
  }

  /** Nearly all requests have the target of the one before. */
  #find(target: string | undefined): Found {
    if (target === this.#found.target) return this.#found;
    const pathname = pathOf(target);
    const page = pathname === undefined ? undefined : findPage(this.#pages, pathname);
    return (this.#found = { target, pathname, page });
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#refused.has(request.socket)) {
      request.resume();
      return;
    }
    this.#noteAddress(request);
    for (const [name, value] of this.#headers) response.setHeader(name, value);
    if (this.#isDraining) response.setHeader('Connection', 'close');
    const { pathname, page } = this.#find(request.url);
    const fault = faultOf(request, request.method === 'GET' ? page?.maxGetBytes : undefined);
    if (fault !== undefined) {
      this.#origins.mark(request, response);
      respondAndClose(response, fault[0], fault[1]);
      return;
    }
    if (page === undefined || pathname === undefined) {
      request.resume();
      this.#origins.mark(request, response);
      respondText(response, 404, 'There is nothing here.');
      return;
    }
    page.handle(request, response, pathname);
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#refused.has(socket)) return;
    this.#noteAddress(request);
    // HTTP has no say any more in how it closes.
    socket.off('end', closeWithClient);
    socket.on('error', () => socket.destroy());
    const pathname = pathOf(request.url);
    const [status] = faultOf(request) ?? [];
    if (status !== undefined) this.#refuse(socket, `${status} ${STATUS_CODES[status]}`);
    else if (pathname === undefined) this.#refuse(socket, '400 Bad Request');
    else if (!this.#upgrade(request, socket, head, pathname)) this.#refuse(socket, '404 Not Found');
  }

  #noteAddress(request: IncomingMessage): void {
    const peer = this.#proxyIn.sourceOf(request.socket) ?? request.socket.remoteAddress;
    noteClientAddress(request, this.#proxies.addressOf(request, peer));
  }

  #refuse(socket: Duplex, status: string, more: CustomHeaders = {}): void {
    respondRaw(socket, status, { ...this.#settings.headers, ...more });
  }
}

/**
 * The client has closed its side, and HTTP just now has closed ours: what is left is a shutdown of its own before the close.
 * What HTTP has answered is with the system already, which sends it after a close as well.
 */
function closeWithClient(this: Socket): void {
  if (this.writableLength === 0) this.destroy();
}

/** What Node's parser lets pass and HTTP does not (conformance C1). */
function faultOf(request: IncomingMessage, maxTarget = MAX_TARGET_LENGTH): [status: number, text: string] | undefined {
  const { httpVersionMajor, httpVersionMinor, headers, rawHeaders, url = '' } = request;
  if (httpVersionMajor !== 1 || httpVersionMinor > 1) return [505, 'HTTP/1.1 is spoken here.'];
  if (rawHeaders.length / 2 > MAX_HEADERS) return [431, 'Too many header fields.'];
  if (url.length > Math.max(maxTarget, MAX_TARGET_LENGTH)) return [414, 'The request target is too long.'];
  let fieldBytes = 2 * rawHeaders.length;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i++) {
    const text = rawHeaders[i] as string;
    fieldBytes += text.length;
    if (i % 2 === 0 && text.length === 4 && text.toLowerCase() === 'host') hosts++;
  }
  if (fieldBytes > MAX_HEADER_BYTES) return [431, 'The header fields are too long.'];
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && !/^(chunked)?$/i.test(coding)) return [501, 'The one transfer coding here is chunked.'];
  if (hosts > 1 || (hosts === 0 && httpVersionMinor === 1)) return [400, 'There must be one Host.'];
  // A proxy has taken it from TLS early data, which anybody may repeat (RFC 8470). Node itself takes none.
  if (headers['early-data'] === '1') return [425, 'Again, please, when the TLS handshake is over.'];
  return undefined;
}
