import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';

/** The server's side of SCRAM (RFC 5802, RFC 7677) without channel binding: texts in, texts out, no state, no chance. */
export type ScramHash = 'sha1' | 'sha256';

/** What a server keeps of a password (RFC 5802 §3). */
export interface ScramCredentials {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export class ScramError extends Error {
  /** RFC 6120 §6.5. */
  readonly condition: 'malformed-request' | 'not-authorized';
  constructor(condition: ScramError['condition'], message: string) {
    super(message);
    this.name = 'ScramError';
    this.condition = condition;
  }
}

const DIGEST_BYTES = { sha1: 20, sha256: 32 } as const;

export function deriveCredentials(
  hash: ScramHash,
  password: string,
  salt: Uint8Array,
  iterations: number,
): ScramCredentials {
  // SASLprep (RFC 4013) is NFKC plus tables of forbidden characters; for demo passwords NFKC is all of it.
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, DIGEST_BYTES[hash], hash);
  const clientKey = createHmac(hash, salted).update('Client Key').digest();
  return {
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, salted).update('Server Key').digest(),
  };
}

/** client-first-message, taken apart (RFC 5802 §7). */
export interface ClientFirst {
  readonly gs2Header: string;
  readonly authzid: string;
  readonly name: string;
  readonly nonce: string;
  /** client-first-message-bare */
  readonly bare: string;
}

const NONCE = /^[\x21-\x2b\x2d-\x7e]{1,1024}$/;

export function parseClientFirst(message: string): ClientFirst {
  // "y" is a client that would bind to a channel, but saw no -PLUS offered: true, so it goes on (RFC 5802 §6).
  const match = /^((?:n|y),(?:a=([^,]+))?,)(n=([^,]*),r=([^,]*).*)$/s.exec(message);
  if (match === null) throw new ScramError('malformed-request', 'not a client-first-message without channel binding');
  const [, gs2Header = '', authzid = '', bare = '', name = '', nonce = ''] = match;
  if (name === '' || !NONCE.test(nonce)) throw new ScramError('malformed-request', 'no user name or no nonce');
  return { gs2Header, authzid: decodeName(authzid), name: decodeName(name), nonce, bare };
}

/** "=2C" is a comma and "=3D" an equals sign; no other "=" may stand in a name (RFC 5802 §5.1). */
function decodeName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw new ScramError('malformed-request', 'bad escape in a name');
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

export function serverFirst(first: ClientFirst, credentials: ScramCredentials, serverNonce: string): string {
  const salt = Buffer.from(credentials.salt).toString('base64');
  return `r=${first.nonce}${serverNonce},s=${salt},i=${credentials.iterations}`;
}

/** Checks nonce, channel binding and proof; returns the server-final-message. Throws `ScramError`. */
export function finish(
  hash: ScramHash,
  first: ClientFirst,
  challenge: string,
  credentials: ScramCredentials,
  clientFinal: string,
): string {
  const match = /^(c=([^,]*),r=([^,]*)(?:,.*)?),p=([^,]*)$/s.exec(clientFinal);
  if (match === null) throw new ScramError('malformed-request', 'not a client-final-message');
  const [, withoutProof = '', binding = '', nonce = '', proofText = ''] = match;
  // The header that was sent must be the one that is signed, or someone changed it on the way (RFC 5802 §6).
  if (binding !== Buffer.from(first.gs2Header).toString('base64')) {
    throw new ScramError('not-authorized', 'the channel binding data differs');
  }
  if (!challenge.startsWith(`r=${nonce},`)) throw new ScramError('not-authorized', 'the nonce differs');

  const authMessage = `${first.bare},${challenge},${withoutProof}`;
  const proof = Buffer.from(proofText, 'base64');
  const signature = createHmac(hash, credentials.storedKey).update(authMessage).digest();
  if (proof.length !== signature.length) throw new ScramError('not-authorized', 'the proof has a wrong length');
  const clientKey = Buffer.from(proof.map((byte, index) => byte ^ (signature[index] as number)));
  if (!timingSafeEqual(createHash(hash).update(clientKey).digest(), credentials.storedKey)) {
    throw new ScramError('not-authorized', 'the proof is wrong');
  }
  return `v=${createHmac(hash, credentials.serverKey).update(authMessage).digest('base64')}`;
}
