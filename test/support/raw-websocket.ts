import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { constants, inflateRawSync } from 'node:zlib';
import { Inbox, Signal, within } from './waiting.ts';

export const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface RawFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly masked: boolean;
  readonly payload: Buffer;
}

export interface FrameOptions {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly opcode?: number;
  readonly mask?: boolean;
  /** Written instead of the real length, in the 8-byte form. */
  readonly declaredLength?: bigint;
}

/** The bytes of one frame. */
export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, opcode = OPCODE.text, mask = true, declaredLength } = options;
  const data = Buffer.from(payload);
  const length = declaredLength ?? BigInt(data.length);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const maskBit = mask ? 0x80 : 0;
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64BE(length);
  if (declaredLength !== undefined || length > 65_535n) head.push(maskBit | 127, ...wide);
  else if (length > 125n) head.push(maskBit | 126, ...wide.subarray(6));
  else head.push(maskBit | Number(length));
  if (!mask) return Buffer.concat([Buffer.from(head), data]);
  const key = randomBytes(4);
  const masked = data.map((byte, i) => byte ^ (key[i % 4] as number));
  return Buffer.concat([Buffer.from(head), key, masked]);
}

export function closeFrame(code: number | undefined, reason: string | Uint8Array = ''): Buffer {
  const payload = Buffer.concat([Buffer.from(code === undefined ? [] : [code >> 8, code & 255]), Buffer.from(reason)]);
  return frame(payload, { opcode: OPCODE.close });
}

export interface Handshake {
  readonly method?: string;
  readonly path?: string;
  readonly version?: string;
  /** `undefined` leaves a header out; an array writes it several times. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Sent in the same segment, before the answer is there. */
  readonly early?: Uint8Array;
}

/** How a WebSocket ended. `code` is undefined where no Close frame came. */
export interface SocketEnd {
  readonly code: number | undefined;
  readonly reason: string;
}

/** A WebSocket client over a bare socket: it sends any frame, right or wrong, and answers nothing by itself. */
export class RawWebSocket {
  readonly socket: Socket;
  status = 0;
  headers: Readonly<Record<string, string>> = {};
  /** The body of a refusal. */
  body = '';
  /** Answers Close frames and pings as a browser does. */
  polite = true;
  readonly #frames = new Inbox<RawFrame>();
  readonly #messages = new Inbox<string>();
  readonly #answered = new Signal<void>();
  readonly #ended = new Signal<SocketEnd>();
  #buffer = Buffer.alloc(0);
  #end: SocketEnd = { code: undefined, reason: '' };
  #sentClose = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      this.#read();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#readBody(true);
      this.#answered.resolve();
      this.#frames.end('the connection was closed');
      this.#messages.end(`the WebSocket was closed with ${this.#end.code}`);
      this.#ended.resolve(this.#end);
    });
  }

  /** Sends the handshake and waits for the answer, whatever it is. */
  static async connect(t: TestContext, port: number, handshake: Handshake = {}): Promise<RawWebSocket> {
    const socket = connect({ port, host: '127.0.0.1' });
    t.after(() => socket.destroy());
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const client = new RawWebSocket(socket);
    const key = randomBytes(16).toString('base64');
    const { method = 'GET', path = '/xmpp-websocket', version = '1.1', headers = {}, early } = handshake;
    const all = {
      Host: 'localhost',
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': 'xmpp',
      ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
    );
    const head = Buffer.from(`${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`);
    socket.write(early === undefined ? head : Buffer.concat([head, early]));
    await within(client.#answered.promise, 'the answer to the handshake');
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    if (client.status === 101 && client.headers['sec-websocket-accept'] !== accept) throw new Error('wrong Accept');
    return client;
  }

  /** A text message in one frame. */
  send(text: string): void {
    this.write(frame(text));
  }

  /** Any bytes. */
  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  open(attributes = "to='example.com' version='1.0' xml:lang='en'"): void {
    this.send(`<open xmlns='${FRAMING}' ${attributes}/>`);
  }

  close(code: number | undefined = 1000): void {
    this.#sentClose = true;
    this.write(closeFrame(code));
  }

  /** The next text message. */
  message(what = 'a message'): Promise<string> {
    return this.#messages.take(what);
  }

  /** The next control frame. */
  control(): Promise<RawFrame> {
    return this.#frames.take('a control frame');
  }

  get waiting(): number {
    return this.#messages.length;
  }

  /** How it ended, once the TCP connection is closed. */
  ended(patienceMs?: number): Promise<SocketEnd> {
    return within(this.#ended.promise, 'the end of the WebSocket', patienceMs);
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  #read(): void {
    if (this.status === 0 && !this.#readHead()) return;
    if (this.status !== 101) return this.#readBody(false);
    for (let next = parseFrame(this.#buffer); next !== undefined; next = parseFrame(this.#buffer)) {
      this.#buffer = this.#buffer.subarray(next.length);
      this.#take(next.frame);
    }
  }

  #readHead(): boolean {
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [statusLine = '', ...lines] = this.#buffer.subarray(0, end).toString('latin1').split('\r\n');
    this.#buffer = this.#buffer.subarray(end + 4);
    this.status = Number(statusLine.split(' ')[1]);
    this.headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    if (this.status === 101) this.#answered.resolve();
    return true;
  }

  #readBody(atEnd: boolean): void {
    if (this.status === 101 || this.status === 0) return;
    const length = Number(this.headers['content-length'] ?? (atEnd ? 0 : Infinity));
    if (this.#buffer.length < length && !atEnd) return;
    this.body = this.#buffer.toString();
    this.#answered.resolve();
  }

  #take(next: RawFrame): void {
    if (next.opcode < 8) {
      this.#messages.push(textOf(next).toString());
      return;
    }
    this.#frames.push(next);
    if (next.opcode === OPCODE.ping && this.polite) this.write(frame(next.payload, { opcode: OPCODE.pong }));
    if (next.opcode !== OPCODE.close) return;
    const { payload } = next;
    this.#end = { code: payload.length < 2 ? 1005 : payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
    if (this.polite && !this.#sentClose) this.close(this.#end.code === 1005 ? undefined : this.#end.code);
  }
}

/** RSV1 means compressed, by itself: no context is kept between messages (RFC 7692 §7.2). */
function textOf({ rsv, payload }: RawFrame): Buffer {
  const whole = Buffer.concat([payload, Buffer.of(0, 0, 0xff, 0xff)]);
  return rsv === 4 ? inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH }) : payload;
}

function parseFrame(buffer: Buffer): { frame: RawFrame; length: number } | undefined {
  const [first, second] = buffer;
  if (first === undefined || second === undefined) return undefined;
  const masked = (second & 0x80) !== 0;
  const short = second & 0x7f;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (buffer.length < head) return undefined;
  const size = short === 127 ? Number(buffer.readBigUInt64BE(2)) : short === 126 ? buffer.readUInt16BE(2) : short;
  const length = head + (masked ? 4 : 0) + size;
  if (buffer.length < length) return undefined;
  const payload = buffer.subarray(length - size, length);
  return { frame: { fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7, opcode: first & 15, masked, payload }, length };
}
