import { GatewayError } from '../core/errors.ts';
import type { Route } from '../core/ports.ts';

/** Attributes of the creation request that BOSH itself defines; what else stands there is the site's own. */
const KNOWN = new Set(
  'sid rid type condition pause to from route wait hold ver ack content secure inactivity key newkey stream stream_attrs charsets accept'.split(
    ' ',
  ),
);

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/** `ua` and whatever else a site's own page says at creation: kept for events, never sent on (node-xmpp-bosh has it). */
export function customAttributes(values: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  let own: Map<string, string> | undefined;
  for (const [name, value] of values) {
    if (!KNOWN.has(name) && !name.startsWith('{')) (own ??= new Map()).set(name, value);
  }
  return own ?? NO_ATTRIBUTES;
}

/**
 * `route` names where to connect, as proto:host:port and no URI (XEP-0124 §7.1). Undefined where there is none.
 * Throws `bad-request` for what is no such thing.
 */
export function parseRoute(text: string | undefined): Route | undefined {
  if (text === undefined) return undefined;
  const match = /^xmpp:(\[[0-9a-f:.]+\]|[a-z0-9._-]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535) throw new GatewayError('bad-request', 'route is malformed');
  return { host: (match[1] as string).replace(/^\[|\]$/g, '').toLowerCase(), port };
}

/** What a stream header says that the gateway does not leave to others. */
const OWN_NAMES = new Set(['to', 'id', 'xmlns']);

/**
 * `stream_attrs`: a JSON object of further attributes for the stream header, which win over the defaults (node-xmpp-bosh has
 * it). Throws `bad-request` for what is no such object, or names what must not be changed.
 */
export function streamAttributes(json: string | undefined): Readonly<Record<string, string>> | undefined {
  if (json === undefined) return undefined;
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch (error) {
    throw new GatewayError('bad-request', 'stream_attrs is no JSON', { cause: error });
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given) || Object.keys(given).length > 16) {
    throw new GatewayError('bad-request', 'stream_attrs is no small JSON object');
  }
  return Object.fromEntries(Object.entries(given).map(checked));
}

function checked([name, value]: [string, unknown]): [string, string] {
  // Prefixes but xml: would need a declaration, and declarations change what everything means.
  const isName = /^(xml:)?[A-Za-z_][\w.-]{0,63}$/.test(name) && !OWN_NAMES.has(name);
  const text = typeof value === 'number' ? String(value) : value;
  const isValue =
    typeof text === 'string' && text.length <= 1024 && !/(?![\t\n\r])[\p{Cc}\p{Cs}\ufffe\uffff]/u.test(text);
  if (!isName || !isValue) throw new GatewayError('bad-request', 'stream_attrs has a forbidden name or value');
  return [name, text];
}
