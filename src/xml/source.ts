import { isUtf8 } from 'node:buffer';
import { endianness } from 'node:os';
import { wholeCharacters } from './characters.ts';
import { nameAt } from './names.ts';

/** Bytes from which on it pays to have them checked as UTF-8 all at once, and to read text by words. */
const LONG = 256;
const LONG_TEXT = endianness() === 'LE' ? 1024 : Infinity;
const NOTHING = Buffer.alloc(0);
/** A smaller buffer is not worth its making. */
const MIN_CAPACITY = 256;

/** The last large buffer that was let go, for the next element that needs one: they are many, and each lives for one element. */
let spare: Buffer = NOTHING;
const MIN_SPARE = 16_384;
const MAX_SPARE = 1_048_576;
/** A buffer so much larger than what is asked for is not spent on it. */
const MAX_EXCESS = 4;

function ownBuffer(capacity: number): Buffer {
  const size = Math.max(capacity, MIN_CAPACITY);
  // Not from the pool, where a few bytes would hold back eight KiB.
  if (spare.length < size || spare.length > MAX_EXCESS * size) return Buffer.allocUnsafeSlow(size);
  const buffer = spare;
  spare = NOTHING;
  return buffer;
}

function letGo(buffer: Buffer): void {
  if (buffer.length >= MIN_SPARE && buffer.length <= MAX_SPARE && buffer.length > spare.length) spare = buffer;
}

/**
 * The bytes under a scanner: what the last write left unfinished, and after it the newest. All that is remembered of them counts
 * from the origin, so that they can be moved: from the writer's own buffer, in which they are read where they lie, to one of
 * ours, in which an unfinished element waits for the rest of itself.
 */
export class Source {
  bytes: Buffer = NOTHING;
  /** Where the element begins that is being read: what is before is done with. */
  origin = 0;
  /** Where the bytes end that can be read: at the end of a character. */
  end = 0;
  /** Where the bytes end. */
  length = 0;
  /** False once a character beyond ASCII has been seen since the origin. */
  isAscii = true;
  #isOwn = false;
  /** Undefined where it has not been asked. */
  #isUtf8: boolean | undefined;
  #words: Int32Array | undefined;

  /** Takes the next bytes; they may change after the scan is over and `keep` has been called. */
  take(input: Uint8Array): void {
    if (this.length === 0) {
      this.bytes = asBuffer(input);
      this.length = input.length;
    } else {
      this.#reserve(this.length + input.length);
      this.bytes.set(input, this.length);
      this.length += input.length;
    }
    this.end = wholeCharacters(this.bytes, this.length);
    this.#isUtf8 = this.#words = undefined;
  }

  /** True where all from `start` to the end is UTF-8: asked once for the long, where it is much faster than to look. */
  isUtf8From(start: number): boolean {
    return (this.#isUtf8 ??= this.end - start >= LONG && isUtf8(this.bytes.subarray(start, this.end)));
  }

  /** The buffer of the bytes as words, where so much follows `start` that words are worth it. */
  wordsFrom(start: number): Int32Array | undefined {
    if (this.end - start < LONG_TEXT) return undefined;
    const { buffer } = this.bytes;
    return (this.#words ??= new Int32Array(buffer, 0, buffer.byteLength >> 2));
  }

  /** Keeps what follows the origin, and forgets what is before it. */
  keep(): void {
    const { bytes, origin, length } = this;
    const left = length - origin;
    if (left === 0) {
      this.clear();
    } else if (!this.#isOwn) {
      this.#own(bytes.subarray(origin, length), left);
    } else if (origin > 0) {
      bytes.copyWithin(0, origin, length);
    }
    this.origin = 0;
    this.length = left;
    this.end = 0;
  }

  clear(): void {
    if (this.#isOwn) letGo(this.bytes);
    this.bytes = NOTHING;
    this.#isOwn = false;
    this.#words = undefined;
    this.origin = this.end = this.length = 0;
    this.isAscii = true;
  }

  /** Twice the size each time it is too small: one byte at a time costs no more than all at once. */
  #reserve(capacity: number): void {
    if (this.bytes.length >= capacity) return;
    this.#own(this.bytes.subarray(0, this.length), 2 * capacity);
  }

  #own(bytes: Uint8Array, capacity: number): void {
    const before = this.#isOwn ? this.bytes : NOTHING;
    this.bytes = ownBuffer(capacity);
    this.bytes.set(bytes);
    this.#isOwn = true;
    letGo(before);
  }

  /** Text that may be of any kind and length. Counted from the origin. */
  text(start: number, end: number): string {
    const { bytes, origin, isAscii } = this;
    return bytes.toString(isAscii ? 'latin1' : 'utf8', origin + start, origin + end);
  }

  /** A name, or another text that is likely to come again. Counted from the origin. */
  name(start: number, end: number): string {
    return nameAt(this.bytes, this.origin + start, this.origin + end);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
