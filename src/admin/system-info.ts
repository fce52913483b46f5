import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { TokenBucket } from '../core/limits.ts';
import { respondText } from '../http/respond.ts';
import { escapeHtml, sendPage } from './html.ts';
import { isReading, renderNumbers, type Program } from './monitor.ts';
import type { Tally } from './tally.ts';

/** Guesses at the password, of all addresses together. */
const GUESSES = { burst: 20, perSecond: 0.2 };

const USER = 'admin';

/** A password of any length, compared in a time that tells nothing of it. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** User and password of RFC 7617; undefined for what is none. */
function credentialsOf({ headers }: IncomingMessage): string | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(headers.authorization ?? '') ?? [];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString();
}

/** What is secret in settings is called so, or is a private key; addresses of services may hold keys of theirs. */
const SECRET = /password|secret|token|key|webhook$/i;

/** A setting for people; what is secret in it is not there. */
export function showSetting(name: string, value: unknown): string {
  const shown = showValue(name, value);
  return typeof shown === 'string' ? shown : JSON.stringify(shown, (key, inner: unknown) => showValue(key, inner));
}

function showValue(name: string, value: unknown): unknown {
  if (value instanceof RegExp) return String(value);
  if (typeof value !== 'string') return value;
  return SECRET.test(name) ? '(secret)' : value.includes('-----BEGIN') ? '(PEM)' : value;
}

/** The page `sysinfo/`: the numbers, and all settings but the secret ones. */
export class SystemInfo {
  readonly #settings: Readonly<Record<string, unknown>>;
  readonly #password: string | undefined;
  readonly #tally: Tally;
  readonly #program: Program;
  readonly #guesses: TokenBucket;
  #isFlooded = false;

  constructor(
    settings: Readonly<Record<string, unknown>> & { readonly systemInfoPassword?: string | undefined },
    tally: Tally,
    program: Program,
    clock: Clock,
  ) {
    this.#settings = settings;
    this.#password = settings.systemInfoPassword;
    this.#tally = tally;
    this.#program = program;
    this.#guesses = new TokenBucket(GUESSES.burst, GUESSES.perSecond, clock);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (!isReading(request, response)) return;
    if (this.#password === undefined) {
      respondText(response, 403, 'This page is off. It needs a password: systemInfoPassword in the configuration.');
      return;
    }
    const given = credentialsOf(request);
    const isRight = given !== undefined && isSame(given, `${USER}:${this.#password}`);
    if (given !== undefined && this.#isGuessing(isRight)) {
      response.setHeader('Retry-After', '5');
      respondText(response, 429, 'Too many wrong passwords.');
    } else if (isRight) this.#show(response);
    else this.#ask(response);
  }

  /** Wrong passwords count; while there are too many of them, the right one gets no other answer than they do. */
  #isGuessing(isRight: boolean): boolean {
    if (isRight && !this.#isFlooded) return false;
    this.#isFlooded = !this.#guesses.take();
    return this.#isFlooded;
  }

  #ask(response: ServerResponse): void {
    response.setHeader('WWW-Authenticate', 'Basic realm="Sluice: the user is admin", charset="UTF-8"');
    respondText(response, 401, 'The user is admin; the password is systemInfoPassword of the configuration.');
  }

  #show(response: ServerResponse): void {
    const rows = Object.entries(this.#settings)
      .filter(([, value]) => value !== undefined)
      .map(
        ([name, value]) =>
          `<tr><th scope="row">${name}</th><td><code>${escapeHtml(showSetting(name, value))}</code></td></tr>`,
      );
    const numbers = renderNumbers(this.#tally.view(), this.#program);
    const table = `<table>\n<caption>Settings</caption>\n${rows.join('\n')}\n</table>`;
    sendPage(response, 'Sluice: system information', `${numbers}\n<p>Node.js ${process.versions.node}.</p>\n${table}`);
  }
}
