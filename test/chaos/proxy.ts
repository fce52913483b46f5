import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Exchange } from './exchange.ts';
import { MessageReader, close, type HttpMessage } from './http.ts';
import type { SessionRecord } from './record.ts';
import type { Ending, FaultKind } from './schedule.ts';
import { Upstream } from './upstream.ts';

export interface ProxyCounts {
  requests: number;
  repeats: number;
  reordered: number;
  reloads: number;
  /** Answers to the older of two connections. */
  errorBodies: number;
  longestMs: number;
  readonly faults: Partial<Record<FaultKind, number>>;
}

/** What became of an unanswered request when its page was reloaded. */
export type Verdict = 'unread' | 'answered';

/** What the proxy keeps of one session. */
export interface Traffic {
  readonly record: SessionRecord;
  readonly attempts: Map<number, number>;
  readonly exchanges: Set<Exchange>;
}

/** Stands between clients and gateway, and does to their requests what the schedule says. */
export class ChaosProxy {
  readonly counts: ProxyCounts = {
    ...{ requests: 0, repeats: 0, reordered: 0, reloads: 0, errorBodies: 0, longestMs: 0 },
    faults: {},
  };
  /** Beyond its `wait` an answer may take so long (ms): what a loaded machine needs. */
  readonly toleranceMs: number;
  readonly gatewayPort: number;
  readonly #find: (session: number) => SessionRecord | undefined;
  readonly #listener: Server;
  readonly #traffic = new Map<number, Traffic>();
  readonly #sockets = new Set<Socket>();

  constructor(gatewayPort: number, toleranceMs: number, find: (session: number) => SessionRecord | undefined) {
    this.gatewayPort = gatewayPort;
    this.toleranceMs = toleranceMs;
    this.#find = find;
    this.#listener = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      void new ClientConnection(this, socket);
    });
  }

  /** Resolves with the port. */
  start(): Promise<number> {
    return new Promise((resolve) => {
      this.#listener.listen(0, '127.0.0.1', 1024, () => resolve((this.#listener.address() as AddressInfo).port));
    });
  }

  stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#listener.close(() => resolve()));
  }

  traffic(session: number): Traffic | undefined {
    const known = this.#traffic.get(session);
    const record = this.#find(session);
    if (known !== undefined || record === undefined) return known;
    const traffic: Traffic = { record, attempts: new Map(), exchanges: new Set() };
    this.#traffic.set(session, traffic);
    return traffic;
  }

  forget(session: number): void {
    this.#traffic.delete(session);
  }

  /**
   * The client's page is reloaded: its connections end, and it will never ask again for the requests `unanswered`. A gateway can
   * know of that only what its own sockets tell it. An answer that it had written whole before the connection ended is delivered,
   * for all that it can see: if the client then goes on without asking, what stood in it is lost, and no gateway can help. So a
   * reload is done only where each of these requests has reached the gateway, and no byte of an answer has come back; and the
   * connections to the gateway are not reset but half closed, and read until they end. Where they end without a byte, the gateway
   * has learned of the end before it answered (`unread`): what it had, or gets, must come with the next answer. Where an answer
   * crossed the FIN it was written in good faith (`answered`): the client must ask for it again, as after any cut.
   * Undefined, and nothing has happened, where a request is still on its way there, or an answer on its way back.
   */
  reload(session: number, unanswered: readonly number[]): Promise<ReadonlyMap<number, Verdict>> | undefined {
    const traffic = this.#traffic.get(session);
    if (traffic === undefined) return undefined;
    const exchanges = [...traffic.exchanges];
    const isFit = (n: number): boolean => exchanges.some((exchange) => exchange.n === n && exchange.isUnanswered);
    if (exchanges.length !== unanswered.length || !unanswered.every(isFit)) return undefined;
    this.counts.reloads++;
    const verdicts = exchanges.map(async (exchange): Promise<[number, Verdict]> => [
      exchange.n,
      (await exchange.halfClose()) ? 'answered' : 'unread',
    ]);
    return Promise.all(verdicts).then((all) => new Map(all));
  }

  /**
   * Resolves when the gateway has read all that was written to it before. A repeat is let go only then: of two connections the newer
   * one may be read first, and a request that is read when the answers after it are known to have arrived ends its session, rightly
   * (XEP-0124 §14.3). A client cannot see to that; in a network it is a matter of luck, here it must not be.
   */
  barrier(): Promise<void> {
    return new Promise((resolve) => {
      const upstream = this.open();
      const passed = (): void => {
        upstream.close('fin');
        resolve();
      };
      upstream.onAnswer = upstream.onClose = passed;
      upstream.write(Buffer.from('GET /barrier HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    });
  }

  open(): Upstream {
    return new Upstream(this.gatewayPort, this.#sockets);
  }
}

/** One connection of a client, and the one to the gateway that carries its requests. */
export class ClientConnection {
  readonly proxy: ChaosProxy;
  readonly #socket: Socket;
  #upstream: Upstream | undefined;
  #current: Exchange | undefined;

  constructor(proxy: ChaosProxy, socket: Socket) {
    this.proxy = proxy;
    this.#socket = socket;
    socket.setNoDelay(true);
    const reader = new MessageReader((message) => this.#request(message));
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#current?.abandon();
      this.#upstream?.close('fin');
    });
  }

  get upstream(): Upstream {
    if (this.#upstream === undefined || this.#upstream.isClosed) this.#upstream = this.proxy.open();
    return this.#upstream;
  }

  #request(message: HttpMessage): void {
    const [, session, n] = /^POST \S*\?session=(\d+)&n=(\d+) /.exec(message.head)?.map(Number) ?? [];
    const traffic = session === undefined ? undefined : this.proxy.traffic(session);
    if (traffic === undefined || n === undefined) throw new Error(`the proxy knows no such session: ${message.head}`);
    const attempt = traffic.attempts.get(n) ?? 0;
    traffic.attempts.set(n, attempt + 1);
    this.#current = new Exchange(this, traffic, n, attempt, message.raw);
    this.#current.start();
  }

  done(exchange: Exchange): void {
    if (this.#current === exchange) this.#current = undefined;
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(how: Ending): void {
    if (how !== 'silent') close(this.#socket, how);
  }
}
