import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { StreamScanner } from '../support/stream-scanner.ts';
import type { SessionRecord } from './record.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.com' id='u' version='1.0'>";
const MECHANISMS =
  "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const BIND = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

/** An XMPP server that counts: what comes of each session, and numbered stanzas of its own, at random times. */
export class ChaosServer {
  readonly #find: (session: number) => SessionRecord | undefined;
  readonly #listener: Server;
  readonly #streams = new Set<ServerStream>();

  constructor(find: (session: number) => SessionRecord | undefined) {
    this.#find = find;
    this.#listener = createServer((socket) => {
      const stream = new ServerStream(socket, this.#find, () => this.#streams.delete(stream));
      this.#streams.add(stream);
    });
  }

  /** Resolves with the port. */
  start(): Promise<number> {
    return new Promise((resolve) => {
      this.#listener.listen(0, '127.0.0.1', 1024, () => resolve((this.#listener.address() as AddressInfo).port));
    });
  }

  get streams(): number {
    return this.#streams.size;
  }

  stop(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    return new Promise((resolve) => this.#listener.close(() => resolve()));
  }
}

class ServerStream {
  readonly #socket: Socket;
  readonly #find: (session: number) => SessionRecord | undefined;
  readonly #scanner = new StreamScanner((kind, text) => this.#read(kind, text));
  /** Known once the client has logged in: streams of lost creation requests never do. */
  #record: SessionRecord | undefined;
  #headers = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, find: (session: number) => SessionRecord | undefined, onClose: () => void) {
    this.#socket = socket;
    this.#find = find;
    socket.setNoDelay(true);
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#scanner.write(text.toString()));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(this.#timer);
      if (this.#record?.streamEnded === false) this.#record.fail('the stream to the server broke without an end tag');
      onClose();
    });
  }

  destroy(): void {
    this.#record = undefined;
    this.#socket.destroy();
  }

  #read(kind: 'header' | 'element' | 'end', text: string): void {
    if (kind === 'header') {
      this.#socket.write(HEADER + (this.#headers++ === 0 ? MECHANISMS : BIND));
      if (this.#headers === 2) this.#serve();
    } else if (kind === 'end') {
      this.#end();
    } else if (text.startsWith('<auth')) {
      this.#logIn(text);
    } else if (this.#record === undefined || this.#record.take('client', text) !== 1) {
      this.#record?.fail(`the server got something unknown: ${text.slice(0, 200)}`);
    }
  }

  #logIn(text: string): void {
    const session = Number(
      Buffer.from(/>([^<]*)</.exec(text)?.[1] ?? '', 'base64')
        .toString()
        .split('\0')[1],
    );
    const record = this.#find(session);
    if (record === undefined || this.#record !== undefined) {
      (record ?? this.#record)?.fail(`a log-in that was not expected: ${text}`);
      return;
    }
    this.#record = record;
    record.log('U: logged in');
    this.#socket.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  }

  #end(): void {
    const record = this.#record;
    if (record !== undefined) {
      record.streamEnded = true;
      if (!record.isTerminating) record.fail('the stream to the server was ended before its time');
      record.log('U: end of the stream');
      record.onChange();
    }
    this.#socket.end('</stream:stream>');
  }

  /** Stanzas from now on, alone or in bursts. */
  #serve(): void {
    const record = this.#record;
    if (record === undefined) return;
    record.log('U: bound');
    const random = record.schedule.server(record.number);
    record.provoke = () => {
      if (!record.isEnding && this.#socket.writable) this.#socket.write(record.make('server'));
    };
    const next = (): void => {
      this.#timer = setTimeout(() => {
        if (record.isEnding || record.failure !== undefined) return;
        const burst = Number(random.pick({ 1: 80, 2: 10, 5: 7, 25: 3 }));
        record.log(`U: sends ${record.sent.server} and ${burst - 1} more`);
        for (let i = 0; i < burst; i++) this.#socket.write(record.make('server'));
        next();
      }, random.gap(record.traits.pace));
    };
    next();
  }
}
