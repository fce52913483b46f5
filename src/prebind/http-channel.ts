import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import type { UpstreamSecurity } from '../core/ports.ts';
import { PrebindError } from './errors.ts';
import type { Channel } from './login.ts';

export interface HttpChannelSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** Aborted when the time is up; its reason is what requests then reject with. */
  readonly signal: AbortSignal;
}

const MAX_ANSWER_BYTES = 1_048_576;
const FAREWELL_MS = 2000;

/** A connection manager behind a URL. */
export class HttpChannel implements Channel {
  readonly #settings: HttpChannelSettings;

  constructor(settings: HttpChannelSettings) {
    this.#settings = settings;
  }

  post(body: string): Promise<string> {
    return this.#send(body, this.#settings.signal);
  }

  /** A session of which no name came cannot be ended; its manager waits for a second request in vain. */
  async end(body: string | undefined): Promise<void> {
    if (body === undefined) return;
    const late = new AbortController();
    const timer = this.#settings.clock.after(FAREWELL_MS, () => late.abort());
    await this.#send(body, late.signal).catch(() => {});
    timer.cancel();
  }

  async #send(body: string, signal: AbortSignal): Promise<string> {
    const { url, headers, fetch } = this.#settings;
    signal.throwIfAborted();
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'Content-Type': 'text/xml; charset=utf-8' },
        body,
        signal,
        // Elsewhere is somebody else, who is not to get what we say.
        redirect: 'manual',
      });
      if (response.status >= 500) throw new PrebindError('temporary', `HTTP ${response.status}`);
      if (response.status !== 200) throw new PrebindError('server-fault', `HTTP ${response.status}`);
      return await readText(response);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (cause instanceof PrebindError) throw cause;
      throw new PrebindError('unreachable', reasonOf((cause as Error).cause ?? cause), { cause });
    }
  }

  /** TLS towards the manager is not the one towards the server, so nothing can be bound to it. */
  security(): UpstreamSecurity {
    const { protocol, hostname } = new URL(this.#settings.url);
    const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
    return { isPrivate: protocol === 'https:' || isLocal, binding: () => undefined };
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#settings.clock.after(ms, resolve));
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new PrebindError('server-fault', 'the answer is too large');
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
