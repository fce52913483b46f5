import { BYTES, isChar } from './characters.ts';
import { XmlError } from './limits.ts';

const { HASH, SEMICOLON } = BYTES;

/** How far a reference has been read: not at all, `&`, `&a`, `&#`, `&#x`, and then digits. */
const NONE = 0;
const BEGUN = 1;
const ENTITY = 2;
const CHARACTER = 3;
const DECIMAL = 4;
const HEX = 5;
const MAX_CHAR = 0x10ffff;

/** EntityRef of the five that need no declaration, or CharRef (XML 1.0 §4.1, §4.6), read byte by byte. */
export class Reference {
  #state = NONE;
  /** The digits so far as a number, or -1 where there are none; of an entity, the letters so far. */
  #code = -1;

  /** True while its `;` has not come. */
  get isOpen(): boolean {
    return this.#state !== NONE;
  }

  /** `&` has come. */
  begin(): void {
    this.#state = BEGUN;
  }

  clear(): void {
    this.#state = NONE;
  }

  /** Reads on; returns the index after the `;`, or `end` where that has not come. Throws `XmlError`. */
  read(bytes: Uint8Array, start: number, end: number): number {
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte === SEMICOLON) {
        this.#finish();
        return i + 1;
      }
      switch (this.#state) {
        case BEGUN:
          this.#code = -1;
          this.#state = byte === HASH ? CHARACTER : ENTITY;
          if (this.#state === ENTITY) this.#addLetter(byte);
          break;
        case ENTITY:
          this.#addLetter(byte);
          break;
        case CHARACTER:
          this.#state = byte === 0x78 /* x */ ? HEX : DECIMAL;
          if (this.#state === DECIMAL) this.#addDigit(byte, 10);
          break;
        default:
          this.#addDigit(byte, this.#state === HEX ? 16 : 10);
      }
    }
    return end;
  }

  /** Each has four letters at most: one in each byte of the number. */
  #addLetter(byte: number): void {
    if (byte < 0x61 || byte > 0x7a || this.#code > 0xffffff) throw malformed();
    this.#code = Math.max(this.#code, 0) * 256 + byte;
  }

  #addDigit(byte: number, base: number): void {
    const digit = digitOf(byte);
    if (digit >= base) throw malformed();
    this.#code = Math.max(this.#code, 0) * base + digit;
    if (this.#code > MAX_CHAR) throw malformed();
  }

  #finish(): void {
    const isRight = this.#state === ENTITY ? ENTITIES.has(this.#code) : this.#state > CHARACTER && isChar(this.#code);
    if (!isRight) throw malformed();
    this.#state = NONE;
  }
}

const ENTITIES = new Set(['lt', 'gt', 'amp', 'quot', 'apos'].map(codeOf));

function codeOf(name: string): number {
  return Array.from(name).reduce((code, letter) => code * 256 + letter.charCodeAt(0), 0);
}

/** 16 where it is none. */
function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}

function malformed(): XmlError {
  return new XmlError('not-well-formed', 'malformed or unknown reference');
}
