import type { Server, Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { decodeProxyHeader, type DecodedProxyHeader } from '../core/proxy-header.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** Under which a connection is found again when TLS stands between: its far end, which no other one has at the same time. */
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** The PROXY protocol in front of HTTP and TLS: trusted proxies begin each connection with it, nobody else may. */
export class ProxyIn {
  readonly #proxies: TrustedProxies;
  readonly #patienceMs: number;
  readonly #clock: Clock;
  readonly #sources = new Map<string, string>();

  constructor(proxies: TrustedProxies, patienceMs: number, clock: Clock) {
    this.#proxies = proxies;
    this.#patienceMs = patienceMs;
    this.#clock = clock;
  }

  /** The address that the proxy said when the connection began. */
  sourceOf(socket: Socket): string | undefined {
    return this.#sources.size === 0 ? undefined : this.#sources.get(keyOf(socket));
  }

  /** Lets the server have each connection behind its PROXY header. `admit` is told of it first. */
  putBefore(server: Server, isTls: boolean, admit: (socket: Socket) => void): void {
    if (!this.#proxies.speakProxyProtocol) {
      server.on('connection', admit);
      return;
    }
    const own = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const accept = (): void => {
        for (const listener of own) listener.call(server, socket);
        admit(socket);
        // What was read too far waits in the socket; TLS takes it from there by itself.
        if (!isTls) socket.resume();
      };
      if (this.#proxies.trusts(socket.remoteAddress)) this.#read(socket, accept);
      else accept();
    });
  }

  #read(socket: Socket, accept: () => void): void {
    let bytes = Buffer.alloc(0);
    const drop = (): void => void socket.destroy();
    const deadline = this.#clock.after(this.#patienceMs, drop);
    const finish = (header: DecodedProxyHeader): void => {
      socket.off('data', read).off('error', drop);
      socket.pause();
      deadline.cancel();
      const key = keyOf(socket);
      if (header.source !== undefined) {
        this.#sources.set(key, header.source.address);
        socket.once('close', () => this.#sources.delete(key));
      }
      const rest = bytes.subarray(header.length);
      if (rest.length > 0) socket.unshift(rest);
      accept();
    };
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      let header: DecodedProxyHeader | undefined;
      try {
        header = decodeProxyHeader(bytes);
      } catch {
        drop();
        return;
      }
      if (header !== undefined) finish(header);
    };
    socket.on('data', read);
    socket.on('error', drop);
    socket.once('close', () => deadline.cancel());
  }
}
