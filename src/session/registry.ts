/** A session as the registry keeps it. */
export interface Registered {
  /** Unguessable; the sid of a BOSH session. */
  readonly id: string;
  /** Tells the client that the gateway stops, and ends the session; idempotent. */
  shutDown(): void;
  /** Ends the session at once, told or not. */
  destroy(): void;
}

/** All living sessions of one gateway, and the count of their streams, which may outlive them by a closing handshake. */
export class Registry {
  readonly #sessions = new Map<string, Registered>();
  readonly #farewells = new Map<string, () => void>();
  streams = 0;
  #total = 0;
  readonly #whenSettled: (() => void)[] = [];

  get size(): number {
    return this.#sessions.size;
  }

  /** Sessions since the start. */
  get total(): number {
    return this.#total;
  }

  add(session: Registered): void {
    this.#sessions.set(session.id, session);
    this.#total++;
  }

  remove(session: Registered): void {
    this.#sessions.delete(session.id);
    const farewell = this.#farewells.get(session.id);
    this.#farewells.delete(session.id);
    farewell?.();
    this.settled();
  }

  /** Calls `run` once, when that session is over; at once where there is none. */
  whenOver(id: string, run: () => void): void {
    if (this.#sessions.has(id)) this.#farewells.set(id, run);
    else run();
  }

  get(id: string): Registered | undefined {
    return this.#sessions.get(id);
  }

  all(): readonly Registered[] {
    return [...this.#sessions.values()];
  }

  /** Resolves when neither a session nor a stream is left. */
  whenSettled(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenSettled.push(resolve);
      this.settled();
    });
  }

  settled(): void {
    if (this.#sessions.size > 0 || this.streams > 0) return;
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }
}
