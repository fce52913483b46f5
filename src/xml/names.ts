/** The same few names and namespaces come again and again: each is decoded once, and is then one string for all. */
const SLOTS = 1024;
const MAX_LENGTH = 64;
const known: string[] = Array.from({ length: SLOTS }, () => '');

/** The text from `start` to `end`, which is UTF-8. What has no room takes the place of another: memory stays as it is. */
export function nameAt(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length === 0) return '';
  if (length > MAX_LENGTH) return bytes.toString('utf8', start, end);
  const slot = slotOf(bytes, start, end);
  const name = known[slot] as string;
  if (name.length === length && isSame(name, bytes, start)) return name;
  const text = bytes.toString('utf8', start, end);
  // Else its characters are not its bytes.
  if (text.length === length) known[slot] = text;
  return text;
}

/** Names of one length differ near their ends, or in the middle. */
function slotOf(bytes: Buffer, start: number, end: number): number {
  const middle = bytes[(start + end) >> 1] as number;
  const hash = (((bytes[start] as number) * 31 + middle) * 31 + (bytes[end - 1] as number)) * 31 + end - start;
  return (hash + (bytes[end - 2] ?? 0) * 7) & (SLOTS - 1);
}

function isSame(name: string, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < name.length; at++) if (name.charCodeAt(at) !== bytes[start + at]) return false;
  return true;
}
