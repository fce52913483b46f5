import { createHash } from 'node:crypto';

const LENGTH = 20;
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

/** Keys of a protected session: each request shows the one whose hash the request before has shown (XEP-0124 §15). */
export class KeySequence {
  #keys: string[] = [];
  #round = 0;
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  #begin(): string {
    let key = sha1(`${this.#secret}.${this.#round++}`);
    this.#keys = [];
    for (let i = 0; i < LENGTH; i++) {
      this.#keys.push(key);
      key = sha1(key);
    }
    return key;
  }

  /** For the creation request. */
  first(): Record<string, string> {
    return { newkey: this.#begin() };
  }

  next(): Record<string, string> {
    const key = this.#keys.pop() as string;
    return this.#keys.length > 0 ? { key } : { key, newkey: this.#begin() };
  }
}
