/** How long things took, in milliseconds. */
export class Times {
  readonly #values: number[] = [];

  add(ms: number): void {
    this.#values.push(ms);
  }

  /** Nearest rank. Undefined where nothing was measured. */
  summary(): Readonly<Record<'p50' | 'p95' | 'p99' | 'max', number>> | undefined {
    const sorted = this.#values.toSorted((a, b) => a - b);
    if (sorted.length === 0) return undefined;
    const at = (share: number): number => {
      const value = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
      return Math.round(value * 10) / 10;
    };
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
  }

  get count(): number {
    return this.#values.length;
  }
}

/** `50 % 1.2 ms, 95 % 3 ms, ...` */
export function timesText(times: Times): string {
  const summary = times.summary();
  if (summary === undefined) return 'nothing';
  const { p50, p95, p99, max } = summary;
  return `50 % in ${p50} ms, 95 % in ${p95} ms, 99 % in ${p99} ms, the slowest ${max} ms`;
}

/** Where a tool says what goes on. */
export interface Report {
  /** A line of the result. */
  line(text: string): void;
  /** What goes on now: the last one stands for those before. */
  progress(text: () => string): void;
}

/** What a tool found. */
export interface Outcome {
  readonly ok: boolean;
  readonly [name: string]: unknown;
}
