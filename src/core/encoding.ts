/** How to write text of so many bytes: what is all ASCII has the same bytes in Latin-1, and goes without a look at each character. */
export function encodingOf(text: string, bytes: number): 'latin1' | 'utf8' {
  return bytes === text.length ? 'latin1' : 'utf8';
}
