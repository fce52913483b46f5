import { domainPattern, isIpLiteral } from '../core/domain.ts';
import { GatewayError } from '../core/errors.ts';
import { Networks } from '../core/ip.ts';
import type { Route, Target } from '../core/ports.ts';
import { isSpecialAddress } from './addresses.ts';
import type { Address } from './dns.ts';

export interface PolicySettings {
  /** Domains by name, with what is fixed for them. */
  readonly domains: Readonly<Record<string, unknown>>;
  readonly retiredDomains: readonly string[];
  /** Whether domains that are not named are served too. */
  readonly serveOthers: boolean;
  /** Of those that are not named, only these; empty: all. */
  readonly allowDomains: readonly (string | RegExp)[];
  /** Not served, whatever else is said of them. */
  readonly denyDomains: readonly (string | RegExp)[];
  /** Where clients may ask to be connected to: `host:port` or `*.suffix:port`. Empty: `route` is ignored. */
  readonly routes: readonly string[];
  /** Special networks that DNS may lead to all the same. */
  readonly allowAddresses: readonly string[];
  /** Ports that DNS, or a redirect, may lead to. */
  readonly allowPorts: readonly string[];
}

/** Throws `host-unknown` for a route that is not allowed (B-23). */
function checkRoute(route: Route | undefined, routes: readonly string[]): void {
  if (route === undefined || routes.length === 0 || isNamedRoute(route, routes)) return;
  const { host, port } = route;
  const isAllowed = routes.some((allowed) => allowed.startsWith('*') && `${host}:${port}`.endsWith(allowed.slice(1)));
  if (!isAllowed) throw new GatewayError('host-unknown', `the route ${host}:${port} is not allowed`);
}

/** True for a route that the configuration names whole: it is trusted wherever it lies. */
export function isNamedRoute({ host, port }: Route, routes: readonly string[]): boolean {
  return routes.includes(`${host.includes(':') ? `[${host}]` : host}:${port}`);
}

/** Who may be dialled, the same for every front end. It is asked before anything is sent, and again for each address. */
export class Policy {
  readonly #settings: PolicySettings;
  readonly #addresses: Networks;
  readonly #ports: readonly (readonly [first: number, last: number])[];
  readonly #allowed: readonly RegExp[];
  readonly #denied: readonly RegExp[];

  constructor(settings: PolicySettings) {
    this.#settings = settings;
    this.#addresses = new Networks(settings.allowAddresses);
    this.#ports = settings.allowPorts.map((range) => {
      const [first = NaN, last = first] = range.split('-').map(Number);
      return [first, last];
    });
    this.#allowed = settings.allowDomains.flatMap((pattern) => domainPattern(pattern) ?? []);
    this.#denied = settings.denyDomains.flatMap((pattern) => domainPattern(pattern) ?? []);
  }

  /** Throws `host-unknown` or `host-gone` for a domain or a route that is not served (BOSH-SESSION-03). */
  check(domain: string, route: Route | undefined): void {
    const { domains, retiredDomains, serveOthers, routes } = this.#settings;
    if (retiredDomains.includes(domain)) throw new GatewayError('host-gone', domain);
    if (this.#denied.some((rule) => rule.test(domain)))
      throw new GatewayError('host-unknown', `${domain}: denyDomains`);
    if (!Object.hasOwn(domains, domain)) {
      if (!serveOthers) throw new GatewayError('host-unknown', `${domain}: serveOthers is false`);
      // An address is no XMPP domain unless the configuration says so: no DNS query, no connection (B-20).
      if (isIpLiteral(domain)) throw new GatewayError('host-unknown', `${domain}: an address, not a domain`);
      if (this.#allowed.length > 0 && !this.#allowed.some((rule) => rule.test(domain))) {
        throw new GatewayError('host-unknown', `${domain}: not in allowDomains`);
      }
    }
    checkRoute(route, routes);
  }

  /**
   * Throws `upstream-refused` for a port that is none of XMPP's: the gateway greets no mail servers for strangers. A suffix
   * among `routes` names its port itself.
   */
  checkPort({ host, port, trusted }: Target, route: Route | undefined): void {
    if (trusted || (route !== undefined && this.#settings.routes.length > 0)) return;
    if (this.#ports.some(([first, last]) => port >= first && port <= last)) return;
    throw new GatewayError('upstream-refused', `${host}: port ${port} is not among allowPorts`);
  }

  allows(address: string): boolean {
    return !isSpecialAddress(address) || this.#addresses.has(address);
  }

  /** The addresses that may be dialled. Throws `upstream-refused` where there are none (UP-ADDR-01). */
  filter({ host, port, trusted }: Target, found: readonly Address[]): readonly Address[] {
    const addresses = trusted ? found : found.filter(({ address }) => this.allows(address));
    if (addresses.length > 0) return addresses;
    const [first] = found;
    throw new GatewayError('upstream-refused', `${host}:${port} is at a special address (${first?.address ?? 'none'})`);
  }
}
