import { lookup as systemLookup } from 'node:dns/promises';
import type { Resolver } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { GatewayError, reasonOf } from '../core/errors.ts';
import type { Target } from '../core/ports.ts';
import { isSpecialAddress } from './policy.ts';

interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Time for one address before the next is tried beside it (RFC 8305); set, because its default differs between Node lines. */
const ATTEMPT_MS = 250;

/**
 * Connects to one target. Its addresses are resolved once, checked, and only those are connected to: what DNS says later
 * changes nothing (no rebinding). Throws `upstream-refused` before anything is sent, or `upstream-unreachable`.
 */
export async function dial(target: Target, resolver: Resolver, signal: AbortSignal): Promise<Socket> {
  const where = `${target.host}:${target.port}`;
  const found = await addressesOf(target, resolver);
  const addresses = target.trusted ? found : found.filter(({ address }) => !isSpecialAddress(address));
  if (addresses.length === 0) {
    throw new GatewayError(
      'upstream-refused',
      `${where} resolves to special addresses only (${found[0]?.address ?? 'none'})`,
    );
  }
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
      ...(isIP(target.host) === 0 && {
        lookup: (_host, _options, done: (error: null, addresses: Address[]) => void) => done(null, addresses),
      }),
    });
    const abort = (): void => {
      socket.destroy();
      reject(new GatewayError('upstream-timeout', `${where} did not accept a connection in time`));
    };
    const settle = (): void => {
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners('error');
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
    socket.once('error', (error) => {
      settle();
      socket.destroy();
      reject(new GatewayError('upstream-unreachable', `${where}: ${reasonOf(error)}`, { cause: error }));
    });
  });
}

async function addressesOf({ host, trusted }: Target, resolver: Resolver): Promise<Address[]> {
  const literal = isIP(host);
  if (literal !== 0) return [{ address: host, family: literal as 4 | 6 }];
  try {
    // A name that the operator wrote may stand in /etc/hosts; a stranger's must come from DNS.
    if (trusted) return (await systemLookup(host, { all: true })) as Address[];
    const [v6, v4] = await Promise.allSettled([resolver.resolve6(host), resolver.resolve4(host)]);
    const addresses = [
      ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 as const })) : []),
      ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 as const })) : []),
    ];
    if (addresses.length === 0) throw (v4 as PromiseRejectedResult).reason ?? new Error('no address');
    return addresses;
  } catch (error) {
    throw new GatewayError('upstream-unreachable', `${host} has no address: ${reasonOf(error)}`, { cause: error });
  }
}
