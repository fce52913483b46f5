/**
 * Tells a duplicated browser tab, which has copied sid and rid, from a client that repeats a request.
 *
 * The copy sends the next rid while the first tab's request is held; that is answered, the first tab sends the same rid, and so
 * on for ever. A client that repeats has given up its older connection; two tabs do it on living ones, rid after rid.
 */
export class TabWatch {
  #overlapping: number | undefined;
  #lastDoubled: number | undefined;

  /** A new request came while an older one was held for a living client. */
  overlaps(rid: number): void {
    this.#overlapping = rid;
  }

  /**
   * A held request is repeated while its older connection lives. True where the older one belongs to a copy: always where the
   * two differ, else on the second rid in a row.
   */
  isCopy(rid: number, differs: boolean): boolean {
    if (this.#overlapping !== rid) return false;
    const isSecond = this.#lastDoubled === rid - 1;
    this.#lastDoubled = rid;
    return differs || isSecond;
  }
}
