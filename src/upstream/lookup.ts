import type { SrvRecord } from 'node:dns';
import { GatewayError, reasonOf } from '../core/errors.ts';
import type { Lookup, StreamRequest, Target } from '../core/ports.ts';
import type { ProxyVersion } from '../core/proxy-header.ts';
import { isLoopback } from './addresses.ts';
import type { Dns } from './dns.ts';
import { isNamedRoute } from './policy.ts';
import { orderServices } from './srv.ts';

/** What the configuration fixes for a domain. PEM texts are texts here, not file names. */
export interface Endpoint {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly tls?: Target['tls'] | undefined;
  /** Certificates to trust instead of the public ones. */
  readonly ca?: string | undefined;
  /** SHA-256 of the certificates of which the server must have one; then nothing else about it counts. */
  readonly fingerprints?: readonly string[] | undefined;
  /** What the gateway shows of itself, where the server asks for a certificate. */
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  /** The server is told the client's address by this version of the PROXY protocol. */
  readonly proxyProtocol?: ProxyVersion | undefined;
}

export interface EndpointSettings {
  readonly domains: Readonly<Record<string, Endpoint>>;
  readonly defaultEndpoint?: Endpoint | undefined;
}

/** What is fixed for a domain. One that names no host of its own goes where the default goes. */
export function endpointOf(domain: string, { domains, defaultEndpoint }: EndpointSettings): Endpoint {
  const own = Object.hasOwn(domains, domain) ? domains[domain] : undefined;
  return own?.host === undefined ? { ...defaultEndpoint, ...own } : own;
}

const XMPP_PORT = 5222;

/**
 * Where to connect for a domain: its fixed endpoint, else SRV records (RFC 6120 §3.2.1, XEP-0368), else the domain itself.
 * `localhost` is this machine.
 */
export class DomainLookup implements Lookup {
  readonly #settings: EndpointSettings;
  readonly #routes: readonly string[];
  readonly #dns: Dns;

  constructor(settings: EndpointSettings, routes: readonly string[], dns: Dns) {
    this.#settings = settings;
    this.#routes = routes;
    this.#dns = dns;
  }

  async *targets({ to: domain, route }: StreamRequest, signal: AbortSignal): AsyncIterable<Target> {
    const endpoint = endpointOf(domain, this.#settings);
    // Where no routes are allowed, `route` is ignored (BOSH-SESSION-12). It never changes whose certificate is expected.
    if (route !== undefined && this.#routes.length > 0) {
      const tls = endpoint.tls ?? (isLoopback(route.host) ? 'optional' : 'starttls');
      yield { ...route, tls, trusted: isNamedRoute(route, this.#routes) };
      return;
    }
    const host = endpoint.host ?? (domain === 'localhost' ? '127.0.0.1' : undefined);
    if (host !== undefined) {
      const tls = endpoint.tls ?? (isLoopback(host) ? 'optional' : 'starttls');
      yield { host, port: endpoint.port ?? XMPP_PORT, tls, trusted: true };
      return;
    }
    const { tls } = endpoint;
    const { direct, starttls } = await this.#records(domain);
    if (signal.aborted) return;
    if (direct.length + starttls.length === 0) {
      yield { host: domain, port: endpoint.port ?? XMPP_PORT, tls: tls ?? 'starttls', trusted: false };
      return;
    }
    // What the operator says of TLS rules out the records that say another thing.
    const services = orderServices(
      tls === undefined || tls === 'direct' ? direct : [],
      tls === 'direct' ? [] : starttls,
    );
    if (services.length === 0) {
      throw new GatewayError('upstream-unreachable', `${domain} offers no XMPP for clients (no SRV record to follow)`);
    }
    for (const { name, port, direct: isDirect } of services) {
      yield { host: name, port, tls: isDirect ? 'direct' : (tls ?? 'starttls'), trusted: false };
    }
  }

  /** Throws where DNS fails: that is not the same as no records (RFC 6120 §3.2.1). */
  async #records(domain: string): Promise<{ direct: readonly SrvRecord[]; starttls: readonly SrvRecord[] }> {
    const [direct, starttls] = await Promise.allSettled([
      this.#dns.srv(`_xmpps-client._tcp.${domain}`),
      this.#dns.srv(`_xmpp-client._tcp.${domain}`),
    ]);
    // Direct TLS is an addition: without its records there is the other way, which is verified as well.
    const known = direct.status === 'fulfilled' ? direct.value : [];
    if (starttls.status === 'fulfilled') return { direct: known, starttls: starttls.value };
    if (known.length > 0) return { direct: known, starttls: [] };
    const detail = `SRV lookup of ${domain} failed: ${reasonOf(starttls.reason)}`;
    throw new GatewayError('upstream-unreachable', detail, { cause: starttls.reason });
  }
}
