import { fromHint, languageTag, normaliseDomain } from '../core/domain.ts';
import { GatewayError } from '../core/errors.ts';
import type { Route } from '../core/ports.ts';
import { parseNumber, type BodyRequest } from './body.ts';
import { customAttributes, parseRoute, streamAttributes } from './extensions.ts';
import { KeyChain } from './keys.ts';

export interface NegotiationSettings {
  readonly maxWaitSeconds: number;
  readonly maxHold: number;
  readonly inactivitySeconds: number;
  readonly maxInactivitySeconds: number;
  readonly maxPauseSeconds: number;
  /** Advertised as `polling` where it is enforced; 0 is neither. */
  readonly pollingSeconds: number;
  /** Compressed requests are read: advertised as `accept`. */
  readonly compression: boolean;
}

/** What client and gateway agree on for the life of a session (XEP-0124 §7). Times in seconds. */
export interface Agreement {
  readonly to: string;
  readonly from: string | undefined;
  readonly lang: string | undefined;
  readonly route: Route | undefined;
  readonly headerAttributes: Readonly<Record<string, string>> | undefined;
  readonly custom: ReadonlyMap<string, string>;
  readonly wait: number;
  readonly hold: number;
  readonly requests: number;
  readonly inactivity: number;
  readonly maxPause: number;
  /** The shortest time between empty requests; 0 where there is none. */
  readonly pollInterval: number;
  /** Content codings of requests that are read; undefined for none. */
  readonly accept: string | undefined;
  /** The client acknowledges answers (§9.2). */
  readonly acknowledges: boolean;
  /** Of a session that is protected by keys (§15). */
  readonly newKey: string | undefined;
  /** Undefined for a legacy client, which wants HTTP status codes (§17.1). */
  readonly ver: string | undefined;
  /** Content-Type of all answers. */
  readonly content: string;
  readonly polling: boolean;
}

/** The version of XEP-0124 that is spoken here. */
const OWN_VERSION = [1, 11] as const;

export const DEFAULT_CONTENT_TYPE = 'text/xml; charset=utf-8';

/** Reads a session creation request. Throws `GatewayError`. */
export function negotiate(request: BodyRequest, settings: NegotiationSettings): Agreement {
  const values = request.attributes;
  const ver = version(values.get('ver'));
  const content = contentType(values.get('content'));
  const hold = Math.min(holdOf(values), settings.maxHold);
  const wait = Math.min(parseNumber(values, 'wait', 65_535) ?? settings.maxWaitSeconds, settings.maxWaitSeconds);
  const polling = hold === 0 || wait === 0;
  const to = normaliseDomain(values.get('to') ?? '');
  const newKey = values.get('newkey');
  if (newKey !== undefined && !KeyChain.accepts(newKey)) throw new GatewayError('bad-request', 'newkey is no key');
  if (to === undefined) throw new GatewayError('improper-addressing', 'to is missing or no domain');
  return {
    to,
    from: fromHint(values.get('from'), to),
    lang: languageTag(request.lang),
    route: parseRoute(values.get('route')),
    headerAttributes: streamAttributes(values.get('stream_attrs')),
    custom: customAttributes(values),
    wait,
    hold,
    // Two at least, so that there is always one to send with (conformance A-05; stanza stalls with more).
    requests: Math.max(hold + 1, 2),
    inactivity: inactivityOf(values, polling, settings),
    maxPause: settings.maxPauseSeconds,
    pollInterval: settings.pollingSeconds,
    accept: settings.compression ? 'gzip,deflate' : undefined,
    acknowledges: values.get('ack') === '1',
    newKey,
    ver,
    content,
    polling,
  };
}

function holdOf(values: ReadonlyMap<string, string>): number {
  const hold = parseNumber(values, 'hold', 256) ?? 1;
  if (hold > 255) throw new GatewayError('bad-request', 'hold is above 255');
  return hold;
}

/** 0 means that a client may stay away as long as it likes. A polling client is away between its polls, so it gets the longest period (XEP-0124 §10, §12). */
function inactivityOf(values: ReadonlyMap<string, string>, polling: boolean, settings: NegotiationSettings): number {
  if (settings.inactivitySeconds === 0) return 0;
  const least = polling ? settings.maxInactivitySeconds : settings.inactivitySeconds;
  const asked = parseNumber(values, 'inactivity', 65_535) ?? least;
  return Math.min(Math.max(asked, least), settings.maxInactivitySeconds);
}

/** The lower of the two versions, both parts compared as integers: 1.6 < 1.11 (BOSH-SESSION-07). */
function version(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,5})\.(\d{1,5})$/.exec(text);
  if (match === null) throw new GatewayError('bad-request', 'ver is malformed');
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const isLower = major < OWN_VERSION[0] || (major === OWN_VERSION[0] && minor < OWN_VERSION[1]);
  return isLower ? `${major}.${minor}` : OWN_VERSION.join('.');
}

/**
 * The client may choose the type of the answers; only types that no browser takes for a page are granted, spelled by us.
 * COMPAT(xmpp-prebind-php): `text/xml charset=utf-8`, without the semicolon.
 */
function contentType(text: string | undefined): string {
  if (text === undefined) return DEFAULT_CONTENT_TYPE;
  const match = /^(text\/xml|application\/xml|text\/plain)(\s*;?\s*charset\s*=\s*"?utf-?8"?)?\s*;?$/i.exec(text);
  if (match === null) throw new GatewayError('bad-request', 'content is not allowed');
  const type = (match[1] as string).toLowerCase();
  return match[2] === undefined ? type : `${type}; charset=utf-8`;
}

/** So long the client may be away (s). */
export function patienceOf({ inactivity }: Agreement): number {
  return inactivity > 0 ? inactivity : Infinity;
}

/** What the creation answer says of the agreement (XEP-0124 §7.2, XEP-0206 §4). Its `ack` announces acknowledgements (§9.1). */
export function announced(agreement: Agreement, sid: string, rid: number): Record<string, string | number | undefined> {
  const { from, wait, hold, requests, maxPause, pollInterval, accept, ver } = agreement;
  const polling = pollInterval > 0 ? pollInterval : undefined;
  const inactivity = agreement.inactivity > 0 ? agreement.inactivity : undefined;
  const maxpause = maxPause > 0 ? maxPause : undefined;
  const restartlogic = { 'xmpp:restartlogic': 'true' };
  return { sid, wait, requests, ver, polling, inactivity, hold, maxpause, accept, ack: rid, to: from, ...restartlogic };
}
