import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { encodingOf, measured, type Pieces, type Text } from '../core/encoding.ts';

/** Header fields that the operator adds to each answer. */
export type CustomHeaders = Readonly<Record<string, string>>;

/** Names and values in turn, as HTTP sends them. */
export type Fields = readonly string[];

const NO_FIELDS: Fields = [];

/** Sends a whole answer: with its length, never chunked, so that proxies let it go at once (BOSH-HTTP-04). */
export function respond(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: Text | Buffer,
  cacheControl = 'no-store',
  more = NO_FIELDS,
  others = NO_FIELDS,
): void {
  const content = Buffer.isBuffer(body) ? body : measured(body);
  const bytes = 'texts' in content ? content.bytes : content.byteLength;
  const fields = ['Content-Type', contentType, 'Content-Length', String(bytes), 'X-Content-Type-Options', 'nosniff'];
  fields.push('Cache-Control', cacheControl);
  for (const text of more) fields.push(text);
  for (const text of others) fields.push(text);
  // All at once: Node checks and keeps each field by itself that is set on the response.
  response.writeHead(status, fields);
  if ('texts' in content) writePieces(response, content);
  else response.end(content);
}

/** In one write to the connection. */
function writePieces(response: ServerResponse, { texts, bytes }: Pieces): void {
  let length = 0;
  for (const text of texts) length += text.length;
  const encoding = encodingOf(length, bytes);
  if (texts.length === 1) {
    response.end(texts[0], encoding);
    return;
  }
  response.cork();
  for (const text of texts) response.write(text, encoding);
  response.end();
  response.uncork();
}

/** One line of text for people and logs. */
export function respondText(response: ServerResponse, status: number, text: string): void {
  respond(response, status, 'text/plain; charset=utf-8', `${text}\n`);
}

/** An answer after which the connection is of no use: what the client still sends is not read. */
export function respondAndClose(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Connection', 'close');
  respondText(response, status, text);
}

/** An answer where HTTP has let go of the connection, or was never let near it: a status, header fields, and the end. */
export function respondRaw(socket: Duplex, status: string, headers: CustomHeaders = {}): void {
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n`);
}
