import { ERRORS, reasonOf, type ErrorCode } from '../core/errors.ts';
import type { StreamEnd } from '../core/ports.ts';

/** Terminal conditions of `terminate` that mean one thing here. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  'bad-request': 'bad-request',
  'host-gone': 'host-gone',
  'host-unknown': 'host-unknown',
  'improper-addressing': 'improper-addressing',
  'internal-server-error': 'internal-error',
  'item-not-found': 'item-not-found',
  'other-request': 'other-request',
  'policy-violation': 'policy-violation',
  'remote-connection-failed': 'upstream-unreachable',
  'remote-stream-error': 'stream-error',
  'system-shutdown': 'system-shutdown',
  'connection-disallowed-by-firewall-rules': 'host-unknown',
  'connection-disallowed-due-to-route-policy': 'host-unknown',
};

/** Why a stream is over, in a word of XEP-0124; null for an orderly end. */
export function conditionOf(end: StreamEnd | undefined): string | null {
  return end === undefined ? null : ERRORS[end.code].bosh;
}

/** The end that a program means by a condition; what is no condition is told in the log. */
export function endOf(condition: unknown): StreamEnd | undefined {
  if (condition === null || condition === undefined || condition === '') return undefined;
  const text = typeof condition === 'string' ? condition : reasonOf(condition);
  return { code: (Object.hasOwn(CODES, text) ? CODES[text] : undefined) ?? 'upstream-closed', detail: text };
}
