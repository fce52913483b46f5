/** How long a test waits for what must come. What must not come is shown by what comes instead, never by waiting. */
const PATIENCE_MS = 5000;

/** A promise that is settled from outside. */
export class Signal<T> {
  resolve: (value: T) => void = () => {};
  reject: (error: Error) => void = () => {};
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** A queue whose reader waits. The end is told to all who still wait. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: Signal<T>[] = [];
  #end: Error | undefined;

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter.resolve(item);
  }

  /** Nothing comes any more; what has come can still be taken. */
  end(why: string): void {
    this.#end ??= new Error(why);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#end);
  }

  take(what: string, patienceMs = PATIENCE_MS): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#end !== undefined) return Promise.reject(new Error(`waited for ${what}, but ${this.#end.message}`));
    const waiter = new Signal<T>();
    this.#waiting.push(waiter);
    const timer = setTimeout(() => {
      const at = this.#waiting.indexOf(waiter);
      if (at >= 0) this.#waiting.splice(at, 1);
      waiter.reject(new Error(`waited ${patienceMs} ms in vain for ${what}`));
    }, patienceMs);
    return waiter.promise.finally(() => clearTimeout(timer));
  }
}

/** Waits for a promise, or throws after the deadline with `what`. */
export async function within<T>(promise: Promise<T>, what: string, patienceMs = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patienceMs} ms in vain for ${what}`)), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until `condition` yields something true. For what tells nobody when it changes. */
export async function eventually<T>(
  what: string,
  condition: () => T,
  patienceMs = PATIENCE_MS,
): Promise<NonNullable<T>> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${patienceMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
