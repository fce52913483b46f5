import { createReadStream, realpathSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
};

/** The regular file below `root` that this URL path names; `undefined` for anything else, and for whatever leads out of `root`. */
export function findFile(root: string, path: string): string | undefined {
  try {
    const name = decodeURIComponent(path);
    if (/[\\\0]/.test(name) || name.split('/').includes('..')) return undefined;
    // Links too must stay inside.
    const base = realpathSync(root);
    const file = realpathSync(resolve(base, `.${sep}${name}`));
    return file.startsWith(base + sep) && statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Answers with the file, to be kept for an hour: Converse asks for its wasm file over and over where it may not be kept. */
export function sendFile(file: string, request: IncomingMessage, response: ServerResponse): void {
  const { size, mtimeMs } = statSync(file);
  const etag = `"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"`;
  response.setHeader('Cache-Control', 'public, max-age=3600');
  response.setHeader('ETag', etag);
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, {
    'Content-Type': TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': size,
  });
  if (request.method === 'HEAD') response.end();
  // A reader that goes away in the middle is no fault.
  else pipeline(createReadStream(file), response, () => {});
}
