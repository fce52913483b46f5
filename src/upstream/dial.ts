import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import { GatewayError, reasonOf } from '../core/errors.ts';
import type { Address } from './dns.ts';
import { connectTo } from './incoming.ts';

/** Time for one address before the next is tried beside it (RFC 8305 §5). */
const BESIDE_MS = 250;
/** Of more addresses than that the others are not tried. */
const MAX_ADDRESSES = 8;
/** An idle connection is probed after this: a server that vanished is noticed soon after (UP-KA-04). */
const PROBE_AFTER_MS = 30_000;

export interface DialOptions {
  readonly port: number;
  /** Time for one address. */
  readonly attemptMs: number;
}

/** IPv6 and IPv4 in turn, IPv6 first (RFC 8305 §4). */
export function interleave(addresses: readonly Address[]): readonly Address[] {
  if (addresses.length < 2) return addresses;
  const six = addresses.filter(({ family }) => family === 6);
  const four = addresses.filter(({ family }) => family === 4);
  return Array.from({ length: Math.max(six.length, four.length) }, (_, i) => [six[i], four[i]])
    .flat()
    .filter((address) => address !== undefined);
}

/**
 * Connects to one of the addresses, whichever answers first: a dead one costs a moment, not a time-out. They were checked, and
 * nothing else is connected to: what DNS says later changes nothing (no rebinding). Throws `upstream-unreachable`.
 */
export function dial(
  addresses: readonly Address[],
  { port, attemptMs }: DialOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = interleave(addresses).slice(0, MAX_ADDRESSES);
    const attempts = new Map<Socket, Timer>();
    const failures: string[] = [];
    const beside = clock.after(BESIDE_MS, attempt);

    function finish(winner?: Socket): void {
      signal.removeEventListener('abort', abort);
      beside.cancel();
      for (const [socket, timer] of attempts) {
        timer.cancel();
        if (socket !== winner) socket.destroy();
      }
      attempts.clear();
    }

    function abort(): void {
      finish();
      reject(new GatewayError('upstream-timeout', `port ${port} did not accept a connection in time`));
    }

    function fail(socket: Socket, address: string, why: string): void {
      if (!attempts.has(socket)) return;
      attempts.get(socket)?.cancel();
      attempts.delete(socket);
      socket.destroy();
      failures.push(`${address}: ${why}`);
      if (waiting.length > 0) attempt();
      else if (attempts.size === 0) {
        finish();
        reject(new GatewayError('upstream-unreachable', failures.join(', ')));
      }
    }

    function attempt(): void {
      const next = waiting.shift();
      if (next === undefined) return;
      const { address, family } = next;
      const options = { host: address, port, family, noDelay: true, autoSelectFamily: false };
      const socket = connectTo({ ...options, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS });
      attempts.set(
        socket,
        clock.after(attemptMs, () => fail(socket, address, `no answer in ${attemptMs / 1000} s`)),
      );
      const refused = (error: Error): void => fail(socket, address, whyOf(error));
      socket.on('error', refused);
      socket.once('connect', () => {
        if (!attempts.has(socket)) return;
        finish(socket);
        // All that the attempt was would stay in memory with the connection.
        socket.on('error', ignore).off('error', refused);
        resolve(socket);
      });
      if (waiting.length > 0) beside.restart();
    }

    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    attempt();
  });
}

/** Whoever takes the socket looks for itself. */
function ignore(): void {}

/** `connect ECONNREFUSED 10.0.0.1:5222` in fewer words; the address is said beside it. */
function whyOf(error: Error): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'no way there';
    case 'ETIMEDOUT':
      return 'no answer';
    default:
      return reasonOf(error);
  }
}
