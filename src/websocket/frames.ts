import { byteLengthOf, encodingOf, type Stanza } from '../xml/stanza.ts';

/** Stanzas as text messages of one frame each, as bytes of RFC 6455 §5.2: all that leaves in one turn of the loop is one write. */

/** FIN and the opcode of text. */
const TEXT = 0x81;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

export function textFrames(stanzas: readonly Stanza[]): Buffer {
  let size = 0;
  for (const stanza of stanzas) {
    const bytes = byteLengthOf(stanza);
    size += headLength(bytes) + bytes;
  }
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (const stanza of stanzas) {
    const bytes = byteLengthOf(stanza);
    at = writeHead(frames, at, bytes);
    at += frames.write(stanza.xml, at, encodingOf(stanza.xml, bytes));
  }
  return frames;
}

function headLength(bytes: number): number {
  if (bytes < LENGTH_IN_16_BITS) return 2;
  return bytes < 65_536 ? 4 : 10;
}

/** Returns where the payload begins. A server's frames are not masked (§5.1). */
function writeHead(frames: Buffer, at: number, bytes: number): number {
  frames[at] = TEXT;
  if (bytes < LENGTH_IN_16_BITS) {
    frames[at + 1] = bytes;
    return at + 2;
  }
  if (bytes < 65_536) {
    frames[at + 1] = LENGTH_IN_16_BITS;
    return frames.writeUInt16BE(bytes, at + 2);
  }
  frames[at + 1] = LENGTH_IN_64_BITS;
  frames.writeUInt16BE(0, at + 2);
  return frames.writeUIntBE(bytes, at + 4, 6);
}
