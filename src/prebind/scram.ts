import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { PrebindError } from './errors.ts';
import { saslPrep } from './saslprep.ts';

export type ScramHash = 'sha1' | 'sha256' | 'sha512';

/**
 * How the exchange is bound to its TLS connection (RFC 5802 §6): `n`, it cannot be; `y`, it could be, and the server offers
 * none; or to data of a type.
 */
export type ScramBinding = 'n' | 'y' | { readonly type: string; readonly data: Uint8Array };

export interface ScramInput {
  readonly hash: ScramHash;
  readonly user: string;
  readonly password: string;
  /** Whom to act for, where that is somebody else. */
  readonly authzid?: string | undefined;
  readonly binding: ScramBinding;
  /** Printable, without a comma. */
  readonly nonce: string;
}

/** RFC 5802 §5.1, RFC 7677 §4: fewer give a password away to whoever listens. */
const LEAST_ITERATIONS = 4096;
/** Half a second of one processor: a server that asks for more wants to keep us busy. */
const MOST_ITERATIONS = 500_000;

const derive = promisify(pbkdf2);
const BYTES = { sha1: 20, sha256: 32, sha512: 64 } as const;

/** The client's side of SCRAM (RFC 5802, RFC 7677): texts in, texts out. */
export class ScramClient {
  readonly #input: ScramInput;
  readonly #header: string;
  readonly #bare: string;
  #expected: Buffer | undefined;

  /** Throws `bad-request` for a name or password that cannot be one. */
  constructor(input: ScramInput) {
    const { user, authzid, binding, nonce } = input;
    this.#input = { ...input, password: saslPrep(input.password) };
    const flag = typeof binding === 'string' ? binding : `p=${binding.type}`;
    this.#header = `${flag},${authzid === undefined ? '' : `a=${escapeName(authzid)}`},`;
    this.#bare = `n=${escapeName(saslPrep(user))},r=${nonce}`;
  }

  /** client-first-message */
  first(): string {
    return `${this.#header}${this.#bare}`;
  }

  /** client-final-message. Throws `server-fault` for a challenge that is none, or too weak or too strong. */
  async final(challenge: string): Promise<string> {
    const { hash, password, binding, nonce } = this.#input;
    const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,9})(?:,.*)?$/s.exec(challenge);
    const [, combined = '', salt = '', count = ''] = match ?? [];
    const iterations = Number(count);
    if (match === null || !combined.startsWith(nonce) || combined.length === nonce.length) {
      throw new PrebindError('server-fault', 'the SCRAM challenge is malformed');
    }
    if (iterations < LEAST_ITERATIONS || iterations > MOST_ITERATIONS) {
      throw new PrebindError('server-fault', `SCRAM with ${iterations} iterations`);
    }
    const data = typeof binding === 'string' ? Buffer.alloc(0) : Buffer.from(binding.data);
    const input = Buffer.concat([Buffer.from(this.#header), data]).toString('base64');
    const withoutProof = `c=${input},r=${combined}`;
    const signed = `${this.#bare},${challenge},${withoutProof}`;

    const salted = await derive(password, Buffer.from(salt, 'base64'), iterations, BYTES[hash], hash);
    const clientKey = hmac(hash, salted, 'Client Key');
    const storedKey = createHash(hash).update(clientKey).digest();
    const signature = hmac(hash, storedKey, signed);
    this.#expected = hmac(hash, hmac(hash, salted, 'Server Key'), signed);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)));
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Only a server that knows the account can sign (§3). Throws `untrusted-server`. */
  verify(last: string | undefined): void {
    const text = /^v=([A-Za-z0-9+/]+={0,2})(?:,.*)?$/s.exec(last ?? '')?.[1] ?? '';
    const signature = Buffer.from(text, 'base64');
    const expected = this.#expected;
    if (expected?.length !== signature.length || !timingSafeEqual(expected, signature)) {
      throw new PrebindError('untrusted-server', 'its SCRAM signature is missing or wrong');
    }
  }
}

function hmac(hash: ScramHash, key: Uint8Array, text: string): Buffer {
  return createHmac(hash, key).update(text).digest();
}

/** RFC 5802 §5.1. */
function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}
