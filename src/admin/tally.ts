import type { EventEmitter } from 'node:events';
import type { Clock } from '../core/clock.ts';
import type { GatewayEvents, SessionView, StreamView } from '../core/events.ts';

/** How many there are, and were since the start. */
export interface Count {
  readonly now: number;
  readonly total: number;
}

type Transport = SessionView['transport'];
type Counts = Readonly<Record<'sessions' | 'streams', Count>>;

export interface TallyView {
  readonly uptimeSeconds: number;
  readonly byTransport: Readonly<Record<Transport, Counts>>;
}

class Counter implements Count {
  now = 0;
  total = 0;

  begin(): void {
    this.now++;
    this.total++;
  }
}

const counters = () => ({ sessions: new Counter(), streams: new Counter() });

/** Counts sessions and streams by what is told of them. */
export class Tally {
  readonly #clock: Clock;
  readonly #since: number;
  readonly #counts = { bosh: counters(), websocket: counters() };
  /** Streams that are open, by session. */
  readonly #streams = new Map<string, number>();

  constructor(events: EventEmitter<GatewayEvents>, clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
    events.on('stream-add', (stream) => this.#add(stream));
    events.on('stream-terminate', (stream) => this.#terminate(stream));
  }

  #add({ session: { id, transport } }: StreamView): void {
    const open = this.#streams.get(id) ?? 0;
    const { sessions, streams } = this.#counts[transport];
    if (open === 0) sessions.begin();
    streams.begin();
    this.#streams.set(id, open + 1);
  }

  #terminate({ session: { id, transport } }: StreamView): void {
    const open = this.#streams.get(id) ?? 0;
    const { sessions, streams } = this.#counts[transport];
    streams.now--;
    if (open > 1) this.#streams.set(id, open - 1);
    else if (this.#streams.delete(id)) sessions.now--;
  }

  view(): TallyView {
    return { uptimeSeconds: (this.#clock.now() - this.#since) / 1000, byTransport: this.#counts };
  }
}
