import { XmlError, type XmlLimits } from './limits.ts';
import type { ScannerHandlers, ScannerShape } from './scanner.ts';
import { borrowScanner, returnScanner } from './scanners.ts';

/** Scans a whole document. Throws `XmlError`, and what the handlers throw. */
export function scanWhole(bytes: Uint8Array, shape: ScannerShape, limits: XmlLimits, handlers: ScannerHandlers): void {
  const scanner = borrowScanner();
  try {
    scanner.reset(handlers, shape, limits);
    scanner.source.take(bytes);
    scanner.scan();
    if (!scanner.isComplete) throw new XmlError('not-well-formed', 'unexpected end');
  } finally {
    returnScanner(scanner);
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
