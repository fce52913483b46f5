import { PrebindError } from './errors.ts';

/** RFC 3454 C.1.2: spaces that are none in ASCII. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
/** B.1: commonly mapped to nothing. */
const NOTHING = /\u00ad|\u034f|\u1806|\u180b|\u180c|\u180d|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g;
/** C.2 to C.9: controls, private use, non-characters, surrogates, and what changes how text is shown. */
const FORBIDDEN =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u2028\u2029\u2061-\u2063\ufff9-\ufffd\u2ff0-\u2ffb\u200e\u200f\u202a-\u202e\u206a-\u206f\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]|\u0340|\u0341/u;
/** Letters of scripts that are written from right to left (D.1), by their blocks. */
const RIGHT_TO_LEFT = /(?=\p{L})[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const LEFT_TO_RIGHT = /(?=\p{L})[^\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** SASLprep (RFC 4013), of which the tables are today's Unicode. Throws `bad-request` for text that no account may have. */
export function saslPrep(text: string): string {
  const prepared = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC');
  const characters = Array.from(prepared);
  const isMixed =
    RIGHT_TO_LEFT.test(prepared) &&
    (LEFT_TO_RIGHT.test(prepared) ||
      !RIGHT_TO_LEFT.test(characters[0] ?? '') ||
      !RIGHT_TO_LEFT.test(characters.at(-1) ?? ''));
  if (FORBIDDEN.test(prepared) || isMixed) {
    throw new PrebindError('bad-request', 'a name or a password holds characters that SASL forbids');
  }
  return prepared;
}
