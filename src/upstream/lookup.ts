import type { Resolver } from 'node:dns/promises';
import type { SrvRecord } from 'node:dns';
import { GatewayError, reasonOf } from '../core/errors.ts';
import type { Lookup, StreamRequest, Target } from '../core/ports.ts';
import { isLoopback, isNamedRoute } from './policy.ts';

/** What the configuration fixes for one domain. */
export interface Endpoint {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly tls?: Target['tls'] | undefined;
  /** PEM certificates to trust instead of the public ones. */
  readonly ca?: string | undefined;
}

const XMPP_PORT = 5222;

/**
 * Where to connect for a domain: its fixed endpoint, else SRV records by priority and weight (RFC 6120 §3.2.1, RFC 2782),
 * else the domain itself. `localhost` is this machine.
 */
export class DomainLookup implements Lookup {
  readonly #endpoints: Readonly<Record<string, Endpoint>>;
  readonly #routes: readonly string[];
  readonly #resolver: Resolver;

  constructor(endpoints: Readonly<Record<string, Endpoint>>, routes: readonly string[], resolver: Resolver) {
    this.#endpoints = endpoints;
    this.#routes = routes;
    this.#resolver = resolver;
  }

  async *targets({ to: domain, route }: StreamRequest, signal: AbortSignal): AsyncIterable<Target> {
    const endpoint = Object.hasOwn(this.#endpoints, domain) ? this.#endpoints[domain] : undefined;
    // Where no routes are allowed, `route` is ignored (BOSH-SESSION-12). It never changes whose certificate is expected.
    if (route !== undefined && this.#routes.length > 0) {
      const tls = endpoint?.tls ?? (isLoopback(route.host) ? 'optional' : 'starttls');
      yield { ...route, tls, trusted: isNamedRoute(route, this.#routes) };
      return;
    }
    const host = endpoint?.host ?? (domain === 'localhost' ? '127.0.0.1' : undefined);
    if (host !== undefined) {
      const tls = endpoint?.tls ?? (isLoopback(host) ? 'optional' : 'starttls');
      yield { host, port: endpoint?.port ?? XMPP_PORT, tls, trusted: true };
      return;
    }
    const tls = endpoint?.tls ?? 'starttls';
    const records = await this.#srv(domain);
    if (signal.aborted) return;
    if (records === undefined) {
      yield { host: domain, port: endpoint?.port ?? XMPP_PORT, tls, trusted: false };
      return;
    }
    for (const { name, port } of records) yield { host: name, port, tls, trusted: false };
  }

  /** Undefined where there are no records: then the domain itself is the target (RFC 6120 §3.2.2). */
  async #srv(domain: string): Promise<SrvRecord[] | undefined> {
    let records: SrvRecord[];
    try {
      records = await this.#resolver.resolveSrv(`_xmpp-client._tcp.${domain}`);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'ENOTFOUND' || code === 'ENODATA') return undefined;
      throw new GatewayError('upstream-unreachable', `SRV lookup of ${domain} failed: ${reasonOf(error)}`);
    }
    // A lone "." says that the service is not offered (RFC 2782).
    const usable = records.filter(({ name, port }) => name !== '' && name !== '.' && port > 0);
    if (usable.length === 0)
      throw new GatewayError('upstream-unreachable', `${domain} offers no XMPP for clients (SRV ".")`);
    return orderSrv(usable, Math.random);
  }
}

/** RFC 2782: lower priority first; within one, by chance in proportion to the weights. */
export function orderSrv(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  while (left.length > 0) {
    const same = left.filter(({ priority }) => priority === left[0]?.priority);
    let pick = random() * same.reduce((sum, { weight }) => sum + weight, 0);
    const chosen = same.find(({ weight }) => (pick -= weight) <= 0) ?? (same[0] as SrvRecord);
    left.splice(left.indexOf(chosen), 1);
    ordered.push(chosen);
  }
  return ordered;
}
