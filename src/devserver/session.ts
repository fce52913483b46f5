import type { Account } from './account.ts';
import { fullOf, type Jid } from './jid.ts';

/** A bound resource: what routing knows of a connection. */
export class Session {
  readonly account: Account;
  readonly jid: Jid;
  readonly full: string;
  /** The last available presence, with `from`, without `to`; absent while unavailable. */
  presence: string | undefined;
  priority = 0;
  /** XEP-0280. */
  carbons = false;
  /** Has asked for the roster, so it gets roster pushes (RFC 6121 §2.1.6). */
  interested = false;
  /** Who got directed presence, and must learn when this session goes (RFC 6121 §4.6.3). */
  readonly directed = new Set<string>();
  readonly #send: (xml: string) => void;
  readonly #end: (condition: string) => void;

  constructor(account: Account, jid: Jid, send: (xml: string) => void, end: (condition: string) => void) {
    this.account = account;
    this.jid = jid;
    this.full = fullOf(jid);
    this.#send = send;
    this.#end = end;
  }

  send(xml: string): void {
    this.#send(xml);
  }

  /** Ends the stream with a stream error. */
  end(condition: string): void {
    this.#end(condition);
  }
}
