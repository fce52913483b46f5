import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Contact } from './contact.ts';
import { deriveCredentials, type ScramCredentials, type ScramHash } from './scram.ts';
import type { Session } from './session.ts';

/** RFC 5802 §5.1 asks for 4096 at least. More would only slow the demo. */
const ITERATIONS = 4096;

/** One user, all in memory. */
export class Account {
  readonly name: string;
  readonly jid: string;
  readonly nick: string;
  /** True for anonymous users: gone with their last session. */
  readonly temporary: boolean;
  readonly sessions = new Map<string, Session>();
  readonly roster = new Map<string, Contact>();
  /** Messages that came while nobody was there, oldest first. */
  offline: string[] = [];
  vcard: string | undefined;
  /** XEP-0049: stored elements by namespace. */
  readonly privateStore = new Map<string, string>();
  /** XEP-0163: node → item id → item. */
  readonly nodes = new Map<string, Map<string, string>>();
  readonly #credentials: Readonly<Record<ScramHash, ScramCredentials>> | undefined;

  constructor(options: { name: string; domain: string; password?: string; nick?: string | undefined }) {
    this.name = options.name;
    this.jid = `${options.name}@${options.domain}`;
    this.nick = options.nick ?? options.name;
    this.temporary = options.password === undefined;
    const { password } = options;
    if (password === undefined) return;
    const derive = (hash: ScramHash) => deriveCredentials(hash, password, randomBytes(16), ITERATIONS);
    this.#credentials = { sha1: derive('sha1'), sha256: derive('sha256') };
  }

  credentials(hash: ScramHash): ScramCredentials | undefined {
    return this.#credentials?.[hash];
  }

  hasPassword(password: string): boolean {
    const kept = this.#credentials?.sha256;
    if (kept === undefined) return false;
    const given = deriveCredentials('sha256', password, kept.salt, kept.iterations);
    return timingSafeEqual(given.storedKey, kept.storedKey);
  }

  /** Sessions that have sent presence (RFC 6121 §4.2), which makes them available. */
  available(): Session[] {
    return [...this.sessions.values()].filter((session) => session.presence !== undefined);
  }
}
