import { LEVELS, PARTS, type Item, type Level } from './items/index.ts';

/** Advice on ambiguities (A-01) and encodings (UTF-16) look alike, but are no items. */
const ID = /^(?!A-|UTF-)[A-Z][A-Z0-9]*(?:-[A-Z]+)*-\d\d$/;

/** The items that a title names: `BOSH-BRK-03, X-37: what happens`. Ranges and families name none. */
export function idsIn(title: string): string[] {
  const colon = title.indexOf(':');
  return colon < 0 ? [] : idsOf(title.slice(0, colon));
}

/** The items in a list of them, as tables of cases hold it. */
export function idsOf(list: string): string[] {
  return list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => ID.test(word));
}

export const STATUSES = ['passed', 'failed', 'declined', 'untested'] as const;
export type Status = (typeof STATUSES)[number];

/** What is known of an item after a run. */
export interface Result {
  readonly id: string;
  readonly part: string;
  readonly level: Level;
  readonly status: Status;
  /** Why it was declined, which tests failed, or why its tests were skipped; else empty. */
  readonly reason: string;
}

/** What `node:test` tells of a test, as far as it matters here. */
export interface Told {
  readonly name: string;
  readonly nesting: number;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details?: { readonly type?: string | undefined };
}

/** Gathers from the events of a run which items passed. The runner tells of one file after the other, each in order. */
export class Tally {
  /** The names of every test and suite that failed. */
  readonly failures: string[] = [];
  readonly #passed = new Set<string>();
  readonly #failed = new Map<string, string[]>();
  readonly #skipped = new Map<string, string>();
  #open: string[] = [];

  start({ name, nesting }: Told): void {
    this.#open = [...this.#open.slice(0, nesting), name];
  }

  pass(told: Told): void {
    const ids = this.#idsOf(told);
    if (isSet(told.skip)) {
      const why = typeof told.skip === 'string' && told.skip !== '' ? `skipped: ${told.skip}` : 'skipped';
      for (const id of ids) this.#skipped.set(id, why);
      return;
    }
    // A suite passes when nothing in it ran, too; its tests count by themselves.
    if (isSet(told.todo) || told.details?.type === 'suite') return;
    for (const id of ids) this.#passed.add(id);
  }

  fail(told: Told): void {
    if (isSet(told.todo)) return;
    this.failures.push(told.name);
    for (const id of this.#idsOf(told)) this.#failed.set(id, [...(this.#failed.get(id) ?? []), told.name]);
  }

  has(id: string): boolean {
    return this.#passed.has(id);
  }

  /** All that tests named, whether the list knows it or not. */
  named(): string[] {
    return [...new Set([...this.#passed, ...this.#failed.keys(), ...this.#skipped.keys()])];
  }

  results(items: readonly Item[], declined: ReadonlyMap<string, string>): Result[] {
    return items.map(({ id, part, level }) => {
      const [status, reason] = this.#judge(id, declined.get(id));
      return { id, part, level, status, reason };
    });
  }

  #judge(id: string, declined: string | undefined): readonly [Status, string] {
    const failed = this.#failed.get(id);
    if (failed !== undefined) return ['failed', [...new Set(failed)].join('; ')];
    if (declined !== undefined) return ['declined', declined];
    return this.#passed.has(id) ? ['passed', ''] : ['untested', this.#skipped.get(id) ?? ''];
  }

  #idsOf({ name, nesting }: Told): string[] {
    return [...this.#open.slice(0, nesting), name].flatMap(idsIn);
  }
}

/** An option of a test, which is there with `true` or with a reason, the empty one included. */
function isSet(option: string | boolean | undefined): boolean {
  return option !== undefined && option !== false;
}

/** The results one by one, under the names of their parts. */
export function list(results: readonly Result[], items: readonly Item[]): string {
  const known = new Map(items.map((item) => [item.id, item]));
  const sections = byPart(results).map(([part, ofPart]) => {
    const lines = ofPart.map(({ id, level, status, reason }) => {
      const { own = false, clause = '', title = '' } = known.get(id) ?? {};
      const head = `  ${status.padEnd(8)}  ${(level + (own ? '†' : '')).padEnd(8)}  ${id.padEnd(16)}`;
      return `${head}  ${title} (${clause})${reason === '' ? '' : `\n${' '.repeat(12)}${reason}`}`;
    });
    return [`${part}. ${PARTS.get(part)?.[0] ?? ''}`, ...lines].join('\n');
  });
  return sections.join('\n\n');
}

function byPart(results: readonly Result[]): (readonly [part: string, results: readonly Result[]])[] {
  const parts = [...new Set(results.map(({ part }) => part))];
  return parts.map((name) => [name, results.filter(({ part }) => part === name)]);
}

/** How many of each part and level came out how. */
export function totals(results: readonly Result[]): string {
  const heads = ['items', ...STATUSES];
  const row = (part: string, level: string, cells: readonly (string | number)[]) => {
    const right = cells.map((cell, index) => String(cell).padStart(heads[index]?.length ?? 0));
    return [part.padEnd(4), level.padEnd(8), ...right].join('  ');
  };
  const counted = (part: string, level: string, some: readonly Result[]) => {
    const counts = STATUSES.map((status) => some.filter((result) => result.status === status).length);
    return row(part, level, [some.length, ...counts]);
  };
  const lines = [row('part', 'level', heads)];
  for (const [part, ofPart] of [...byPart(results), ['all', results] as const]) {
    for (const level of LEVELS) {
      const some = ofPart.filter((result) => result.level === level);
      if (some.length > 0) lines.push(counted(part, level, some));
    }
  }
  return [...lines, counted('all', 'all', results)].join('\n');
}
