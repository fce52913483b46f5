/**
 * Lists of one or two, which are kept for long and made anew as they change: an array that is pushed to has room for 16 more, and
 * so has what `filter` and a spread with something after it make.
 */
export function withItem<T>(list: readonly T[], item: T): readonly T[] {
  if (list.length === 0) return [item];
  return list.length === 1 ? [list[0] as T, item] : list.concat([item]);
}

/** The same list where the item is not in it. */
export function withoutItem<T>(list: readonly T[], item: T): readonly T[] {
  const index = list.indexOf(item);
  if (index < 0) return list;
  return index === 0 ? list.slice(1) : list.slice(0, index).concat(list.slice(index + 1));
}
