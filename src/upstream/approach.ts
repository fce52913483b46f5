import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { GatewayError, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import type { Logger, StreamRequest, Target } from '../core/ports.ts';
import { isLoopback } from './addresses.ts';
import { parsePlace } from './redirect.ts';

/** A connection on which a stream can begin. */
export interface Connection {
  readonly socket: Socket;
  readonly target: Target;
  /** TLS is there. */
  readonly isSecured: boolean;
  /** And the certificate is the domain's. */
  readonly isVerified: boolean;
}

/** What the connector does for its streams. */
export interface Dialer {
  targets(request: StreamRequest, signal: AbortSignal): AsyncIterable<Target>;
  dial(target: Target, request: StreamRequest, signal: AbortSignal): Promise<Connection>;
}

/** A server that sends on to another one, which sends on, is followed that often (U-26). */
const MAX_REDIRECTS = 4;

/** Which failure tells most, where several servers failed: the one that got furthest. */
const TELLING: readonly ErrorCode[] = [
  'upstream-tls',
  'upstream-protocol',
  'upstream-lost',
  'upstream-timeout',
  'upstream-refused',
];

/** A target in front of what went wrong with it. */
export function describe({ host, port, tls }: Target): string {
  return `${host}:${port} (${tls === 'direct' ? 'direct TLS' : tls})`;
}

/** The way to a server: each target is tried once, in its order; a redirect puts another one in front. */
export class Approach {
  readonly #request: StreamRequest;
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #targets: AsyncIterator<Target>;
  readonly #abort = new AbortController();
  readonly #seconds: number;
  readonly #giveUpAt: number;
  readonly #failures: { readonly code: ErrorCode; readonly reason: string }[] = [];
  #redirected: Target | undefined;
  #redirects = 0;

  /** `seconds`: for all attempts together, whatever a name server or a host is being waited for (UP-DNS-08). */
  constructor(request: StreamRequest, dialer: Dialer, seconds: number, clock: Clock, log: Logger) {
    this.#request = request;
    this.#dialer = dialer;
    this.#clock = clock;
    this.#log = log;
    this.#seconds = seconds;
    this.#giveUpAt = clock.now() + seconds * 1000;
    this.#targets = dialer.targets(request, this.#abort.signal)[Symbol.asyncIterator]();
  }

  /** The next server that takes the connection. Throws one `GatewayError` for all that failed. */
  async next(): Promise<Connection> {
    const { signal } = this.#abort;
    const left = Math.max(0, this.#giveUpAt - this.#clock.now());
    const deadline = this.#clock.after(left, () => this.stop());
    const stopped = new Promise<never>((_, reject) => {
      const late = (): void => {
        this.#failures.push({ code: 'upstream-timeout', reason: `no connection in ${this.#seconds} s` });
        reject(this.#verdict('upstream-timeout'));
      };
      signal.addEventListener('abort', late, { once: true });
    });
    try {
      return await Promise.race([this.#search(signal), stopped]);
    } finally {
      deadline.cancel();
    }
  }

  async #search(signal: AbortSignal): Promise<Connection> {
    for (;;) {
      const target = await this.#nextTarget();
      if (target === undefined || signal.aborted) throw this.#verdict();
      try {
        return await this.#dialer.dial(target, this.#request, signal);
      } catch (error) {
        this.failed(target, error);
      }
    }
  }

  /** Gives up, for good. */
  stop(): void {
    this.#abort.abort();
  }

  /** That server is of no use; the reason goes into the one that is told at the end. */
  failed(target: Target, error: unknown): void {
    const { host, port } = target;
    const reason = `${describe(target)}: ${reasonOf(error)}`;
    this.#failures.push({ code: codeOf(error), reason });
    this.#log.debug({ domain: this.#request.to, host, port, code: codeOf(error), reason }, 'target failed');
  }

  /**
   * The server at `from` sends the stream to another one (RFC 6120 §4.9.3.19). It says so itself, so what it names is no more
   * trusted than what DNS says, and the certificate there must be the domain's all the same. Throws `upstream-refused`.
   */
  redirect(from: Target, text: string): void {
    const place = parsePlace(text);
    if (place === undefined)
      throw new GatewayError('upstream-refused', `see-other-host "${text.slice(0, 80)}" is no place`);
    if (++this.#redirects > MAX_REDIRECTS)
      throw new GatewayError('upstream-refused', 'too many see-other-host in a row');
    const { host, port = from.port } = place;
    // Clear text that was right for this machine is not for another one.
    const tls = from.tls === 'optional' && !isLoopback(host) ? 'starttls' : from.tls;
    this.#redirected = { host, port, tls, trusted: false };
    this.#log.debug({ domain: this.#request.to, from: from.host, host, port }, 'following see-other-host');
  }

  async #nextTarget(): Promise<Target | undefined> {
    const target = this.#redirected;
    this.#redirected = undefined;
    if (target !== undefined) return target;
    try {
      const { value, done } = await this.#targets.next();
      return done === true ? undefined : value;
    } catch (error) {
      this.#failures.push({ code: codeOf(error), reason: reasonOf(error) });
      return undefined;
    }
  }

  /** All that failed, in one line for the log. */
  #verdict(known?: ErrorCode): GatewayError {
    const codes = this.#failures.map(({ code }) => code);
    const code = known ?? TELLING.find((telling) => codes.includes(telling)) ?? codes.at(-1) ?? 'upstream-unreachable';
    const reasons = [...new Set(this.#failures.map(({ reason }) => reason))];
    return new GatewayError(code, reasons.join('; ') || `there is no server for ${this.#request.to}`);
  }
}
