import type { IncomingMessage } from 'node:http';
import { decimal } from '../core/decimal.ts';
import { codingOf, decode, type Coding } from './content-coding.ts';

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
 * Reads a whole request body. Calls `done` once, with `of` and with bytes that are its own until it returns; or never where the
 * client goes away before: nobody is left to answer then, and nothing is acted on before the last byte is in (H-11).
 */
export function readBody<T>(request: IncomingMessage, settings: BodySettings, done: BodyDone<T>, of: T): void {
  const { maxBodyBytes: maxBytes, compression } = settings;
  const { 'content-encoding': codingText, 'content-length': length } = request.headers;
  const coding = codingOf(codingText);
  if (coding === undefined || (coding !== 'identity' && !compression)) {
    done('coding', request, of);
    return;
  }
  // HTTP's parser lets no second one pass, and nothing but digits: what is no number here has too many of them.
  if (length !== undefined && !(decimal(length) <= maxBytes)) {
    done('too-large', request, of);
    return;
  }
  const reading: Reading = request;
  reading[bodyOf] = new Body(maxBytes, coding, done as BodyDone<unknown>, of);
  request.on('data', take).on('end', end);
}

/** What is done with a body; `of` is what `readBody` was given. */
export type BodyDone<T> = (result: BodyResult, request: IncomingMessage, of: T) => void;

/** On the request itself: listeners that are closures cost more, and there are two for each request. */
const bodyOf = Symbol('body');

interface Reading extends IncomingMessage {
  [bodyOf]?: Body | undefined;
}

/** A body that is being read. */
class Body {
  readonly maxBytes: number;
  readonly coding: Coding | 'identity';
  readonly done: BodyDone<unknown>;
  readonly of: unknown;
  /** Nearly all bodies come in one piece. */
  first: Buffer | undefined;
  more: Buffer[] | undefined;
  size = 0;

  constructor(maxBytes: number, coding: Coding | 'identity', done: BodyDone<unknown>, of: unknown) {
    this.maxBytes = maxBytes;
    this.coding = coding;
    this.done = done;
    this.of = of;
  }

  get whole(): Buffer {
    return this.more === undefined ? (this.first ?? NOTHING) : joined(this.more, this.size);
  }
}

function take(this: Reading, chunk: Buffer): void {
  const body = this[bodyOf];
  if (body === undefined) return;
  body.size += chunk.byteLength;
  if (body.size > body.maxBytes) {
    this.pause();
    this[bodyOf] = undefined;
    body.done('too-large', this, body.of);
  } else if (body.first === undefined) body.first = chunk;
  else (body.more ??= [body.first]).push(chunk);
}

function end(this: Reading): void {
  const body = this[bodyOf];
  if (body === undefined) return;
  // Held requests wait long, and need nothing of it.
  this[bodyOf] = undefined;
  const { whole, coding, maxBytes, done, of } = body;
  done(coding === 'identity' ? whole : decode(whole, coding, maxBytes), this, of);
}

const NOTHING = Buffer.alloc(0);

/** Where bodies are put together: each is read before the next one is. */
let desk = NOTHING;
const SMALLEST_DESK = 65_536;
const LARGEST_DESK = 1_048_576;

function joined(chunks: readonly Buffer[], size: number): Buffer {
  if (size > LARGEST_DESK) return Buffer.concat(chunks, size);
  if (desk.length < size) desk = Buffer.allocUnsafeSlow(Math.min(LARGEST_DESK, Math.max(SMALLEST_DESK, 2 * size)));
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(desk, at);
  return desk.subarray(0, size);
}
