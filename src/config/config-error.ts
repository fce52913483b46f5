/** A setting that is wrong. The message is one line: the key, what is wrong, and the mend. */
export class ConfigError extends Error {
  /** The setting, as it stands in a file: `port`, `domains.example.org.ca`. Empty where a whole file is meant. */
  readonly key: string;
  readonly problem: string;

  constructor(key: string, problem: string, options?: ErrorOptions) {
    super(key === '' ? problem : `${key}: ${problem}`, options);
    this.name = 'ConfigError';
    this.key = key;
    this.problem = problem;
  }
}

/** How many letters must be added, removed, replaced or swapped with their neighbour to make `b` of `a`. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** The known name that was probably meant, if any is near enough. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_]/g, '');
  // A name that was cut short is more likely than any slip of the fingers.
  const longer = [...known].filter((candidate) => name.length > 3 && plain(candidate).startsWith(plain(name)));
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const steps = distance(plain(name), plain(candidate));
    if (steps < least) [best, least] = [candidate, steps];
  }
  return longer[0] ?? best;
}

/** The words that follow "unknown": `did you mean "port"?`, or where to look. */
export function suggestion(name: string, known: Iterable<string>, otherwise: string): string {
  const near = nearest(name, known);
  return near === undefined ? otherwise : `did you mean "${near}"?`;
}
