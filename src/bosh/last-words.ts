import type { Clock } from '../core/clock.ts';

/** What a client was to be told at the end of its session. */
export interface Farewell {
  readonly body: string;
  readonly contentType: string;
  readonly status: number;
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

  keep(sid: string, farewell: Farewell, seconds: number): void {
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
