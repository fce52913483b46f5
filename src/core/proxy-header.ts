import { formatIp, mapped, parseIp, unmapped } from './ip.ts';

/** One end of a connection. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

export type ProxyVersion = 'v1' | 'v2';

/** What is found at the beginning of a connection. */
export interface DecodedProxyHeader {
  /** Undefined where the proxy speaks for itself (LOCAL, UNKNOWN): its own address counts. */
  readonly source: Peer | undefined;
  /** How many bytes it took. */
  readonly length: number;
}

/** A connection did not begin with a PROXY header, or with a broken one. */
export class ProxyHeaderError extends Error {}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** PROXY protocol §2.1: the longest line of version 1, its end included. */
const MAX_LINE = 107;
/** Addresses and TLVs of version 2; no proxy sends nearly as much. */
const MAX_BLOCK = 4096;
const HEAD = 16;

/** The header that tells a server whose connection this really is (the PROXY protocol, versions 1 and 2). */
export function encodeProxyHeader(version: ProxyVersion, source: Peer, destination: Peer): Buffer {
  const from = parseIp(source.address);
  const to = parseIp(destination.address);
  if (from === undefined || to === undefined) {
    if (version === 'v1') return Buffer.from('PROXY UNKNOWN\r\n');
    return Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);
  }
  const pair = [unmapped(from), unmapped(to)] as const;
  // Both must be of one family; IPv4 has its form in IPv6.
  const isIpv4 = pair[0].length === 4 && pair[1].length === 4;
  const [a, b] = isIpv4 ? pair : [mapped(pair[0]), mapped(pair[1])];
  if (version === 'v1') {
    const line = `PROXY ${isIpv4 ? 'TCP4' : 'TCP6'} ${formatIp(a)} ${formatIp(b)} ${source.port} ${destination.port}\r\n`;
    return Buffer.from(line);
  }
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const block = Buffer.concat([a, b, ports]);
  return Buffer.concat([SIGNATURE, Buffer.from([0x21, isIpv4 ? 0x11 : 0x21, 0, block.length]), block]);
}

/** Reads the header from the first bytes of a connection; undefined while more are needed. Throws `ProxyHeaderError`. */
export function decodeProxyHeader(bytes: Buffer): DecodedProxyHeader | undefined {
  if (bytes.length === 0) return undefined;
  const start = SIGNATURE.subarray(0, bytes.length);
  if (bytes.subarray(0, SIGNATURE.length).equals(start)) return decodeV2(bytes);
  return decodeV1(bytes);
}

function decodeV1(bytes: Buffer): DecodedProxyHeader | undefined {
  const text = bytes.subarray(0, MAX_LINE).toString('latin1');
  if (!text.startsWith('PROXY '.slice(0, text.length))) throw new ProxyHeaderError('no PROXY header');
  const end = text.indexOf('\r\n');
  if (end < 0) {
    if (text.length >= MAX_LINE) throw new ProxyHeaderError('a PROXY line without end');
    return undefined;
  }
  const length = end + 2;
  const line = text.slice(0, end);
  if (/^PROXY UNKNOWN( |$)/.test(line)) return { source: undefined, length };
  const fields = /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line);
  const [, family = '', from = '', to = '', port = ''] = fields ?? [];
  const size = family === '4' ? 4 : 16;
  const address = parseIp(from);
  if (
    address?.length !== size ||
    parseIp(to)?.length !== size ||
    fields?.slice(4).some((one) => Number(one) > 65_535)
  ) {
    throw new ProxyHeaderError('a malformed PROXY line');
  }
  return { source: { address: formatIp(unmapped(address)), port: Number(port) }, length };
}

function decodeV2(bytes: Buffer): DecodedProxyHeader | undefined {
  if (bytes.length < HEAD) return undefined;
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const size = bytes.readUInt16BE(14);
  if (command >> 4 !== 2 || (command & 15) > 1) throw new ProxyHeaderError('an unknown PROXY version or command');
  if (size > MAX_BLOCK) throw new ProxyHeaderError('a PROXY header that is too long');
  if (bytes.length < HEAD + size) return undefined;
  const length = HEAD + size;
  const wide = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  // LOCAL is a proxy's health check; of UNIX and UDP there is nothing to say.
  if ((command & 15) === 0 || wide === 0) return { source: undefined, length };
  if (size < 2 * wide + 4) throw new ProxyHeaderError('a PROXY header without its addresses');
  const block = bytes.subarray(HEAD, length);
  const address = formatIp(unmapped(block.subarray(0, wide)));
  return { source: { address, port: block.readUInt16BE(2 * wide) }, length };
}
