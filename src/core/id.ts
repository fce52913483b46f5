import { randomFillSync } from 'node:crypto';

/** 160 random bits: XEP-0124 §7.2 asks for 128. */
const ID_BYTES = 20;

/** To ask for few bytes at a time takes longer than all else that is done for an id. None is used twice. */
const pool = Buffer.alloc(200 * ID_BYTES);
let used = pool.length;

/** An unguessable name for a session, a stream or a header, URL-safe. */
export function randomId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString('base64url', used, used + ID_BYTES);
  used += ID_BYTES;
  return id;
}

/** The form of a sid that may stand in a log: enough to tell sessions apart, useless to take one over. */
export function shortId(id: string): string {
  return `${id.slice(0, 6)}...`;
}
