import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { clientAddress } from '../http/client-address.ts';
import { PrebindError } from './errors.ts';
import { parseJson } from './request.ts';

export interface WebhookSettings {
  readonly url: string;
  /** By which the site knows the gateway: it answers nobody else, for its answers hold proofs. */
  readonly key: string | undefined;
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 65_536;
/** Questions at once: whoever comes without a cookie makes the site say so. */
const MOST_OPEN = 200;
/** Of the browser's request, what tells the site who this is. */
const FORWARDED = [
  'cookie',
  'user-agent',
  'accept-language',
  'x-real-ip',
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-proto',
];

/** Asks the site who a browser belongs to; it answers with the JSON of an account. */
export class Webhook {
  readonly #settings: WebhookSettings;
  readonly #clock: Clock;
  #open = 0;

  constructor(settings: WebhookSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Throws `not-logged-in` where the site says so, by a 401, a 403 or a way to its login; else `webhook-failed`, or `overload`. */
  async ask(request: IncomingMessage): Promise<unknown> {
    if (this.#open >= MOST_OPEN) throw new PrebindError('overload', 'the webhook is asked too often');
    this.#open += 1;
    try {
      return await this.#ask(request);
    } finally {
      this.#open -= 1;
    }
  }

  async #ask(request: IncomingMessage): Promise<unknown> {
    const { url, key } = this.#settings;
    const late = new AbortController();
    const timer = this.#clock.after(TIMEOUT_MS, () => late.abort());
    try {
      const headers = { ...headersOf(request), ...(key !== undefined && { Authorization: `Bearer ${key}` }) };
      const response = await fetch(url, { headers, redirect: 'manual', signal: late.signal });
      const { status } = response;
      if (status === 401 || status === 403 || (status >= 300 && status < 400)) throw new PrebindError('not-logged-in');
      if (status !== 200) throw new PrebindError('webhook-failed', `HTTP ${status}`);
      return parseJson(await readBytes(response));
    } catch (cause) {
      if (cause instanceof PrebindError && cause.code !== 'bad-request') throw cause;
      const why = late.signal.aborted ? 'no answer in time' : reasonOf((cause as Error).cause ?? cause);
      throw new PrebindError('webhook-failed', why, { cause });
    } finally {
      timer.cancel();
    }
  }
}

function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json' };
  for (const name of FORWARDED) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const before = request.headersDistinct['x-forwarded-for'] ?? [];
  headers['x-forwarded-for'] = [...before, clientAddress(request)].join(', ');
  return headers;
}

async function readBytes(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new PrebindError('webhook-failed', 'its answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
