import type { Clock } from '../core/clock.ts';
import { TokenBucket } from '../core/limits.ts';
import type { Logger } from '../core/ports.ts';
import { clientKey, isPrivate } from './client-address.ts';

/** Limits for each client address; 0 is none. */
export interface ThrottleSettings {
  readonly maxConnectionsPerAddress: number;
  readonly maxSessionsPerAddress: number;
  readonly sessionsPerMinutePerAddress: number;
  readonly unknownSidsPerMinutePerAddress: number;
  readonly limitPrivateAddresses: boolean;
}

/** To be called once, when what was let in is over. */
export type Release = () => void;

/** What is not counted is let in, too. */
export const NOT_COUNTED: Release = () => {};

/** What is going on from one address. */
interface Visitor {
  connections: number;
  sessions: number;
  readonly created: TokenBucket;
  readonly unknown: TokenBucket;
}

/** Addresses that have nothing open are remembered for their rates, the latest ones first. */
const MAX_IDLE = 10_000;
/** Lines in the log: a flood of clients must not become a flood of them. */
const COMPLAINTS = { burst: 5, perSecond: 0.1 };

/** Who may come in at all, by address, before anything is made or dialled for it (BOSH-ERR-14, BOSH-SEC-08). */
export class Throttle {
  readonly #settings: ThrottleSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #complaints: TokenBucket;
  /** With connections or sessions: as many as those at most. */
  readonly #busy = new Map<string, Visitor>();
  /** Without: in the order of their last visit. */
  readonly #idle = new Map<string, Visitor>();

  constructor(settings: ThrottleSettings, clock: Clock, log: Logger) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#complaints = new TokenBucket(COMPLAINTS.burst, COMPLAINTS.perSecond, clock);
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#busy.size + this.#idle.size;
  }

  /** Counts a TCP connection in; undefined where there are too many (H-38). */
  admitConnection(address: string): Release | undefined {
    const { maxConnectionsPerAddress: most } = this.#settings;
    if (most === 0 || this.#isExempt(address)) return NOT_COUNTED;
    const visitor = this.#visitor(address);
    if (visitor.connections >= most) return this.#refuse(address, 'maxConnectionsPerAddress');
    return this.#count(clientKey(address), visitor, 'connections');
  }

  /** Counts a session in; undefined where there are too many, or too many in a short time. */
  admitSession(address: string): Release | undefined {
    const { maxSessionsPerAddress: most, sessionsPerMinutePerAddress: rate } = this.#settings;
    if ((most === 0 && rate === 0) || this.#isExempt(address)) return NOT_COUNTED;
    const visitor = this.#visitor(address);
    if (most > 0 && visitor.sessions >= most) return this.#refuse(address, 'maxSessionsPerAddress');
    if (rate > 0 && !visitor.created.take()) return this.#refuse(address, 'sessionsPerMinutePerAddress');
    return this.#count(clientKey(address), visitor, 'sessions');
  }

  /** A request for a session that is not there; false where there were too many (BOSH-SEC-07). */
  admitUnknownSid(address: string): boolean {
    if (this.#settings.unknownSidsPerMinutePerAddress === 0 || this.#isExempt(address)) return true;
    if (this.#visitor(address).unknown.take()) return true;
    this.#refuse(address, 'unknownSidsPerMinutePerAddress');
    return false;
  }

  #isExempt(address: string): boolean {
    return !this.#settings.limitPrivateAddresses && isPrivate(address);
  }

  #visitor(address: string): Visitor {
    const key = clientKey(address);
    const known = this.#busy.get(key) ?? this.#idle.get(key);
    const visitor = known ?? {
      connections: 0,
      sessions: 0,
      created: this.#perMinute(this.#settings.sessionsPerMinutePerAddress),
      unknown: this.#perMinute(this.#settings.unknownSidsPerMinutePerAddress),
    };
    if (!this.#busy.has(key)) this.#rest(key, visitor);
    return visitor;
  }

  #perMinute(count: number): TokenBucket {
    return new TokenBucket(count, count / 60, this.#clock);
  }

  #count(key: string, visitor: Visitor, what: 'connections' | 'sessions'): Release {
    this.#idle.delete(key);
    this.#busy.set(key, visitor);
    visitor[what]++;
    return () => {
      visitor[what]--;
      if (visitor.connections > 0 || visitor.sessions > 0) return;
      this.#busy.delete(key);
      this.#rest(key, visitor);
    };
  }

  #rest(key: string, visitor: Visitor): void {
    this.#idle.delete(key);
    this.#idle.set(key, visitor);
    if (this.#idle.size <= MAX_IDLE) return;
    const [oldest] = this.#idle.keys();
    if (oldest !== undefined) this.#idle.delete(oldest);
  }

  #refuse(client: string, limit: keyof ThrottleSettings): undefined {
    if (this.#complaints.take()) this.#log.warn({ client, limit }, 'too much from one address');
  }
}
