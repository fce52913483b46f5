import type { IncomingMessage } from 'node:http';
import { codingOf, decode } from './content-coding.ts';

/**
 * What became of a request body: its bytes, decoded; `too-large`, with the rest left unread; `coding`, one that is not read here;
 * `corrupt`, not what its coding says; or `aborted`, with nobody left to answer.
 */
export type BodyResult = Buffer | 'too-large' | 'coding' | 'corrupt' | 'aborted';

export interface BodySettings {
  /** As sent, and as decoded. */
  readonly maxBodyBytes: number;
  /** Whether compressed bodies are read. */
  readonly compression: boolean;
}

/** Reads a whole request body. Calls `done` once; nothing is acted on before the last byte is in (H-11). */
export function readBody(request: IncomingMessage, settings: BodySettings, done: (result: BodyResult) => void): void {
  const { maxBodyBytes: maxBytes, compression } = settings;
  const coding = codingOf(request.headers['content-encoding']);
  if (coding === undefined || (coding !== 'identity' && !compression)) {
    done('coding');
    return;
  }
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
  request.on('end', () => {
    const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
    finish(coding === 'identity' ? whole : decode(whole, coding, maxBytes));
  });
  request.on('error', () => finish('aborted'));
  request.on('close', () => finish('aborted'));
}
