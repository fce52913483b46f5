/** The bytes of an IP address, 4 or 16; undefined for what is none. A zone (`%eth0`) is left out. */
export function parseIp(text: string): Uint8Array | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return parseIpv4(text);
  const [bare = ''] = text.split('%', 1);
  const halves = bare.split('::');
  if (halves.length > 2 || !bare.includes(':')) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  // `::` stands for one group at least (RFC 4291 §2.2).
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return Uint8Array.from([...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])]);
}

/** A leading zero may mean octal elsewhere, so it means nothing here. */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  const isSound = parts.every((part) => Number(part) <= 255 && (part === '0' || !part.startsWith('0')));
  return isSound ? Uint8Array.from(parts, Number) : undefined;
}

/** The bytes of groups between colons, of which the last may be an IPv4 address. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else {
      const ipv4 = index === groups.length - 1 && group.includes('.') ? parseIpv4(group) : undefined;
      if (ipv4?.length !== 4) return undefined;
      bytes.push(...ipv4);
    }
  }
  return bytes.length > 16 ? undefined : bytes;
}

/** An address as text: dotted, or in groups without any shortening. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

/** An IPv4-mapped IPv6 address as the IPv4 address that it means (RFC 4291 §2.5.5.2); others as they are. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 && MAPPED.every((byte, i) => bytes[i] === byte) ? bytes.subarray(12) : bytes;
}

/** An IPv4 address in IPv6's form; others as they are. */
export function mapped(bytes: Uint8Array): Uint8Array {
  return bytes.length === 4 ? Uint8Array.from([...MAPPED, ...bytes]) : bytes;
}

interface Network {
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** `10.0.0.0/8`, or one address. Undefined for what is neither. */
function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const bytes = parseIp(address);
  if (bytes === undefined || rest.length > 0 || address.includes('%')) return undefined;
  if (length === undefined) return { bytes, prefix: bytes.length * 8 };
  if (!/^\d{1,3}$/.test(length) || Number(length) > bytes.length * 8) return undefined;
  return { bytes, prefix: Number(length) };
}

export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

/** A set of addresses, given as networks and single ones. Mapped addresses count as the IPv4 addresses that they mean. */
export class Networks {
  readonly #networks: readonly Network[];

  constructor(networks: readonly string[]) {
    this.#networks = networks.map((text) => {
      const network = parseNetwork(text);
      if (network === undefined) throw new RangeError(`no network: ${text}`);
      return network;
    });
  }

  has(address: string): boolean {
    // Asked for each request, and mostly empty.
    if (this.#networks.length === 0) return false;
    const parsed = parseIp(address);
    if (parsed === undefined) return false;
    const bytes = unmapped(parsed);
    return this.#networks.some((network) => contains(network, bytes));
  }
}

function contains({ bytes, prefix }: Network, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  const whole = prefix >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false;
  const mask = 0xff00 >> (prefix & 7);
  return ((bytes[whole] ?? 0) & mask & 255) === ((address[whole] ?? 0) & mask & 255);
}
