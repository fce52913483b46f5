/** Something that waits in a `TimerQueue`. */
export interface Queued {
  /** Its place there; -1 where it does not wait. For the queue alone. */
  place: number;
}

/** What waits for its time, the soonest first: a binary heap, with room for whoever has a place in it and for the times alone. */
export class TimerQueue<Waiting extends Queued> {
  readonly #waiting: Waiting[] = [];
  readonly #times: number[] = [];

  /** When the soonest is due; Infinity where nothing waits. */
  get soonest(): number {
    return this.#times[0] ?? Infinity;
  }

  /** Waits until `at` from now on, whether it did before or not. */
  set(waiting: Waiting, at: number): void {
    if (waiting.place < 0) this.#rise(this.#waiting.length, waiting, at);
    else this.#put(waiting.place, waiting, at);
  }

  /** Waits no more, if it did. */
  remove(waiting: Waiting): void {
    const { place } = waiting;
    if (place < 0) return;
    waiting.place = -1;
    const last = this.#waiting.pop() as Waiting;
    const at = this.#times.pop() as number;
    if (last !== waiting) this.#put(place, last, at);
  }

  /** Takes out the soonest, if it is due by then. */
  due(now: number): Waiting | undefined {
    if (this.soonest > now) return undefined;
    const first = this.#waiting[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** At that place, or where it belongs from there. */
  #put(place: number, waiting: Waiting, at: number): void {
    const above = (place - 1) >> 1;
    if (place > 0 && at < (this.#times[above] as number)) this.#rise(place, waiting, at);
    else this.#sink(place, waiting, at);
  }

  #rise(from: number, waiting: Waiting, at: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if ((this.#times[above] as number) <= at) break;
      this.#fill(place, this.#waiting[above] as Waiting, this.#times[above] as number);
      place = above;
    }
    this.#fill(place, waiting, at);
  }

  #sink(from: number, waiting: Waiting, at: number): void {
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below + 1 < this.#times.length && (this.#times[below + 1] as number) < (this.#times[below] as number))
        below++;
      if (below >= this.#times.length || (this.#times[below] as number) >= at) break;
      this.#fill(place, this.#waiting[below] as Waiting, this.#times[below] as number);
      place = below;
    }
    this.#fill(place, waiting, at);
  }

  #fill(place: number, waiting: Waiting, at: number): void {
    this.#waiting[place] = waiting;
    this.#times[place] = at;
    waiting.place = place;
  }
}
