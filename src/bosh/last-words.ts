import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import { legacyStatus } from './body.ts';
import type { Agreement } from './creation.ts';
import type { Exchange } from './pending.ts';

/** What a client was to be told at the end of its session. */
export interface Farewell {
  readonly body: string;
  readonly contentType: string;
  readonly status: number;
}

/** Legacy clients want HTTP codes for three conditions (XEP-0124 §17.1). */
export function farewellOf(body: string, code: ErrorCode | undefined, { ver, content }: Agreement): Farewell {
  const status = ver === undefined && code !== undefined ? legacyStatus(code) : 200;
  return { body, contentType: content, status };
}

export function bid(exchange: Exchange, { body, contentType, status }: Farewell): void {
  exchange.answer(body, contentType, status);
}

const MOST = 10_000;
const MOST_CHARACTERS = 4096;

/**
 * The ends of sessions that did not reach their clients: whoever asks once more within the time is told again (BOSH-ERR-15).
 * After that, and for all others, the sid is unknown (BOSH-TERM-04).
 */
export class LastWords {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly farewell: Farewell; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Tells it, and keeps it for so long where that does not reach the client. */
  say(sid: string, farewell: Farewell, seconds: number, exchange: Exchange | undefined): void {
    const onLost = (): void => this.#keep(sid, farewell, seconds);
    if (exchange === undefined) {
      onLost();
      return;
    }
    exchange.tellLoss({ onLost });
    bid(exchange, farewell);
  }

  #keep(sid: string, farewell: Farewell, seconds: number): void {
    if (farewell.body.length > MOST_CHARACTERS) return;
    const now = this.#clock.now();
    for (const [old, { until }] of this.#kept) {
      if (until > now && this.#kept.size < MOST) break;
      this.#kept.delete(old);
    }
    this.#kept.set(sid, { farewell, until: now + seconds * 1000 });
  }

  of(sid: string): Farewell | undefined {
    const kept = this.#kept.get(sid);
    return kept !== undefined && kept.until > this.#clock.now() ? kept.farewell : undefined;
  }
}
