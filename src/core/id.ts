import { randomBytes } from 'node:crypto';

/** An unguessable name for a session, a stream or a header: 160 random bits (XEP-0124 §7.2 asks for 128), URL-safe. */
export function randomId(): string {
  return randomBytes(20).toString('base64url');
}

/** The form of a sid that may stand in a log: enough to tell sessions apart, useless to take one over. */
export function shortId(id: string): string {
  return `${id.slice(0, 6)}…`;
}
