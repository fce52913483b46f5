import type { Clock } from '../core/clock.ts';
import { TokenBucket } from '../core/limits.ts';

export interface ActivitySettings {
  /** The shortest time between empty requests that is asked of clients; 0 asks for none. */
  readonly pollingSeconds: number;
  /** `rate`: a burst is let pass, then the rate counts. `literal`: each single case of XEP-0124 §11 and §12 counts. */
  readonly overactivity: 'rate' | 'literal';
}

/** Empty requests that no client needs, but a reloading or impatient one makes; then the advertised rate counts. */
const POLLING = { burst: 25 };

/** Where requests are held, one that comes too early only releases the one before: a storm is refused, nothing less. */
const HOLDING = { burst: 1000, perSecond: 50 };

/** Repeats of requests: more than any client's retries, fewer than a storm (BOSH-BRK-09). */
const REPEATS = { burst: 30, perSecond: 1 };

/** In the client's favour, for what the network did to the times (BOSH-POLL-04). */
const TOLERANCE_MS = 100;

/** Tells a client that asks too often from one that just asks (XEP-0124 §11, §12). */
export class Activity {
  readonly #settings: ActivitySettings;
  readonly #isPolling: boolean;
  readonly #clock: Clock;
  #bucket: TokenBucket | undefined;
  #repeats: TokenBucket | undefined;
  #lastRequest = -Infinity;
  #lastWasEmpty = false;
  #lastAnswerWasEmpty = false;

  constructor(settings: ActivitySettings, isPolling: boolean, clock: Clock) {
    this.#settings = settings;
    this.#isPolling = isPolling;
    this.#clock = clock;
  }

  /** A new request, in rid order; repeats do not count. False where the client is overactive. */
  request(isEmpty: boolean, fillsWindow: boolean): boolean {
    const now = this.#clock.now();
    const isSoon = now - this.#lastRequest < this.#settings.pollingSeconds * 1000 - TOLERANCE_MS;
    const isPointless = isEmpty && this.#lastWasEmpty && this.#lastAnswerWasEmpty;
    const isTooMany = isEmpty && fillsWindow;
    this.#lastRequest = now;
    this.#lastWasEmpty = isEmpty;
    if (this.#settings.pollingSeconds === 0 || !isSoon) return true;
    if (!(this.#isPolling ? isPointless : isTooMany)) return true;
    return this.#settings.overactivity === 'rate' && this.#takeToken();
  }

  /** Of a bucket that most clients never need. */
  #takeToken(): boolean {
    const perSecond = 1 / Math.max(this.#settings.pollingSeconds, 1e-3);
    const { burst } = this.#isPolling ? POLLING : HOLDING;
    this.#bucket ??= new TokenBucket(burst, this.#isPolling ? perSecond : HOLDING.perSecond, this.#clock);
    return this.#bucket.take();
  }

  /** A request came again. False where it does too often. */
  repeat(): boolean {
    this.#repeats ??= new TokenBucket(REPEATS.burst, REPEATS.perSecond, this.#clock);
    return this.#repeats.take();
  }

  answered(withPayload: boolean): void {
    this.#lastAnswerWasEmpty = !withPayload;
  }
}
