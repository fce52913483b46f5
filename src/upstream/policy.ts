import { BlockList, isIP } from 'node:net';
import { isIpLiteral } from '../core/domain.ts';
import { GatewayError } from '../core/errors.ts';
import type { Route } from '../core/ports.ts';

export interface PolicySettings {
  /** Domains by name, with what is fixed for them. */
  readonly domains: Readonly<Record<string, unknown>>;
  readonly retiredDomains: readonly string[];
  /** Whether domains that are not named are served too. */
  readonly serveOthers: boolean;
  /** Where clients may ask to be connected to: `host:port` or `*.suffix:port`. Empty: `route` is ignored. */
  readonly routes: readonly string[];
}

/** Throws `host-unknown` or `host-gone` for a domain that is not served (BOSH-SESSION-03). */
export function checkServed(domain: string, settings: PolicySettings): void {
  if (settings.retiredDomains.includes(domain)) throw new GatewayError('host-gone', domain);
  if (Object.hasOwn(settings.domains, domain)) return;
  // An address is no XMPP domain unless the configuration says so: no DNS query, no connection (B-20).
  if (!settings.serveOthers || isIpLiteral(domain)) throw new GatewayError('host-unknown', domain);
}

/** Throws `host-unknown` for a route that is not allowed (B-23). */
export function checkRoute(route: Route | undefined, routes: readonly string[]): void {
  if (route === undefined || routes.length === 0 || isNamedRoute(route, routes)) return;
  const { host, port } = route;
  const isAllowed = routes.some((allowed) => allowed.startsWith('*') && `${host}:${port}`.endsWith(allowed.slice(1)));
  if (!isAllowed) throw new GatewayError('host-unknown', `the route ${host}:${port} is not allowed`);
}

/** True for a route that the configuration names whole: it is trusted wherever it lies. */
export function isNamedRoute({ host, port }: Route, routes: readonly string[]): boolean {
  return routes.includes(`${host.includes(':') ? `[${host}]` : host}:${port}`);
}

/** Networks that no public XMPP server lies in: RFC 6890's special ranges, and all that embeds an IPv4 address. */
const special = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  special.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 96], // unspecified, loopback, IPv4-compatible
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23], // Teredo, ORCHID and other assignments
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  special.addSubnet(net, prefix, 'ipv6');
}

/** True for private, loopback, link-local and other special addresses, IPv4-mapped ones included. */
export function isSpecialAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || special.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** True where the connection does not leave this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
