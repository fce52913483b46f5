import type { Socket } from 'node:net';

/** A whole HTTP/1.1 message with a Content-Length. */
export interface HttpMessage {
  readonly head: string;
  readonly body: string;
  readonly raw: Buffer;
}

/** Cuts what comes on a connection into messages. */
export class MessageReader {
  readonly #tell: (message: HttpMessage) => void;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(tell: (message: HttpMessage) => void) {
    this.#tell = tell;
  }

  /** Bytes of a message that is not whole yet. */
  get partial(): number {
    return this.#bytes.length;
  }

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const headEnd = this.#bytes.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = this.#bytes.subarray(0, headEnd).toString('latin1');
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (this.#bytes.length < end) return;
      const raw = this.#bytes.subarray(0, end);
      this.#bytes = this.#bytes.subarray(end);
      this.#tell({ head, body: raw.subarray(headEnd + 4).toString(), raw });
    }
  }
}

export function statusOf({ head }: HttpMessage): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
}

/** The value of an attribute of the body's start tag, which our own gateway writes: no entities are expected. */
export function attributeOf(body: string, name: string): string | undefined {
  const tag = body.slice(0, body.indexOf('>') + 1);
  return new RegExp(` ${name}=(?:'([^']*)'|"([^"]*)")`)
    .exec(tag)
    ?.slice(1)
    .find((value) => value !== undefined);
}

export function isErrorBody({ body }: HttpMessage): boolean {
  return attributeOf(body, 'type') === 'error';
}

export function close(socket: Socket, how: 'rst' | 'fin'): void {
  if (how === 'rst') socket.resetAndDestroy();
  else socket.destroySoon();
}
