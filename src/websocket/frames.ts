import type { Duplex } from 'node:stream';
import { LONG_TEXT, encodingOf } from '../core/encoding.ts';
import { byteLengthOf, type Stanza } from '../xml/stanza.ts';

/** FIN and the opcode of text. */
const TEXT = 0x81;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

/**
 * Writes stanzas as text messages of one frame each (RFC 6455 §5.2), all of them in one write to the connection. `sent` is called
 * when the last has been written, or with the error for which it has not.
 */
export function writeFrames(
  connection: Duplex,
  stanzas: readonly Stanza[],
  sent: (error: Error | null | undefined) => void,
): void {
  const { length } = stanzas;
  if (length > 1) connection.cork();
  /** Bytes as Latin-1, not written yet. */
  let text = '';
  stanzas.forEach((stanza, i) => {
    const { xml } = stanza;
    const bytes = byteLengthOf(stanza);
    const encoding = encodingOf(xml.length, bytes);
    const callback = i === length - 1 ? sent : undefined;
    text += headOf(bytes);
    if (encoding === 'latin1' && xml.length < LONG_TEXT) {
      text += xml;
      if (callback !== undefined) connection.write(text, 'latin1', callback);
      return;
    }
    connection.cork();
    connection.write(text, 'latin1');
    connection.write(xml, encoding, callback);
    connection.uncork();
    text = '';
  });
  if (length > 1) connection.uncork();
}

/** A frame's bytes up to its payload, as Latin-1. A server's frames are not masked (§5.1). */
function headOf(bytes: number): string {
  if (bytes < LENGTH_IN_16_BITS) return String.fromCharCode(TEXT, bytes);
  if (bytes < 65_536) return String.fromCharCode(TEXT, LENGTH_IN_16_BITS, bytes >> 8, bytes & 0xff);
  const high = Math.floor(bytes / 2 ** 32);
  return String.fromCharCode(TEXT, LENGTH_IN_64_BITS, ...bytesOf(high), ...bytesOf(bytes));
}

function bytesOf(word: number): number[] {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff);
}
