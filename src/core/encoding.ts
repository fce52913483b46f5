/** From so many UTF-16 units on, text is written by itself: to join it to other text would copy it once more. */
export const LONG_TEXT = 4096;

/** Text of known length: in one piece, or in several where it is long. */
export interface Pieces {
  readonly texts: readonly string[];
  /** Of all together, as UTF-8. */
  readonly bytes: number;
}

/** Text that is written. To measure it is to copy it, where it was put together: so the length is told with it if it is known. */
export type Text = string | Pieces;

export function joined(text: Text): string {
  return typeof text === 'string' ? text : text.texts.join('');
}

/** Measures it, where that is not done. */
export function measured(text: Text): Pieces {
  return typeof text === 'string' ? { texts: [text], bytes: Buffer.byteLength(text) } : text;
}

/**
 * How to write text of so many UTF-16 units and bytes: what is all ASCII has the same bytes in Latin-1, and goes without a look at
 * each character.
 */
export function encodingOf(length: number, bytes: number): 'latin1' | 'utf8' {
  return bytes === length ? 'latin1' : 'utf8';
}
