import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls';
import { StreamScanner } from './stream-scanner.ts';
import { Inbox, Signal, within } from './waiting.ts';

/** What stands on the wire towards the server, cut at the first level. */
export interface StreamEvent {
  readonly kind: 'header' | 'element' | 'end' | 'eof' | 'reset';
  readonly text: string;
}

export interface ServerOptions {
  /** PEM texts. `starttls` offers it and asks for it, `direct` begins with it. */
  readonly tls?: TlsOptions & { readonly key: string; readonly cert: string; readonly mode: 'starttls' | 'direct' };
  /** Where it listens; a free port of 127.0.0.1 unless given. */
  readonly host?: string;
  readonly port?: number;
  /** Plays a whole server: logs anybody in, answers bind and other IQs, echoes messages, answers the end tag. */
  readonly autoLogin?: boolean;
}

export const MECHANISMS =
  "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms>";
export const BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
export const SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
export const AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHUAcA==</auth>";
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** An XMPP server that does what a test says, byte by byte, on a loopback port of its own. */
export class ScriptedServer {
  readonly options: ServerOptions;
  readonly connections: ServerConnection[] = [];
  /** Why handshakes failed. */
  readonly tlsErrors: string[] = [];
  readonly #listener: Server;
  readonly #arrivals = new Inbox<ServerConnection>();

  private constructor(options: ServerOptions) {
    this.options = options;
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#listener = options.tls?.mode === 'direct' ? createTlsServer(options.tls, accept) : createServer(accept);
    this.#listener.on('tlsClientError', (error: Error) => this.tlsErrors.push(error.message));
  }

  static async start(t: TestContext, options: ServerOptions = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(options);
    const { host = '127.0.0.1', port = 0 } = options;
    await new Promise<void>((resolve, reject) => {
      server.#listener.once('error', reject).listen(port, host, resolve);
    });
    t.after(() => server.stop());
    return server;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** The next connection that nobody has taken yet. */
  accept(): Promise<ServerConnection> {
    return this.#arrivals.take('a connection to the server');
  }

  /** Connections that came and that nobody has taken. */
  get untaken(): number {
    return this.#arrivals.length;
  }

  /** All that clients ever sent, in one text. */
  get received(): string {
    return this.connections.map(({ received }) => received).join('\n');
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.reset();
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const connection = new ServerConnection(socket, this.options);
    this.connections.push(connection);
    this.#arrivals.push(connection);
    // A script ends with its connection; a test that cares takes the connection itself.
    if (this.options.autoLogin === true) connection.play().catch(() => connection.reset());
  }
}

let headers = 0;

export class ServerConnection {
  /** All text received so far, white space included. */
  received = '';
  /** How the client's side ended: with an end tag before, or just so. */
  ended: 'end tag' | 'bare' | undefined;
  #socket: Socket;
  readonly #options: ServerOptions;
  readonly #events = new Inbox<StreamEvent>();
  readonly #closed = new Signal<'end tag' | 'bare'>();
  readonly #scanner = new StreamScanner((kind, text) => this.#tell(kind, text));
  /** A read may end in the middle of a character. */
  readonly #decoder = new StringDecoder();
  #endTagSeen = false;

  constructor(socket: Socket, options: ServerOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  #listen(socket: Socket): void {
    socket.on('data', (data) => this.#read(data));
    socket.on('end', () => this.#close('eof'));
    socket.on('error', () => this.#close('reset'));
    socket.on('close', () => this.#close('reset'));
  }

  #read(data: Buffer): void {
    const text = this.#decoder.write(data);
    this.received += text;
    this.#scanner.write(text);
  }

  #tell(kind: StreamEvent['kind'], text: string): void {
    if (kind === 'end') this.#endTagSeen = true;
    this.#events.push({ kind, text });
  }

  #close(kind: 'eof' | 'reset'): void {
    if (this.ended !== undefined) return;
    this.ended = this.#endTagSeen ? 'end tag' : 'bare';
    this.#events.push({ kind, text: '' });
    this.#events.end('the connection is closed');
    this.#closed.resolve(this.ended);
  }

  /** The next event, whatever it is. */
  event(): Promise<StreamEvent> {
    return this.#events.take(`an event; received so far: ${this.received.slice(-500)}`);
  }

  async #next(kind: StreamEvent['kind']): Promise<string> {
    const event = await this.event();
    assert.equal(event.kind, kind, `${event.text}; received: ${this.received.slice(-500)}`);
    return event.text;
  }

  /** The next thing must be a stream header. */
  expectHeader(): Promise<string> {
    return this.#next('header');
  }

  /** The next thing must be an element that matches: a text in it, a pattern, or a test. */
  async expect(wanted: string | RegExp | ((xml: string) => boolean)): Promise<string> {
    const xml = await this.#next('element');
    const matches =
      typeof wanted === 'string' ? xml.includes(wanted) : wanted instanceof RegExp ? wanted.test(xml) : wanted(xml);
    assert.ok(matches, `expected ${String(wanted)}, got ${xml.slice(0, 500)}`);
    return xml;
  }

  /** The next thing must be the end tag of the stream. */
  async expectEnd(): Promise<void> {
    await this.#next('end');
  }

  /** How the client closed its side. */
  closed(): Promise<'end tag' | 'bare'> {
    return within(this.#closed.promise, 'the end of the connection to the server');
  }

  send(xml: string | Uint8Array): void {
    this.#socket.write(xml);
  }

  /** A header in answer to the client's, and features. Returns the `id` of the stream. */
  sendHeader(features?: string, attributes = "from='example.com' version='1.0' xml:lang='en'"): string {
    const id = `stream-${++headers}`;
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='${id}' ${attributes}>`,
    );
    if (features !== undefined) this.send(`<stream:features>${features}</stream:features>`);
    return id;
  }

  /** The end tag, then FIN. */
  end(xml = '</stream:stream>'): void {
    this.#socket.end(xml);
  }

  /** RST: the connection breaks. */
  reset(): void {
    // After end() a reset fails without a word, and the handle keeps the process alive.
    if (this.#socket instanceof TLSSocket || this.#socket.writableEnded) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** FIN without an end tag. */
  hangUp(): void {
    this.#socket.end();
  }

  /** Reads nothing any more. */
  stopReading(): void {
    this.#socket.pause();
  }

  readAgain(): void {
    this.#socket.resume();
  }

  /** Sends `xml` again and again until `bytes` are written or nothing is taken for 300 ms; returns what the network took. */
  async flood(xml: string, bytes: number): Promise<number> {
    const chunk = Buffer.from(xml.repeat(Math.ceil(65_536 / xml.length)));
    const socket = this.#socket;
    const before = socket.bytesWritten - socket.writableLength;
    const taken = (): number => socket.bytesWritten - socket.writableLength - before;
    for (let last = -1, written = 0; written < bytes && !socket.destroyed;) {
      written += chunk.length;
      if (socket.write(chunk)) continue;
      const drained = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), 300);
        socket.once('drain', () => resolve(true)).once('close', () => resolve(false));
        timer.unref();
      });
      if (!drained && taken() === last) break;
      last = taken();
    }
    return taken();
  }

  /** Everything before authentication: header and mechanisms, STARTTLS first where there is a certificate. */
  async negotiate(): Promise<void> {
    await this.expectHeader();
    if (this.#options.tls?.mode === 'starttls') {
      this.sendHeader(STARTTLS);
      await this.expect('<starttls');
      this.send(PROCEED);
      await this.secure(this.#options.tls);
      await this.expectHeader();
    }
    this.sendHeader(MECHANISMS);
  }

  /** Negotiation, any SASL PLAIN, restart, bind. */
  async login(): Promise<void> {
    await this.negotiate();
    await this.expect('<auth');
    this.send(SUCCESS);
    await this.expectHeader();
    this.sendHeader(BIND);
    this.#answer(await this.expect('<iq'));
  }

  /** A whole server in small. */
  async play(): Promise<void> {
    await this.negotiate();
    for (let authenticated = false; ;) {
      const { kind, text } = await this.event();
      if (kind === 'end') return this.end();
      if (kind === 'eof' || kind === 'reset') return;
      if (kind === 'header') this.sendHeader(authenticated ? BIND : MECHANISMS);
      else if (text.startsWith('<auth')) {
        authenticated = true;
        this.send(SUCCESS);
      } else if (text.startsWith('<iq')) this.#answer(text);
      else if (text.startsWith('<message')) this.send(text);
    }
  }

  #answer(iq: string): void {
    const id = /\sid=(["'])(.*?)\1/.exec(iq)?.[2] ?? '';
    const jid = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>u@example.com/r</jid></bind>";
    this.send(`<iq type='result' id='${id}'>${iq.includes('xmpp-bind') ? jid : ''}</iq>`);
  }

  /** The server's side of a TLS handshake on what was a plain connection. */
  async secure(options: TlsOptions): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
    const secure = new TLSSocket(plain, { isServer: true, ...options });
    this.#socket = secure;
    await new Promise((resolve, reject) => secure.once('secure', resolve).once('error', reject));
    this.#listen(secure);
  }
}
