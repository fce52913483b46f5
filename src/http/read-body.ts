import type { IncomingMessage } from 'node:http';

/** What became of a request body: its bytes; `too-large`, with the rest left unread; or `aborted`, with nobody left to answer. */
export type BodyResult = Buffer | 'too-large' | 'aborted';

/** Reads a whole request body of at most `maxBytes`. Calls `done` once; nothing is acted on before the last byte is in (H-11). */
export function readBody(request: IncomingMessage, maxBytes: number, done: (result: BodyResult) => void): void {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    done('too-large');
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  let isDone = false;
  const finish = (result: BodyResult): void => {
    if (isDone) return;
    isDone = true;
    done(result);
  };
  request.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > maxBytes) {
      request.pause();
      request.removeAllListeners('data');
      chunks.length = 0;
      finish('too-large');
    } else if (!isDone) chunks.push(chunk);
  });
  request.on('end', () => finish(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
  request.on('error', () => finish('aborted'));
  request.on('close', () => finish('aborted'));
}
