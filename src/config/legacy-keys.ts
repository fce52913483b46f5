import { normaliseDomain } from '../core/domain.ts';
import { ConfigError } from './config-error.ts';
import { isOwnHeader } from './http-fields.ts';

/** What an old key becomes. */
export interface Said {
  readonly settings?: Record<string, unknown>;
  /** What the operator has to know beyond the new name. */
  readonly note?: string;
}

/** `key`: as the file spells it. Throws `ConfigError` for what is wrong or unsafe. */
type Rule = (value: unknown, key: string) => Said;

/** The old program reads `value || default`: what is falsy was not said. */
const unlessFalsy =
  (rule: Rule): Rule =>
  (value, key) =>
    value ? rule(value, key) : {};

function numberOf(value: unknown, key: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ConfigError(key, `must be a number, not ${typeof value === 'string' ? `"${value}"` : typeof value}`);
}

/** A number under another name, held within what is possible here. */
function renamed(name: string, least = -Infinity, most = Infinity): Rule {
  return unlessFalsy((value, key) => {
    const asked = numberOf(value, key);
    const granted = Math.min(Math.max(asked, least), most);
    const note =
      granted === asked ? {} : { note: `${asked} became ${granted}, which is the ${asked < least ? 'least' : 'most'}` };
    return { settings: { [name]: granted }, ...note };
  });
}

const without =
  (note: string): Rule =>
  () => ({ note });

const LEVELS: Readonly<Record<string, string>> = {
  ALL: 'trace',
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
  FATAL: 'error',
  OFF: 'silent',
};

/** The level of node-xmpp-bosh in our words; undefined for what is none. */
export function levelOf(logging: string): string | undefined {
  const name = logging.toUpperCase();
  return Object.hasOwn(LEVELS, name) ? LEVELS[name] : undefined;
}

const logging: Rule = unlessFalsy((value, key) => {
  const level = levelOf(String(value));
  if (level === undefined) throw new ConfigError(key, `must be one of ${Object.keys(LEVELS).join(', ')}`);
  return {
    settings: { logLevel: level },
    ...(String(value).toUpperCase() === 'FATAL' && { note: 'there is no level above error' }),
  };
});

/** The path with its first slash, as the old command line and file had it. */
export const withSlash = (path: string): string => (/^[/^]/.test(path) ? path : `/${path}`);

const path: Rule = unlessFalsy((value, key) => {
  if (value instanceof RegExp) return { settings: { path: value } };
  if (typeof value !== 'string') throw new ConfigError(key, 'must be a path or a regular expression');
  if (/[()[\]{}|^$*+?\\]/.test(value) && !value.endsWith('/*')) {
    return { settings: { path: new RegExp(value) }, note: 'is taken for a regular expression, as it always was' };
  }
  return {
    settings: { path: withSlash(value) },
    note: 'is the whole path now, with and without its final slash: longer ones that have it in them are not served any more',
  };
});

/** The old program looked for a match anywhere in the domain; our patterns are for the whole of it. */
function wholePattern({ source, flags }: RegExp): { pattern: string; isLoose: boolean } {
  const isWhole = isAnchored(source);
  const inner = isWhole ? source.slice(1, -1) : `.*(?:${source}).*`;
  return { pattern: `/${inner}/${flags.replace(/[^iu]/g, '')}`, isLoose: !isWhole };
}

/** True for `^...$` whose alternatives all stand in groups. */
function isAnchored(source: string): boolean {
  let outside = source.replace(/\\./gs, '').replace(/\[[^\]]*\]/g, '');
  for (let before = ''; before !== outside;) {
    before = outside;
    outside = outside.replace(/\([^()]*\)/g, '');
  }
  return /^\^[^|]*\$$/.test(outside);
}

function patternsOf(list: unknown, key: string): { patterns: string[]; loose: string[] } {
  if (!Array.isArray(list)) throw new ConfigError(key, 'must be a list of domains and regular expressions');
  const loose: string[] = [];
  const patterns = list.map((entry: unknown, index) => {
    if (entry instanceof RegExp) {
      const { pattern, isLoose } = wholePattern(entry);
      if (isLoose) loose.push(String(entry));
      return pattern;
    }
    const domain = typeof entry === 'string' ? normaliseDomain(entry) : undefined;
    if (domain === undefined) throw new ConfigError(`${key}.${index}`, 'must be a domain or a regular expression');
    return domain;
  });
  return { patterns, loose };
}

const firewall: Rule = unlessFalsy((value, key) => {
  const { allow, deny } = value as { allow?: unknown; deny?: unknown };
  if (Array.isArray(allow) && allow.length === 0) {
    throw new ConfigError(
      `${key}.allow`,
      'is empty: by its documentation that meant everybody, in fact it meant nobody. Name the domains that are served, or take it out',
    );
  }
  const allowed = allow === undefined ? undefined : patternsOf(allow, `${key}.allow`);
  const denied = deny === undefined ? undefined : patternsOf(deny, `${key}.deny`);
  const notes = [
    ...(allowed && denied ? ['deny holds beside allow now, where it was ignored'] : []),
    ...[...(allowed?.loose ?? []), ...(denied?.loose ?? [])].map(
      (one) => `${one} fits every domain that has it in it, as it did: anchor it with ^ and $`,
    ),
    'holds for WebSocket too',
  ];
  const settings = {
    ...(allowed && { allowDomains: allowed.patterns }),
    ...(denied && { denyDomains: denied.patterns }),
  };
  return { settings, note: notes.join('; ') };
});

const httpHeaders: Rule = unlessFalsy((value, key) => {
  if (typeof value !== 'object' || Array.isArray(value))
    throw new ConfigError(key, 'must be an object of header names and values');
  const headers: Record<string, string> = {};
  const dropped: string[] = [];
  const allowHeaders: string[] = [];
  const access = new Map<string, string>();
  for (const [name, one] of Object.entries(value as object)) {
    const text = String(one);
    const [, cors] = /^access-control-allow-(origin|credentials|headers)$/i.exec(name) ?? [];
    if (cors !== undefined) access.set(cors.toLowerCase(), text.trim());
    else if (isOwnHeader(name)) dropped.push(name);
    else {
      headers[name] = text;
      allowHeaders.push(name);
    }
  }
  const origin = access.get('origin') ?? '*';
  const credentials = access.get('credentials')?.toLowerCase() === 'true';
  if (credentials && origin === '*') {
    throw new ConfigError(
      `${key}.Access-Control-Allow-Credentials`,
      'is unsafe while every origin is allowed: any page could act for whoever looks at it. Set `origins` to the pages that are yours',
    );
  }
  allowHeaders.push(...(access.get('headers') ?? '').split(',').flatMap((name) => name.trim() || []));
  return {
    settings: {
      ...(Object.keys(headers).length > 0 && { headers }),
      ...(allowHeaders.length > 0 && { allowHeaders }),
      ...(origin !== '*' && { origins: [origin] }),
      ...(credentials && { credentials }),
    },
    ...(dropped.length > 0 && { note: `${dropped.join(', ')}: set by the gateway itself, left out` }),
  };
});

const noTlsDomains: Rule = unlessFalsy((value, key) => {
  if (!Array.isArray(value)) throw new ConfigError(key, 'must be a list of domains');
  const names = value.map((entry: unknown, index) => {
    const domain = typeof entry === 'string' ? normaliseDomain(entry) : undefined;
    if (domain === undefined) throw new ConfigError(`${key}.${index}`, 'must be a domain');
    return domain;
  });
  if (names.length === 0) return {};
  const domains = Object.fromEntries(names.map((name) => [name, { tls: 'if-required' }]));
  return {
    settings: { domains },
    note: `passwords go to ${names.join(', ')} in clear text, unless the server requires TLS`,
  };
});

/** Every key of node-xmpp-bosh 0.7, and what becomes of it. */
const RULES = {
  path,
  port: (value, key) => (value === '' || value === null ? {} : { settings: { port: Math.ceil(numberOf(value, key)) } }),
  host: unlessFalsy((value) => ({ settings: { host: value } })),
  logging,
  max_data_held: unlessFalsy((value, key) => {
    const { settings, ...note } = renamed('maxBodyBytes', 10_000)(value, key);
    const bytes = Number(settings?.['maxBodyBytes']);
    return { settings: { ...settings, ...(bytes > 4_194_304 && { maxUpstreamBacklogBytes: bytes }) }, ...note };
  }),
  max_xmpp_stanza_size: renamed('maxStanzaBytes', 10_000),
  max_bosh_connections: unlessFalsy((value, key) => {
    const said = renamed('maxHold', 1, 16)(value, key);
    const stall =
      Number(said.settings?.['maxHold']) > 1 &&
      'stanza.js stalls with more than 1: leave it out unless a client needs it';
    return { ...said, ...(stall && { note: [said.note, stall].filter(Boolean).join('; ') }) };
  }),
  window_size: without(
    'has no counterpart: the window is the number of requests that a client may have open, which is one more than it has held',
  ),
  default_inactivity: renamed('inactivitySeconds', 1, 3600),
  max_inactivity: renamed('maxInactivitySeconds', 1, 86_400),
  http_socket_keepalive: without('has no counterpart, and had no effect: it was taken for milliseconds'),
  max_streams_per_session: renamed('maxStreamsPerSession', 1, 1000),
  http_headers: httpHeaders,
  no_tls_domains: noTlsDomains,
  firewall,
  route_filter: without(
    'has no counterpart, and had no effect: what clients ask for by `route` is ignored now, unless `routes` names the place',
  ),
  pidgin_compatible: without('is how every client is served now; several streams in a session stay possible'),
  trim_default_length: without('has no counterpart: stanzas are not logged'),
  system_info_password: unlessFalsy((value) => {
    const isShort = typeof value === 'string' && value.length < 8;
    return { settings: { systemInfoPassword: value }, ...(isShort && { note: 'is short enough to be guessed' }) };
  }),
  websocket_ping_interval: (value, key) => ({ settings: { pingSeconds: numberOf(value, key) } }),
  lookup_service: unlessFalsy((value, key) => {
    if (typeof value !== 'function') throw new ConfigError(key, 'must be a constructor');
    return { note: 'is asked through an adapter, for WebSocket too; no file but a module can hold it' };
  }),
} as const satisfies Record<string, Rule>;

export type LegacyKey = keyof typeof RULES;

export const LEGACY_KEYS = Object.keys(RULES) as LegacyKey[];

/** Names of before 0.6.1; those that only had a unit at their end are not listed. */
export const OLD_NAMES: Readonly<Record<string, LegacyKey>> = {
  max_xmpp_buffer_size: 'max_xmpp_stanza_size',
  max_xmpp_buffer_bytes: 'max_xmpp_stanza_size',
};

export function readLegacyKey(name: LegacyKey, value: unknown, key: string): Said {
  return RULES[name](value, key);
}
