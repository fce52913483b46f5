import { Scanner } from './scanner.ts';

/** Scanners that read nothing now. A stream that waits for its next element needs none, and thousands of streams do. */
const idle: Scanner[] = [];
/** More are garbage: so many elements are seldom under way at once. */
const MOST = 64;

/** One that has to be reset before it is used. */
export function borrowScanner(): Scanner {
  return idle.pop() ?? new Scanner();
}

/** Nobody may use it any more who has had it. */
export function returnScanner(scanner: Scanner): void {
  scanner.reset();
  if (idle.length < MOST) idle.push(scanner);
}
