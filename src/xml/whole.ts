import { XmlError, type XmlLimits } from './limits.ts';
import { Scanner, type ScannerHandlers, type ScannerShape } from './scanner.ts';

/** Whole documents are read one after the other, so that one scanner does for all of them. */
let idle: Scanner | undefined;

/** Scans a whole document. Throws `XmlError`, and what the handlers throw. */
export function scanWhole(bytes: Uint8Array, shape: ScannerShape, limits: XmlLimits, handlers: ScannerHandlers): void {
  const scanner = idle ?? new Scanner();
  idle = undefined;
  try {
    scanner.reset(handlers, shape, limits);
    scanner.source.take(bytes);
    scanner.scan();
    if (!scanner.isComplete) throw new XmlError('not-well-formed', 'unexpected end');
  } finally {
    scanner.reset();
    idle = scanner;
  }
}

/** ES2024; not yet in the declarations that we compile with. */
type Text = string & { isWellFormed(): boolean };

/** Throws `XmlError` for a text that has no bytes: half a surrogate pair is no character. */
export function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length !== text.length && !(text as Text).isWellFormed()) {
    throw new XmlError('not-well-formed', 'illegal character');
  }
  return bytes;
}
