import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Inbox, Signal, within } from './waiting.ts';

export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly headers: readonly (readonly [string, string])[];
  /** The values of that header, joined. */
  header(name: string): string | undefined;
  readonly bytes: Buffer;
  readonly text: string;
  /** From the request's last byte being handed over to the answer's last byte (ms). */
  readonly at: number;
}

export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
}

/** The bytes of a request; Host and Content-Length are added where they are not given. */
export function requestBytes({
  method = 'POST',
  path = '/http-bind/',
  version = '1.1',
  headers = {},
  body,
}: RawRequest): Buffer {
  const payload = Buffer.from(body ?? '');
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const all = { ...headers };
  if (!given.has('host')) all['Host'] = 'localhost';
  if (body !== undefined && !given.has('content-length') && !given.has('transfer-encoding')) {
    all['Content-Length'] = String(payload.length);
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`), payload]);
}

/** `Transfer-Encoding: chunked`, cut into pieces of that many bytes. */
export function chunked(body: string | Uint8Array, size: number): Buffer[] {
  const bytes = Buffer.from(body);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    chunks.push(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
  }
  return [...chunks, Buffer.from('0\r\n\r\n')];
}

/** One TCP connection that speaks HTTP/1 as badly as a test wants. */
export class RawHttp {
  readonly socket: Socket;
  readonly #responses = new Inbox<RawResponse>();
  readonly #closed = new Signal<void>();
  #buffer = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      this.#parse(false);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#parse(true);
      this.#isClosed = true;
      this.#responses.end('the connection was closed');
      this.#closed.resolve();
    });
  }

  static async connect(t: TestContext, port: number): Promise<RawHttp> {
    const socket = connect({ port, host: '127.0.0.1' });
    t.after(() => socket.destroy());
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawHttp(socket);
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Writes pieces, each as a segment of its own. */
  async trickle(pieces: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => this.socket.write(piece, () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  request(request: RawRequest): Promise<RawResponse> {
    this.write(requestBytes(request));
    return this.response();
  }

  /** The next response on this connection; interim ones (100) too. */
  response(patienceMs?: number): Promise<RawResponse> {
    return this.#responses.take('a response', patienceMs);
  }

  /** Responses that have come and that nobody took. */
  get waiting(): number {
    return this.#responses.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  closed(patienceMs?: number): Promise<void> {
    return within(this.#closed.promise, 'the end of the HTTP connection', patienceMs);
  }

  /** FIN. */
  end(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  #parse(atEnd: boolean): void {
    for (;;) {
      const parsed = parseResponse(this.#buffer, atEnd);
      if (parsed === undefined) return;
      this.#buffer = this.#buffer.subarray(parsed.length);
      this.#responses.push(parsed.response);
    }
  }
}

function parseResponse(buffer: Buffer, atEnd: boolean): { response: RawResponse; length: number } | undefined {
  const headEnd = buffer.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = buffer.subarray(0, headEnd).toString('latin1').split('\r\n');
  const match = /^HTTP\/(\d\.\d) (\d{3}) ?(.*)$/.exec(statusLine);
  if (match === null) throw new Error(`not HTTP: ${statusLine}`);
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const header = (name: string): string | undefined => {
    const values = headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    return values.length === 0 ? undefined : values.join(', ');
  };
  const start = headEnd + 4;
  const status = Number(match[2]);
  const body = readBody(buffer, start, atEnd, status, header);
  if (body === undefined) return undefined;
  const { bytes, end } = body;
  const [version = '', reason = ''] = [match[1], match[3]];
  const response = { status, reason, version, headers, header, bytes, text: bytes.toString(), at: performance.now() };
  return { response, length: end };
}

function readBody(
  buffer: Buffer,
  start: number,
  atEnd: boolean,
  status: number,
  header: (name: string) => string | undefined,
): { bytes: Buffer; end: number } | undefined {
  const declared = header('content-length');
  if (status < 200 || status === 204 || status === 304) return { bytes: Buffer.alloc(0), end: start };
  if (header('transfer-encoding') !== undefined) return readChunks(buffer, start);
  if (declared === undefined) return atEnd ? { bytes: buffer.subarray(start), end: buffer.length } : undefined;
  const end = start + Number(declared);
  return buffer.length < end ? undefined : { bytes: buffer.subarray(start, end), end };
}

function readChunks(buffer: Buffer, start: number): { bytes: Buffer; end: number } | undefined {
  const pieces: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = buffer.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(buffer.subarray(at, lineEnd).toString('latin1'), 16);
    const from = lineEnd + 2;
    if (buffer.length < from + size + 2) return undefined;
    pieces.push(buffer.subarray(from, from + size));
    at = from + size + 2;
    if (size === 0) return { bytes: Buffer.concat(pieces), end: at };
  }
}
