import type { TestContext } from 'node:test';
import type { GatewayError } from '../../src/core/errors.ts';
import type { Connector, Downstream, StreamRequest, Upstream } from '../../src/core/ports.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../src/gateway.ts';
import { readStanza } from '../../src/xml/read-stanza.ts';
import { BoshClient } from './bosh-client.ts';
import { RawWebSocket } from './raw-websocket.ts';

export const FEATURES = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
export const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;

/** One stream as a connector has it. */
export interface Plugged {
  readonly request: StreamRequest;
  readonly client: Downstream;
  /** What came from the gateway. */
  readonly sent: string[];
  deliver(xml: string): void;
}

/** Opens at once, echoes, closes when asked; `change` makes of that what a test needs, and opens itself where it has `restart`. */
export class EchoConnector implements Connector {
  readonly name: string;
  readonly streams: Plugged[] = [];
  readonly #change: (plugged: Plugged) => Partial<Upstream>;

  constructor(change: (plugged: Plugged) => Partial<Upstream> = () => ({}), name = 'echo') {
    this.#change = change;
    this.name = name;
  }

  connect(request: StreamRequest, client: Downstream): Upstream {
    const sent: string[] = [];
    const deliver = (xml: string): void => client.deliver(readStanza(xml));
    const plugged = { request, client, sent, deliver };
    this.streams.push(plugged);
    const greet = (): void => {
      client.opened({ from: request.to, version: '1.0' });
      deliver(FEATURES);
    };
    const change = this.#change(plugged);
    if (change.restart === undefined) queueMicrotask(greet);
    return {
      send(stanza) {
        sent.push(stanza.xml);
        client.deliver(stanza);
      },
      restart: greet,
      close: (end) => client.closed(end),
      pause() {},
      resume() {},
      ...change,
    };
  }
}

/** A gateway around a connector, and clients of either kind. */
export class PlugBench {
  readonly t: TestContext;
  readonly gateway: Gateway;
  /** What was told as `error`. */
  readonly errors: GatewayError[] = [];

  private constructor(t: TestContext, gateway: Gateway) {
    this.t = t;
    this.gateway = gateway;
    gateway.events.on('error', (error) => this.errors.push(error));
  }

  static async start(t: TestContext, options: GatewayOptions): Promise<PlugBench> {
    const times = { drainSeconds: 0.2, closeSeconds: 0.3, pingSeconds: 0, creationWaitSeconds: 0.2 };
    const gateway = createGateway({ port: 0, host: '127.0.0.1', ...times, ...options });
    await gateway.start();
    t.after(() => gateway.stop());
    return new PlugBench(t, gateway);
  }

  /** A client of that kind whose stream is asked for. */
  async client(kind: Kind, to = 'example.com'): Promise<Client> {
    if (kind === 'bosh') return BoshSide.create(this.t, this.gateway.port, to);
    return SocketSide.create(this.t, this.gateway.port, to);
  }
}

export const KINDS = ['bosh', 'websocket'] as const;
export type Kind = (typeof KINDS)[number];

/** What both kinds of clients can do. */
export interface Client {
  send(xml: string): Promise<void>;
  /** Reads on until what came contains that. */
  until(text: string): Promise<string>;
  /** The condition that the session ended with; undefined where it ended in order. */
  ended(): Promise<string | undefined>;
  close(): Promise<void>;
}

class BoshSide implements Client {
  readonly #client: BoshClient;
  readonly #open = new Set<Promise<void>>();
  #unread = '';
  #end: { condition: string | undefined } | undefined;

  private constructor(client: BoshClient) {
    this.#client = client;
  }

  static async create(t: TestContext, port: number, to: string): Promise<BoshSide> {
    const side = new BoshSide(new BoshClient(t, port, { keepsConnections: true }));
    side.#take(await side.#client.create({ to }));
    return side;
  }

  #take({ text, type, condition }: { text: string; type: string | undefined; condition: string | undefined }): void {
    this.#unread += text;
    if (type === 'terminate') this.#end ??= { condition };
  }

  /** One request is always open, so that nothing waits for the next one. */
  async #more(): Promise<void> {
    if (this.#open.size === 0) await this.#request('');
    await Promise.race(this.#open);
  }

  async #request(payload: string, attributes = {}): Promise<void> {
    const { answer } = await this.#client.send(payload, attributes);
    const taken: Promise<void> = answer.then((told) => {
      this.#open.delete(taken);
      this.#take(told);
    });
    this.#open.add(taken);
  }

  send(xml: string): Promise<void> {
    return this.#request(xml);
  }

  async until(text: string): Promise<string> {
    while (!this.#unread.includes(text)) {
      if (this.#end !== undefined) throw new Error(`the session ended (${this.#end.condition}) before ${text} came`);
      await this.#more();
    }
    return this.#unread;
  }

  async ended(): Promise<string | undefined> {
    while (this.#end === undefined) await this.#more();
    return this.#end.condition;
  }

  async close(): Promise<void> {
    await this.#request('', { type: 'terminate' });
    await this.ended();
  }
}

class SocketSide implements Client {
  readonly #socket: RawWebSocket;
  #unread = '';

  private constructor(socket: RawWebSocket) {
    this.#socket = socket;
  }

  static async create(t: TestContext, port: number, to: string): Promise<SocketSide> {
    const socket = await RawWebSocket.connect(t, port);
    socket.open(`to='${to}' version='1.0'`);
    return new SocketSide(socket);
  }

  async send(xml: string): Promise<void> {
    this.#socket.send(xml);
  }

  async until(text: string): Promise<string> {
    while (!this.#unread.includes(text)) this.#unread += await this.#socket.message(text);
    return this.#unread;
  }

  async ended(): Promise<string | undefined> {
    const text = await this.until('<close');
    await this.#socket.ended();
    return /<stream:error[^>]*><([\w-]+)/.exec(text)?.[1];
  }

  async close(): Promise<void> {
    this.#socket.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    await this.until('<close');
  }
}
