import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import { TLSSocket, type PeerCertificate } from 'node:tls';

/** On the request itself: a weak map of all requests would be work for the garbage collector. */
const known = Symbol('client address');

interface Noted {
  [known]?: string;
}

/** The listener says once what all others then see, whatever is spoken in the request. */
export function noteClientAddress(request: IncomingMessage & Noted, address: string): void {
  request[known] = address;
}

/** The address that a request came from: the connection's own, or what a trusted proxy says (BOSH-HTTP-15). */
export function clientAddress(request: IncomingMessage & Noted): string {
  return request[known] ?? plainAddress(request.socket.remoteAddress);
}

/** How well a connection is protected: what a session begins with, it keeps (XEP-0124 §19.1). */
export interface Security {
  readonly isSecure: boolean;
  /** SHA-256 of the client's certificate, where it has shown one. */
  readonly certificate: string | undefined;
}

const INSECURE: Security = { isSecure: false, certificate: undefined };

/** Only TLS of the gateway's own counts: no header is believed. */
export function securityOf({ socket }: IncomingMessage): Security {
  if (!(socket instanceof TLSSocket)) return INSECURE;
  // Without a certificate of the client this is an empty object.
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate>;
  return { isSecure: true, certificate: certificate.fingerprint256 };
}

/** True where `later` may go on with what `first` began: encrypted if it was, and with the same certificate (BOSH-SEC-02, -03). */
export function mayContinue(first: Security, later: Security): boolean {
  return (
    (!first.isSecure || later.isSecure) && (first.certificate === undefined || first.certificate === later.certificate)
  );
}

/** IPv4 addresses are written as such, on dual-stack sockets too. */
export function plainAddress(address = ''): string {
  if (!address.startsWith(':')) return address;
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Whom a limit counts: an IPv4 address, or an IPv6 network of 64 bits, of which one client has all addresses. */
export function clientKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const left = head.split(':').filter((group) => group !== '');
  const right = tail.split(':').filter((group) => group !== '');
  const middle = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...middle, ...right].slice(0, 4).join(':');
}

const PRIVATE = new BlockList();
for (const [network, bits] of [
  ...([
    ['127.0.0.0', 8],
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ] as const),
  ...([
    ['169.254.0.0', 16],
    ['100.64.0.0', 10],
  ] as const),
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv6');
}

/** Loopback, private, link-local and carrier addresses: where reverse proxies and container networks are. */
export function isPrivate(address: string): boolean {
  return PRIVATE.check(address.replace(/%.*$/, ''), isIPv6(address) ? 'ipv6' : 'ipv4');
}
