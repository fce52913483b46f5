import type { Account, FrontUrls } from '../real-server.ts';
import { eventually, within } from '../waiting.ts';

export interface Message {
  /** Bare JID of the sender. */
  readonly from: string;
  readonly body: string;
}

export interface Presence {
  /** Bare JID. */
  readonly from: string;
  readonly type: 'available' | 'unavailable' | 'other';
}

export interface LoginOptions {
  readonly urls: FrontUrls;
  readonly domain: string;
  readonly account: Account;
}

/** What each client library must do in the tests. */
export interface ChatLibrary {
  readonly name: string;
  /** Resolves when the session is bound. */
  login(options: LoginOptions): Promise<ChatClient>;
}

export function bare(jid: string | null | undefined): string {
  return jid?.split('/')[0] ?? '';
}

/** A logged-in client of whichever library. */
export abstract class ChatClient {
  readonly messages: Message[] = [];
  readonly presences: Presence[] = [];
  /** The SASL mechanism that the client chose, read from what it sent. */
  mechanism = '';
  /** What went over the wire, to be shown when a test fails. */
  readonly wire: string[] = [];

  /** Full JID. */
  abstract get jid(): string;
  abstract sendPresence(): void | Promise<void>;
  abstract sendMessage(to: string, body: string): void | Promise<void>;
  /** Asks for the roster; bare JIDs with their subscription. */
  abstract roster(): Promise<Map<string, string>>;
  /** Logs out as the library does it; resolves when the library says that it is disconnected. */
  abstract logout(): Promise<void>;
  /** Drops everything. Idempotent. */
  abstract destroy(): void;

  async message(body: string, from: string): Promise<void> {
    await this.#seen(`the message ${body.slice(0, 40)}… from ${from}`, () =>
      this.messages.some((message) => message.body === body && message.from === from),
    );
  }

  async presence(from: string, type: Presence['type']): Promise<void> {
    await this.#seen(`that ${from} is ${type}`, () => this.#lastPresence(from) === type);
  }

  async #seen(what: string, condition: () => boolean): Promise<void> {
    try {
      await eventually(`${this.jid} has seen ${what}`, condition, patienceMs);
    } catch (error) {
      throw new Error(`${String(error)}\n${lastLines(this.wire)}`, { cause: error });
    }
  }

  #lastPresence(from: string): Presence['type'] | undefined {
    return this.presences.findLast((presence) => presence.from === from)?.type;
  }

  protected sent(data: string): void {
    this.wire.push(`> ${data}`);
    const auth = /<auth(?:enticate)?\s[^>]*mechanism=["']([^"']+)["']/.exec(data);
    if (auth?.[1] !== undefined) this.mechanism = auth[1];
  }

  protected received(data: string): void {
    this.wire.push(`< ${data}`);
  }

  protected gotPresence(from: string | null | undefined, type: string | null | undefined): void {
    const known = type === 'unavailable' || type === 'available' ? type : type ? 'other' : 'available';
    this.presences.push({ from: bare(from), type: known });
  }
}

/** Rejects with `what` and the wire's last lines when `promise` takes too long. */
export async function inTime<T>(what: string, wire: readonly string[], promise: Promise<T>): Promise<T> {
  try {
    return await within(promise, what, patienceMs);
  } catch (error) {
    throw new Error(`${String(error)}\n${lastLines(wire)}`, { cause: error });
  }
}

function lastLines(wire: readonly string[]): string {
  const lines = wire.slice(-12).map((line) => (line.length > 600 ? `${line.slice(0, 600)}…` : line));
  return `Last on the client's wire:\n${lines.join('\n')}`;
}

/** As long as a client may take for one step. */
export const patienceMs = 10_000;
