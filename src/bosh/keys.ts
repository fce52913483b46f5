import { createHash, timingSafeEqual } from 'node:crypto';

/** Longer than any hash in hexadecimal; what is longer is no key. */
const MAX_KEY_LENGTH = 256;

/** Protects a session whose connections are not (XEP-0124 §15): each key hashes to the one before. */
export class KeyChain {
  #expected: string;

  /** `newKey`: the last key of the client's sequence, from the creation request. */
  constructor(newKey: string) {
    this.#expected = newKey;
  }

  /** True for what may begin a sequence. */
  static accepts(newKey: string): boolean {
    return newKey.length <= MAX_KEY_LENGTH;
  }

  /** Checks the key of the next request, in rid order, and takes over a new sequence with it (§15.5). */
  advance(key: string | undefined, newKey: string | undefined): boolean {
    if (key === undefined || key.length > MAX_KEY_LENGTH || !KeyChain.accepts(newKey ?? '')) return false;
    // The hash is made of the text as it was sent; letter case counts only there (§15.3).
    const hash = createHash('sha1').update(key).digest('hex');
    if (!isSame(hash, this.#expected.toLowerCase())) return false;
    this.#expected = newKey ?? key;
    return true;
  }
}

/** A repeated request has the key that it had (BOSH-BRK-10). */
export function isSameKey(first: string | undefined, repeated: string | undefined): boolean {
  return isSame(first ?? '', repeated ?? '');
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
