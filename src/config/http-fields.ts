import { z } from 'zod';

const wrong = (expects: string) => ({ error: `must be ${expects}` });

/** RFC 9110 §5.6.2: a token. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
/** Printable ASCII: no line end, so that a value cannot become another header field. */
const VALUE = /^[\x20-\x7e]{0,4096}$/;

/** What the gateway and Node say themselves: two of one of these would contradict each other. */
const OWN =
  /^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-(length|type|encoding)|date|vary|allow|accept-encoding|retry-after|cache-control|x-content-type-options|(sec-websocket|access-control|proxy)-.*)$/i;

/** True for a header field that nobody else may set. */
export function isOwnHeader(name: string): boolean {
  return OWN.test(name);
}

const NAME = 'a header name such as X-Served-By';

export const headerName = z.string(wrong(NAME)).regex(TOKEN, wrong(NAME));

/** Header fields by name. */
export function headerTable(description: string) {
  const expects = 'a table of header names and their values';
  const value = 'one line of printable ASCII';
  return z
    .record(z.string(), z.string(wrong(value)).regex(VALUE, wrong(value)), wrong(expects))
    .check(({ value: table, issues }) => {
      for (const name of Object.keys(table)) {
        if (!TOKEN.test(name)) issues.push(refusal(name, `must be named by ${NAME}`));
        else if (isOwnHeader(name)) issues.push(refusal(name, 'is set by the gateway itself'));
      }
    })
    .default({})
    .meta({ description, expects });
}

function refusal(name: string, message: string) {
  return { code: 'custom' as const, path: [name], message, input: name };
}

/** An absolute address on the web, of one of these schemes. */
export function webUri(schemes: readonly string[], description: string, otherwise = 'none') {
  const expects = `an absolute ${schemes.toSorted().join(' or ')} address`;
  const start = new RegExp(`^(?:${schemes.join('|')})://[\\x21-\\x7e]+$`);
  return z
    .string(wrong(expects))
    .refine((text) => start.test(text) && URL.canParse(text), wrong(expects))
    .optional()
    .meta({ description, expects, otherwise });
}
