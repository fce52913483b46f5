import { NO_VALUES, ridOf, type BodyRequest, type BodyValues } from './body.ts';
import type { PastAnswer } from './pending.ts';

/** An answer that a client does not acknowledge so long after it was given is missing, not under way (BOSH-ACK-07). */
const MISSING_AFTER_MS = 250;

/** Which answer is missing, and the milliseconds since it was given (XEP-0124 §9.2). */
export interface Report {
  readonly report: number;
  readonly time: number;
}

/**
 * Up to which rid the client has all answers: without the attribute up to this one; nonsense says nothing (BOSH-ACK-06, -09).
 */
export function acknowledgedRid({ rid, attributes }: BodyRequest): number {
  const text = attributes.get('ack');
  if (text === undefined) return rid - 1;
  const ack = ridOf(text);
  return ack < rid ? ack : 0;
}

/** What to tell a client that lags behind with its acknowledgements; `missing` is the answer after the last that it has. */
export function reportOf(request: BodyRequest, missing: PastAnswer | undefined, now: number): Report | undefined {
  if (!request.attributes.has('ack') || missing === undefined || now - missing.at < MISSING_AFTER_MS) return undefined;
  return { report: acknowledgedRid(request) + 1, time: Math.min(Math.round(now - missing.at), 65_535) };
}

/** The highest rid up to which all have come, where it is not the one that is answered (XEP-0124 §9.1). */
export function ackValues(rid: number, last: number, report: Report | undefined): BodyValues {
  const isNews = last !== rid;
  if (report === undefined) return isNews ? { ack: last } : NO_VALUES;
  return isNews ? { ack: last, ...report } : { ...report };
}
