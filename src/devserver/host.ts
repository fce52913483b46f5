import { randomUUID } from 'node:crypto';
import type { Logger } from '../core/ports.ts';
import { Account } from './account.ts';
import { foldName, parseJid, type Jid } from './jid.ts';
import type { Session } from './session.ts';

export interface DevUser {
  readonly name: string;
  readonly password: string;
  /** What the others see in their rosters. */
  readonly nick?: string;
}

/** The one domain that is served, and its users. */
export class Host {
  readonly domain: string;
  readonly anonymous: boolean;
  readonly log: Logger;
  readonly started = new Date();
  readonly accounts = new Map<string, Account>();

  constructor(options: { domain: string; users: readonly DevUser[]; anonymous: boolean; log: Logger }) {
    this.domain = foldName(options.domain);
    this.anonymous = options.anonymous;
    this.log = options.log;
    for (const { name, password, nick } of options.users) {
      const account = new Account({ name: foldName(name), domain: this.domain, password, nick });
      if (parseJid(account.jid)?.local !== account.name) throw new RangeError(`no user name: ${name}`);
      this.accounts.set(account.name, account);
    }
    for (const owner of this.accounts.values()) {
      for (const { jid, nick } of this.accounts.values()) {
        if (jid !== owner.jid) owner.roster.set(jid, { jid, name: nick, groups: [], to: true, from: true });
      }
    }
  }

  /** A user for the length of one connection (RFC 4505). */
  addAnonymous(): Account {
    const account = new Account({ name: randomUUID(), domain: this.domain });
    this.accounts.set(account.name, account);
    return account;
  }

  /** Forgets an anonymous user that has gone. */
  release(account: Account): void {
    if (account.temporary && account.sessions.size === 0) this.accounts.delete(account.name);
  }

  isLocal(jid: Jid): boolean {
    return jid.domain === this.domain;
  }

  account(jid: Jid | string): Account | undefined {
    const parsed = typeof jid === 'string' ? parseJid(jid) : jid;
    return parsed !== undefined && this.isLocal(parsed) ? this.accounts.get(parsed.local) : undefined;
  }

  session(jid: Jid): Session | undefined {
    return this.account(jid)?.sessions.get(jid.resource);
  }

  /** The available sessions that a presence to this address reaches: one resource, or all of them. */
  reachable(jid: Jid): Session[] {
    if (jid.resource === '') return this.account(jid)?.available() ?? [];
    const session = this.session(jid);
    return session === undefined ? [] : [session];
  }
}
