import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { securityOf } from '../http/client-address.ts';
import { PrebindError } from './errors.ts';

/** A site's backend that may ask for sessions. */
export interface CallerSettings {
  /** SHA-256 of its bearer key, in hex. */
  readonly keyHash?: string | undefined;
  /** SHA-256 fingerprint of its TLS certificate, in hex. */
  readonly certificate?: string | undefined;
  /** Where it may open sessions. */
  readonly domains: readonly string[];
}

export interface Caller {
  readonly name: string;
  readonly domains: readonly string[];
}

/** Knows callers by their keys and certificates; the keys themselves are not known here. */
export class Callers {
  readonly #callers: readonly (Caller & { readonly hash: Buffer | undefined; readonly print: string | undefined })[];

  constructor(callers: Readonly<Record<string, CallerSettings>>) {
    this.#callers = Object.entries(callers).map(([name, { keyHash, certificate, domains }]) => ({
      name,
      domains,
      hash: keyHash === undefined ? undefined : Buffer.from(keyHash, 'hex'),
      print: certificate?.replaceAll(':', '').toLowerCase(),
    }));
  }

  get isEmpty(): boolean {
    return this.#callers.length === 0;
  }

  /** Who sends a request. Throws `unauthorized`. */
  identify(request: IncomingMessage): Caller {
    const caller = this.#byKey(request.headers.authorization) ?? this.#byCertificate(request);
    if (caller === undefined) throw new PrebindError('unauthorized');
    return caller;
  }

  /** Each key is compared, so that the time tells nothing. */
  #byKey(authorization: string | undefined): Caller | undefined {
    const key = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1];
    if (key === undefined) return undefined;
    const given = createHash('sha256').update(key).digest();
    return this.#callers.filter(({ hash }) => hash !== undefined && timingSafeEqual(hash, given)).at(0);
  }

  /** Whoever shows it in a handshake has its key; that it is of `tlsClientCa`, and in time, is checked beside that. */
  #byCertificate(request: IncomingMessage): Caller | undefined {
    const { authorized } = request.socket as { authorized?: boolean };
    const print = securityOf(request).certificate?.replaceAll(':', '').toLowerCase();
    if (print === undefined || authorized !== true) return undefined;
    return this.#callers.find((caller) => caller.print === print);
  }
}
