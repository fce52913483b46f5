import type { IncomingMessage } from 'node:http';
import { codingOf, decode } from './content-coding.ts';
import { rawField } from './fields.ts';

/**
 * What became of a request body: its bytes, decoded; `too-large`, with the rest left unread; `coding`, one that is not read here;
 * or `corrupt`, not what its coding says.
 */
export type BodyResult = Buffer | 'too-large' | 'coding' | 'corrupt';

export interface BodySettings {
  /** As sent, and as decoded. */
  readonly maxBodyBytes: number;
  /** Whether compressed bodies are read. */
  readonly compression: boolean;
}

/**
 * Reads a whole request body. Calls `done` once, or never where the client goes away before: nobody is left to answer then, and
 * nothing is acted on before the last byte is in (H-11).
 */
export function readBody(request: IncomingMessage, settings: BodySettings, done: (result: BodyResult) => void): void {
  const { maxBodyBytes: maxBytes, compression } = settings;
  const isCoded = rawField(request, 'content-encoding') !== undefined;
  const coding = isCoded ? codingOf(request.headers['content-encoding']) : 'identity';
  if (coding === undefined || (coding !== 'identity' && !compression)) {
    done('coding');
    return;
  }
  // HTTP's parser lets no second one pass, and nothing but digits.
  if (Number(rawField(request, 'content-length') ?? 0) > maxBytes) {
    done('too-large');
    return;
  }
  /** Nearly all bodies come in one piece. */
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > maxBytes) {
      request.pause();
      request.removeAllListeners('data').removeAllListeners('end');
      first = more = undefined;
      done('too-large');
    } else if (first === undefined) first = chunk;
    else (more ??= [first]).push(chunk);
  });
  request.on('end', () => {
    const whole = more === undefined ? (first ?? NOTHING) : Buffer.concat(more, size);
    first = more = undefined;
    done(coding === 'identity' ? whole : decode(whole, coding, maxBytes));
  });
}

const NOTHING = Buffer.alloc(0);
