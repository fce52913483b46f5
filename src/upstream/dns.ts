import type { SrvRecord } from 'node:dns';
import { lookup as systemLookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { GatewayError, reasonOf } from '../core/errors.ts';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

export interface DnsSettings {
  /** Name servers to ask instead of the system's. */
  readonly dnsServers: readonly string[];
  /** The longest time that an answer is kept. */
  readonly dnsCacheSeconds: number;
}

/** What a name server says; an empty list where it says that there is nothing. */
interface Answer<T> {
  readonly values: readonly T[];
  readonly seconds: number;
}

/** Names that are remembered at once. */
const MAX_NAMES = 2000;
/** "There is nothing" is believed for a short time only: somebody may just be setting it up. */
const NOTHING_SECONDS = 5;
/** Time for the other family's addresses, when those of one are known (RFC 8305 §3). */
const OTHER_FAMILY_MS = 50;

/** Asks name servers, and remembers what they say for its time (RFC 6120 §13.9.2). Who asks at the same time shares a question. */
export class Dns {
  readonly #resolver = new Resolver({ timeout: 2000, tries: 2 });
  readonly #clock: Clock;
  readonly #maxSeconds: number;
  readonly #known = new Map<string, { readonly answer: Promise<readonly unknown[]>; until: number }>();

  constructor({ dnsServers, dnsCacheSeconds }: DnsSettings, clock: Clock) {
    if (dnsServers.length > 0) this.#resolver.setServers(dnsServers);
    this.#clock = clock;
    this.#maxSeconds = dnsCacheSeconds;
  }

  stop(): void {
    this.#resolver.cancel();
  }

  /** SRV records as they come; none where there are none. Throws what the resolver throws: that is not the same (RFC 6120 §3.2.1). */
  srv(name: string): Promise<readonly SrvRecord[]> {
    // Node does not tell the TTL of SRV records.
    return this.#ask(`SRV ${name}`, async () => ({
      values: await this.#resolver.resolveSrv(name),
      seconds: this.#maxSeconds,
    }));
  }

  /**
   * The addresses of a host. A name that the operator wrote may stand in /etc/hosts; a stranger's must come from DNS.
   * Throws `upstream-unreachable`.
   */
  async addresses(host: string, isTrusted: boolean): Promise<readonly Address[]> {
    const literal = isIP(host);
    if (literal !== 0) return [{ address: host, family: literal as 4 | 6 }];
    try {
      if (isTrusted) return (await systemLookup(host, { all: true })) as Address[];
      const addresses = await this.#bothFamilies(host);
      if (addresses.length === 0) throw new Error('DNS knows none');
      return addresses;
    } catch (error) {
      throw new GatewayError('upstream-unreachable', `${host} has no address: ${reasonOf(error)}`, { cause: error });
    }
  }

  async #bothFamilies(host: string): Promise<readonly Address[]> {
    const families = [this.#family(host, 6), this.#family(host, 4)] as const;
    const found: (readonly Address[])[] = [[], []];
    const all = Promise.allSettled(
      families.map(async (family, index) => {
        found[index] = await family;
      }),
    );
    const some = families.map(async (family) => {
      if ((await family).length === 0) throw new Error('none of this family');
    });
    // A name server that never answers for one family must not cost a login.
    await Promise.any(some).then(
      () => Promise.race([all, this.#after(OTHER_FAMILY_MS)]),
      () => all,
    );
    const addresses = found.flat();
    // Nothing at all may be said by both, or there may be a fault to tell of.
    if (addresses.length === 0) await Promise.all(families);
    return addresses;
  }

  #family(host: string, family: 4 | 6): Promise<readonly Address[]> {
    return this.#ask(`A${family} ${host}`, async () => {
      const options = { ttl: true } as const;
      const records = await (family === 4
        ? this.#resolver.resolve4(host, options)
        : this.#resolver.resolve6(host, options));
      const seconds = Math.min(...records.map(({ ttl }) => ttl));
      return { values: records.map(({ address }) => ({ address, family })), seconds };
    });
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }

  #ask<T>(question: string, ask: () => Promise<Answer<T>>): Promise<readonly T[]> {
    const known = this.#known.get(question);
    if (known !== undefined && known.until > this.#clock.now()) return known.answer as Promise<readonly T[]>;
    // While the answer is not there, everybody waits for the same one.
    const entry = { answer: this.#answer(ask, (seconds) => (entry.until = this.#until(seconds))), until: Infinity };
    entry.answer.catch(() => {
      if (this.#known.get(question) === entry) this.#known.delete(question);
    });
    this.#known.delete(question);
    this.#known.set(question, entry);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_NAMES && oldest !== undefined) this.#known.delete(oldest);
    return entry.answer;
  }

  async #answer<T>(ask: () => Promise<Answer<T>>, keep: (seconds: number) => void): Promise<readonly T[]> {
    try {
      const { values, seconds } = await ask();
      keep(seconds);
      return values;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'ENOTFOUND' && code !== 'ENODATA') throw error;
      keep(NOTHING_SECONDS);
      return [];
    }
  }

  #until(seconds: number): number {
    return this.#clock.now() + 1000 * Math.min(seconds, this.#maxSeconds);
  }
}
