/** What a listener says: an array replaces the arguments for those after it, `false` ends the event, all else lets it pass. */
// oxlint-disable-next-line typescript/no-explicit-any -- programs written for the old API give their own types
export type PipeListener = (...values: any[]) => unknown;

interface Entry {
  readonly listener: PipeListener;
  readonly priority: number;
  readonly isOnce: boolean;
}

/** Where the handlers of the program itself stand: below it they intercept, above it they observe. */
export const USUAL_PRIORITY = 50;

/**
 * The EventPipe of node-xmpp-bosh: listeners with a priority, the lowest first, that may change an event or stop it. Only for
 * programs that were written for it: elsewhere in Sluice events tell and hooks decide.
 */
export class EventPipe {
  readonly #entries = new Map<string, Entry[]>();

  on(event: string, listener: PipeListener, priority: number = USUAL_PRIORITY): this {
    return this.#add(event, { listener, priority, isOnce: false });
  }

  addListener(event: string, listener: PipeListener, priority?: number): this {
    return this.on(event, listener, priority);
  }

  once(event: string, listener: PipeListener, priority: number = USUAL_PRIORITY): this {
    return this.#add(event, { listener, priority, isOnce: true });
  }

  #add(event: string, entry: Entry): this {
    const entries = this.#entries.get(event) ?? [];
    const after = entries.findIndex(({ priority }) => priority > entry.priority);
    // A new list each time, so that an event which is under way keeps its own.
    this.#entries.set(event, entries.toSpliced(after < 0 ? entries.length : after, 0, entry));
    return this;
  }

  removeListener(event: string, listener: PipeListener): this {
    const entries = this.#entries.get(event) ?? [];
    const at = entries.findIndex((entry) => entry.listener === listener);
    if (at >= 0) this.#entries.set(event, entries.toSpliced(at, 1));
    return this;
  }

  off(event: string, listener: PipeListener): this {
    return this.removeListener(event, listener);
  }

  removeAllListeners(event?: string): this {
    if (event === undefined) this.#entries.clear();
    else this.#entries.delete(event);
    return this;
  }

  listeners(event: string): PipeListener[] {
    return (this.#entries.get(event) ?? []).map(({ listener }) => listener);
  }

  listenerCount(event: string): number {
    return this.#entries.get(event)?.length ?? 0;
  }

  /** True where anybody listened. `error` without a listener throws what it carries. */
  emit(event: string, ...values: unknown[]): boolean {
    const entries = this.#entries.get(event) ?? [];
    if (entries.length === 0 && event === 'error') {
      throw values[0] instanceof Error ? values[0] : new Error(`Unhandled error event: ${String(values[0])}`);
    }
    let given = values;
    for (const { listener, isOnce } of entries) {
      if (isOnce) this.removeListener(event, listener);
      const answer = listener.apply(this, given);
      if (answer === false) break;
      if (Array.isArray(answer)) given = answer;
    }
    return entries.length > 0;
  }
}
