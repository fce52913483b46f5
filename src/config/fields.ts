import { z } from 'zod';
import { normaliseDomain } from '../core/domain.ts';

/** What the documentation says of a setting, beside its description. */
declare module 'zod' {
  interface GlobalMeta {
    /** What a value must be, as it follows "must be". */
    expects?: string;
    unit?: string;
    /** The default in words, where it is not one value. */
    otherwise?: string;
  }
}

const wrong = (expects: string) => ({ error: `must be ${expects}` });

/** A whole number in a range. */
export function whole(least: number, most: number, initial: number, unit: string, description: string) {
  const expects = `a whole number from ${least} to ${most}`;
  const error = wrong(expects);
  return z.int(error).min(least, error).max(most, error).default(initial).meta({ description, unit, expects });
}

/** A time in seconds; parts of a second are allowed. */
export function seconds(least: number, most: number, initial: number, description: string) {
  const expects = `a number of seconds from ${least} to ${most}`;
  const error = wrong(expects);
  const number = z.number(error).min(least, error).max(most, error);
  return number.default(initial).meta({ description, unit: 'seconds', expects });
}

export function bytes(least: number, initial: number, description: string) {
  return whole(least, 1_073_741_824, initial, 'bytes', description);
}

const BOOLEAN = 'true or false';

export function yesNo(initial: boolean, description: string) {
  return z.boolean(wrong(BOOLEAN)).default(initial).meta({ description, expects: BOOLEAN });
}

/** A yes or no whose default hangs on other settings. */
export function yesNoUnset(otherwise: string, description: string) {
  return z.boolean(wrong(BOOLEAN)).optional().meta({ description, expects: BOOLEAN, otherwise });
}

export function oneOf<const T extends readonly [string, ...string[]]>(
  values: T,
  initial: T[number],
  description: string,
) {
  const expects = `one of ${values.join(', ')}`;
  return z
    .enum(values, wrong(expects))
    .default(initial as never)
    .meta({ description, expects });
}

/** The path of a URL on this server. */
export function urlPath(initial: string, description: string) {
  const expects = 'a path that starts with / and has no spaces, ? or #';
  return z
    .string(wrong(expects))
    .regex(/^\/[^\s?#]*$/, wrong(expects))
    .default(initial)
    .meta({ description, expects });
}

const PATHS =
  'a path that starts with / and has no spaces, ? or #; all below one such as /A/*; or a regular expression that starts with ^';

/** Paths of URLs on this server: one, those below a folder, or what a regular expression finds. */
export function urlPaths(initial: string, description: string) {
  return z.custom<string | RegExp>(isPaths, wrong(PATHS)).default(initial).meta({ description, expects: PATHS });
}

function isPaths(path: unknown): boolean {
  if (path instanceof RegExp) return true;
  if (typeof path !== 'string') return false;
  if (!path.startsWith('^')) return /^\/[^\s?#*]*\*?$/.test(path) && !/[^/]\*$/.test(path);
  try {
    return new RegExp(path) instanceof RegExp;
  } catch {
    return false;
  }
}

const DOMAIN = 'a domain such as example.org';

export const domainName = z
  .string(wrong(DOMAIN))
  .refine((text) => normaliseDomain(text) !== undefined, { ...wrong(DOMAIN), abort: true })
  .transform((text) => normaliseDomain(text) ?? text);

/** The form in which a browser writes an origin, or undefined: RFC 6454 §6.1, with the word `null`. */
export function normaliseOrigin(text: string): string | undefined {
  const lower = text.toLowerCase();
  if (lower === 'null') return lower;
  if (!/^[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:.]+\]|[^\s/?#@:*]+)(:\d{1,5})?$/.test(lower)) return undefined;
  return lower.replace(/^(https?|wss?):\/\/(.*)$/, (all, scheme: string, rest: string) => {
    const usual = scheme === 'http' || scheme === 'ws' ? ':80' : ':443';
    return rest.endsWith(usual) ? all.slice(0, -usual.length) : all;
  });
}

const ORIGIN = 'an origin such as https://example.org (scheme and host, no path, no final slash), or the word null';

export const originName = z
  .string(wrong(ORIGIN))
  .refine((text) => normaliseOrigin(text) !== undefined, { ...wrong(ORIGIN), abort: true })
  .transform((text) => normaliseOrigin(text) ?? text);

/** Text that is not empty; `expects` says what it has to be. */
export const text = (expects: string) =>
  z.string({ error: `must be ${expects}` }).min(1, { error: `must be ${expects}` });

/** Text that no message repeats. */
export function secretText(description: string, otherwise: string) {
  const expects = 'text that is not empty';
  return z
    .custom<string>((value) => typeof value === 'string' && value !== '', { error: `needs ${expects}` })
    .optional()
    .meta({ description, expects, otherwise });
}

export const HOST = 'a host name or an IP address';
export const PEM = 'a PEM file, or the PEM text itself';
