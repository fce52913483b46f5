export const LEVELS = ['MUST', 'MUST NOT', 'SHOULD', 'MAY'] as const;
export type Level = (typeof LEVELS)[number];

/** One thing that a connection manager has to do, or a bad input that it has to bear. */
export interface Item {
  readonly id: string;
  readonly part: string;
  readonly level: Level;
  /** The standard does not say the level in keywords: it is this list's own. */
  readonly own: boolean;
  readonly clause: string;
  readonly title: string;
}

type Row = readonly [id: string, level: Level | `${Level}†`, clause: string, title: string];

/** The items of a part; a dagger marks a level of our own. */
export function part(name: string, rows: readonly Row[]): readonly Item[] {
  return rows.map(([id, marked, clause, title]) => {
    const own = marked.endsWith('†');
    return { id, part: name, level: marked.replace('†', '') as Level, own, clause, title };
  });
}

/** A part in which everything is a MUST, by the same clause: the vectors and the bad inputs. */
export function plainPart(name: string, clause: string, rows: readonly (readonly [id: string, title: string])[]) {
  return part(
    name,
    rows.map(([id, title]) => [id, 'MUST', clause, title] as const),
  );
}
