import { decimal } from '../core/decimal.ts';
import { LONG_TEXT, joined, type Text } from '../core/encoding.ts';
import { ERRORS, GatewayError, type ErrorCode } from '../core/errors.ts';
import type { Stanza } from '../core/ports.ts';
import { isNegotiation } from '../stream/negotiation.ts';
import { NS } from '../xml/ns.ts';
import { XmlError, readDocument, type Slice, type XmlLimits } from '../xml/reader.ts';
import { byteLengthOf, stanzaOf } from '../xml/stanza.ts';
import { attributes } from '../xml/write.ts';

/** One request as it stands in its `<body/>`: checked in form, not yet against any session. */
export interface BodyRequest {
  readonly sid: string | undefined;
  readonly rid: number;
  readonly type: 'terminate' | undefined;
  /** Seconds. */
  readonly pause: number | undefined;
  readonly restart: boolean;
  readonly payload: readonly Stanza[];
  readonly lang: string | undefined;
  /** The wrapper's other attributes, by `name` or `{namespace}name`. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** True for a request that only asks whether there is something. */
export function isEmptyRequest({ payload, type, pause, restart }: BodyRequest): boolean {
  return payload.length === 0 && type === undefined && pause === undefined && !restart;
}

/** One that says nothing, of nobody. */
export const NO_REQUEST: BodyRequest = {
  ...{ sid: undefined, rid: 0, type: undefined, pause: undefined, restart: false, lang: undefined },
  ...{ payload: [], attributes: new Map() },
};

/** What a request says, to be compared. */
export function textOf(payload: readonly Stanza[]): string {
  let text = '';
  for (const { xml } of payload) text += xml;
  return text;
}

/** A request that was understood well enough to know whose it is, and breaks a rule: its session ends (conformance A-01). */
export class BodyError extends GatewayError {
  readonly sid: string | undefined;
  constructor(error: GatewayError, sid: string | undefined) {
    super(error.code, error.detail, { cause: error });
    this.sid = sid;
  }
}

/** Put together once: a text that is made anew is hashed anew for each look-up. */
const RESTART = `{${NS.xbosh}}restart`;

/** Reads a request. Throws `GatewayError`, `BodyError` where sid and rid were in order; nothing of it counts (BOSH-BODY-06). */
export function parseBody(bytes: Uint8Array, limits: XmlLimits): BodyRequest {
  const { root, slices } = read(bytes, limits);
  if (root.name !== 'body' || root.ns !== NS.httpbind) throw new GatewayError('bad-request', 'the root is no <body/>');
  const { attributes: values, context } = root;
  const sid = values.get('sid');
  const rid = parseRid(values.get('rid'));
  try {
    return {
      sid,
      rid,
      type: parseType(values.get('type')),
      pause: parseNumber(values, 'pause', 65_535),
      restart: parseBoolean(values.get(RESTART)),
      payload: payloadsOf(slices, bytes.byteLength),
      lang: context.lang,
      attributes: values,
    };
  } catch (error) {
    throw error instanceof GatewayError ? new BodyError(error, sid) : error;
  }
}

function read(bytes: Uint8Array, limits: XmlLimits) {
  try {
    return readDocument(bytes, 'children', limits);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    const code = error.code === 'policy-violation' ? 'policy-violation' : 'bad-request';
    throw new GatewayError(code, error.message, { cause: error });
  }
}

/** Declarations of the wrapper are copied to each payload that uses them: that must not multiply what came (NS-12). */
function payloadsOf(slices: readonly Slice[], bodyBytes: number): Stanza[] {
  let left = 4 * bodyBytes + 65_536;
  return slices.map((slice) => {
    const stanza = payloadOf(slice);
    left -= stanza.bytes;
    if (left < 0) throw new GatewayError('policy-violation', 'the declarations of the body multiply it');
    return stanza;
  });
}

function payloadOf(slice: Slice): Stanza {
  const { name, ns, prefix } = slice;
  // No namespace is nobody's (NSV-12); a wrapper inside the wrapper would become a stanza.
  const isWrapper = ns === NS.httpbind && (prefix !== '' || name === 'body');
  // The stream is the gateway's to open, describe and secure (NS-13, XBOSH-11).
  const isStream = ns === NS.streams && name !== 'error';
  if (ns === '' || isWrapper || isStream || isNegotiation(slice)) {
    throw new GatewayError('bad-request', `payload {${ns.slice(0, 80)}}${name.slice(0, 40)} is not allowed`);
  }
  return stanzaOf(slice);
}

/** A rid is a positive decimal integer (XEP-0124 §14.1), never coerced; NaN for all else. */
export function ridOf(text: string | undefined): number {
  return text === undefined || text.startsWith('0') ? NaN : decimal(text);
}

/** Up to 2^53 - 1 and nothing else: never rounded. */
function parseRid(text: string | undefined): number {
  const rid = ridOf(text);
  if (!Number.isSafeInteger(rid)) throw new GatewayError('bad-request', 'rid is missing or malformed');
  return rid;
}

/** `error` is a client's report of what we said, and changes nothing. */
function parseType(text: string | undefined): 'terminate' | undefined {
  if (text === undefined || text === 'error') return undefined;
  if (text === 'terminate') return text;
  throw new GatewayError('bad-request', 'unknown type');
}

/** xs:boolean (XBOSH-RESTART-07). */
function parseBoolean(text: string | undefined): boolean {
  if (text === undefined || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1') return true;
  throw new GatewayError('bad-request', 'not a boolean');
}

/** A decimal integer; above `clampTo` it becomes that, and what is no such number is refused (BOSH-SESSION-21). */
export function parseNumber(values: ReadonlyMap<string, string>, name: string, clampTo: number): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const number = decimal(text);
  if (Number.isNaN(number)) throw new GatewayError('bad-request', `${name} is no whole number`);
  return Math.min(number, clampTo);
}

/** Attributes of a response body, in their order; those that are undefined are not there. */
export type BodyValues = Readonly<Record<string, string | number | undefined>>;

/** Most answers say nothing but their payload. */
export const NO_VALUES: BodyValues = {};

/** A response body. The prefixes `stream` and `xmpp` are declared where they are used (XBOSH-01). */
export function renderBody(values: BodyValues, payload: readonly Stanza[]): string {
  return joined(textOfBody(values, payload));
}

const START = `<body xmlns='${NS.httpbind}'`;
const END = '</body>';

/** The same, as it is written soonest. */
export function textOfBody(values: BodyValues, payload: readonly Stanza[]): Text {
  if (payload.length === 0) return `${renderHead(values, payload)}/>`;
  const head = `${renderHead(values, payload)}>`;
  let bytes = Buffer.byteLength(head) + END.length;
  let length = 0;
  for (const stanza of payload) {
    bytes += byteLengthOf(stanza);
    length += stanza.xml.length;
  }
  const isLong = length >= LONG_TEXT;
  return { texts: isLong ? [head, ...payload.map(({ xml }) => xml), END] : [`${head}${textOf(payload)}${END}`], bytes };
}

function renderHead(values: BodyValues, payload: readonly Stanza[]): string {
  let head = START;
  if (payload.some(isOfStream)) head += ` xmlns:stream='${NS.streams}'`;
  if (values !== NO_VALUES) {
    const usesXbosh = Object.keys(values).some((name) => name.startsWith('xmpp:') && values[name] !== undefined);
    if (usesXbosh) head += ` xmlns:xmpp='${NS.xbosh}'`;
    head += attributes(values);
  }
  return head;
}

/** An element of the stream itself: its features, or its error. */
export function isOfStream({ ns }: Stanza): boolean {
  return ns === NS.streams;
}

/** A body that ends the session on a condition (XEP-0124 §17.2). */
export function renderTerminate(condition: string | undefined, payload: readonly Stanza[] = []): string {
  return renderBody({ type: 'terminate', condition }, payload);
}

/** The HTTP status that a client without `ver` gets for a condition; most have none (XEP-0124 §17.1). */
export function legacyStatus(code: ErrorCode): number {
  switch (ERRORS[code].bosh) {
    case 'bad-request':
      return 400;
    case 'policy-violation':
      return 403;
    case 'item-not-found':
      return 404;
    default:
      return 200;
  }
}
