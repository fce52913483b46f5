import { createHash, createHmac, createPublicKey, timingSafeEqual, verify, type KeyObject } from 'node:crypto';
import { PrebindError } from './errors.ts';

/** Who may sign tokens. */
export interface TokenIssuer {
  readonly alg: 'HS256' | 'EdDSA';
  /** HS256: the shared secret, at least 32 bytes. EdDSA: the public key as PEM text. */
  readonly key: string;
  /** The domains whose users its tokens may name. */
  readonly domains: readonly string[];
  /** The `iss` that its tokens must have. */
  readonly issuer?: string | undefined;
}

export interface TokenSettings {
  readonly issuers: Readonly<Record<string, TokenIssuer>>;
  /** The longest time from `iat` to `exp`. */
  readonly maxSeconds: number;
  /** Whether a token may be used again until it expires; otherwise it needs a `jti`, which is good for once. */
  readonly mayRepeat: boolean;
}

/** What a token says, verified. */
export interface TokenClaims {
  /** A JID. */
  readonly sub: string;
  /** Who signed it: its name in the configuration. */
  readonly by: string;
  readonly domains: readonly string[];
}

/** What a token has to say it is for. */
const AUDIENCE = 'sluice';
/** Clocks differ. */
const LEEWAY_SECONDS = 30;
const LONGEST = 4096;
const MOST_REMEMBERED = 100_000;

/** Verifies JSON Web Tokens (RFC 7519), signed with HS256 or Ed25519, and remembers those that were used. */
export class TokenVerifier {
  readonly #settings: TokenSettings;
  readonly #keys: ReadonlyMap<string, KeyObject>;
  /** Seconds since 1970. */
  readonly #now: () => number;
  /** When each used token expires, by the hash of its name; the oldest first. */
  readonly #used = new Map<string, number>();

  constructor(settings: TokenSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
    const issuers = Object.entries(settings.issuers).filter(([, { alg }]) => alg === 'EdDSA');
    this.#keys = new Map(issuers.map(([name, { key }]) => [name, createPublicKey(key)]));
  }

  /** Throws `token-invalid`, `token-expired`, `token-replayed`, or `overload` where too many are in use. */
  verify(token: string): TokenClaims {
    const parts = token.split('.');
    if (token.length > LONGEST || parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
      throw new PrebindError('token-invalid', 'it is no signed JSON Web Token');
    }
    const [head = '', body = '', signature = ''] = parts;
    const by = this.#signerOf(read(head), `${head}.${body}`, Buffer.from(signature, 'base64url'));
    const issuer = this.#settings.issuers[by] as TokenIssuer;
    const claims = read(body);
    const { sub, iss, aud } = claims;
    if (typeof sub !== 'string') throw new PrebindError('token-invalid', 'sub is missing');
    if (issuer.issuer !== undefined && iss !== issuer.issuer) throw new PrebindError('token-invalid', 'iss is another');
    // A token that another service was given must not open chat here.
    if (![aud].flat().includes(AUDIENCE)) throw new PrebindError('token-invalid', `aud is not "${AUDIENCE}"`);
    this.#checkTimes(claims);
    this.#spend(by, claims);
    return { sub, by, domains: issuer.domains };
  }

  /** The algorithm is the configuration's: what the token says of it must agree (RFC 8725 §3.1). */
  #signerOf(header: Readonly<Record<string, unknown>>, signed: string, signature: Buffer): string {
    const { alg, kid, crit } = header;
    if (crit !== undefined) throw new PrebindError('token-invalid', 'crit names what is not known here');
    const candidates = Object.entries(this.#settings.issuers).filter(
      ([name, issuer]) => issuer.alg === alg && (kid === undefined || kid === name),
    );
    const signer = candidates.find(([name, issuer]) => this.#isSignedBy(name, issuer, signed, signature));
    if (signer === undefined) throw new PrebindError('token-invalid', 'nobody who may has signed it');
    return signer[0];
  }

  #isSignedBy(name: string, { alg, key }: TokenIssuer, signed: string, signature: Buffer): boolean {
    if (alg === 'HS256') {
      const expected = createHmac('sha256', key).update(signed).digest();
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    }
    return verify(null, Buffer.from(signed), this.#keys.get(name) as KeyObject, signature);
  }

  #checkTimes({ exp, nbf, iat }: Readonly<Record<string, unknown>>): void {
    const now = this.#now();
    if (typeof exp !== 'number' || typeof iat !== 'number' || (nbf !== undefined && typeof nbf !== 'number')) {
      throw new PrebindError('token-invalid', 'exp and iat must be there, and be numbers');
    }
    if (exp - iat > this.#settings.maxSeconds) throw new PrebindError('token-invalid', 'it lives too long');
    if (now >= exp + LEEWAY_SECONDS) throw new PrebindError('token-expired');
    if (Math.max(iat, nbf ?? iat) > now + LEEWAY_SECONDS) throw new PrebindError('token-expired', 'not valid yet');
  }

  #spend(by: string, { jti, exp }: Readonly<Record<string, unknown>>): void {
    if (this.#settings.mayRepeat) return;
    if (typeof jti !== 'string' || jti === '') throw new PrebindError('token-invalid', 'jti is missing');
    const name = createHash('sha256')
      .update(JSON.stringify([by, jti]))
      .digest('base64');
    const now = this.#now();
    if ((this.#used.get(name) ?? 0) > now) throw new PrebindError('token-replayed');
    if (this.#used.size >= MOST_REMEMBERED) {
      for (const [old, until] of this.#used) if (until <= now) this.#used.delete(old);
      // To forget one that is still good would let it be used again.
      if (this.#used.size >= MOST_REMEMBERED) throw new PrebindError('overload', 'too many tokens are in use');
    }
    this.#used.set(name, (exp as number) + LEEWAY_SECONDS);
  }
}

function read(part: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new PrebindError('token-invalid', 'a part of it is no JSON object');
}
