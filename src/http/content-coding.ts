import { deflateSync, gunzipSync, gzipSync, inflateSync, type Gzip } from 'node:zlib';

/** What is read and written here. `deflate` has its zlib wrapper (RFC 9110 §8.4.1.2). */
export type Coding = 'gzip' | 'deflate';

const CODINGS = ['gzip', 'deflate'] as const;

/** The list for an Accept-Encoding of ours, which a refused client may learn from (RFC 9110 §15.5.16). */
export const CODINGS_READ = CODINGS.join(', ');

/** The coding of a request body; undefined where it is one that is not read, or several. */
export function codingOf(contentEncoding: string | undefined): Coding | 'identity' | undefined {
  if (contentEncoding === undefined) return 'identity';
  const name = contentEncoding.trim().toLowerCase();
  if (name === 'x-gzip') return 'gzip';
  return name === 'identity' ? name : CODINGS.find((coding) => coding === name);
}

/**
 * Decodes a whole body. Stops at `maxBytes`, so that a bomb costs no more than a plain body of that size (H-24); what is cut,
 * damaged, or has something after its end is `corrupt` (H-25).
 */
export function decode(coded: Buffer, coding: Coding, maxBytes: number): Buffer | 'too-large' | 'corrupt' {
  try {
    const run = coding === 'gzip' ? gunzipSync : inflateSync;
    // With `info`, Node tells how much was used: it passes over what follows the end without a word.
    const result: unknown = run(coded, { maxOutputLength: maxBytes, info: true });
    const { buffer, engine } = result as { buffer: Buffer; engine: Gzip };
    return engine.bytesWritten === coded.byteLength ? buffer : 'corrupt';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'corrupt';
  }
}

/**
 * Encodes in the same tick: answers of one session that overtake one another would come out of order, for Strophe takes them as
 * they arrive. 10 kB take less than 0.1 ms; the higher levels take longer and gain some 1 % on stanzas.
 */
export function encode(body: string | Buffer, coding: Coding): Buffer {
  return (coding === 'gzip' ? gzipSync : deflateSync)(body, { level: 1 });
}

/** The coding that an answer may have: one that Accept-Encoding names, `*` does not count, and prefers to none (BOSH-HTTP-06). */
export function acceptedCoding(acceptEncoding: string | undefined): Coding | undefined {
  if (acceptEncoding === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const entry of acceptEncoding.toLowerCase().split(',')) {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim());
    weights.set(name, Math.min(weights.get(name) ?? 1, weightOf(parameters)));
  }
  const weight = (name: string): number => weights.get(name) ?? 0;
  const best = weight('deflate') > weight('gzip') ? 'deflate' : 'gzip';
  return weight(best) > 0 && weight(best) >= weight('identity') ? best : undefined;
}

/** What is no weight is a refusal: an answer without a coding is never wrong. */
function weightOf(parameters: readonly string[]): number {
  if (parameters.length === 0) return 1;
  const match = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.exec(parameters[0] as string);
  return match === null ? 0 : Number(match[1]);
}
