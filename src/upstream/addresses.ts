import { Networks, parseIp } from '../core/ip.ts';

/**
 * Networks that no public XMPP server lies in: the special-purpose registries of RFC 6890, and all of IPv6 that embeds an IPv4
 * address (compatible, NAT64, Teredo, 6to4), of which nobody can say here where it leads.
 */
const SPECIAL = new Networks([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  '::/96', // unspecified, loopback, IPv4-compatible
  ...['::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48'],
  ...['100::/64', '100:0:0:1::/64'],
  '2001::/23', // Teredo, ORCHID, benchmarking and other assignments
  ...['2001:db8::/32', '2002::/16', '3fff::/20', '5f00::/16'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
]);

/** True for private, loopback, link-local and other special addresses, IPv4-mapped ones included, and for what is no address. */
export function isSpecialAddress(address: string): boolean {
  return parseIp(address) === undefined || SPECIAL.has(address);
}

/** True where the connection does not leave this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
