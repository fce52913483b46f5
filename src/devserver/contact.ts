import { randomId } from '../core/id.ts';
import { NS } from '../xml/ns.ts';
import { escapeText } from '../xml/write.ts';
import type { Account } from './account.ts';
import { element, StanzaFault } from './stanza.ts';

export const NS_ROSTER = 'jabber:iq:roster';
const MOST_CONTACTS = 1000;

/** A roster entry (RFC 6121 §2.1). `to`: the owner sees the contact. `from`: the contact sees the owner. */
export interface Contact {
  readonly jid: string;
  name: string | undefined;
  groups: readonly string[];
  to: boolean;
  from: boolean;
}

function subscriptionOf({ to, from }: Contact): string {
  if (to) return from ? 'both' : 'to';
  return from ? 'from' : 'none';
}

export function itemOf(contact: Contact): string {
  const groups = contact.groups.map((group) => `<group>${escapeText(group)}</group>`).join('');
  return element('item', { jid: contact.jid, name: contact.name, subscription: subscriptionOf(contact) }, groups);
}

/** Tells every interested session of the owner (RFC 6121 §2.1.6). */
export function pushItem(owner: Account, item: string): void {
  const query = element('query', { xmlns: NS_ROSTER }, item);
  for (const session of owner.sessions.values()) {
    if (!session.interested) continue;
    session.send(element('iq', { xmlns: NS.client, type: 'set', id: randomId(), to: session.full }, query));
  }
}

/** The entry for `jid`, made where there is none. */
export function contactFor(owner: Account, jid: string): Contact {
  let contact = owner.roster.get(jid);
  if (contact === undefined) {
    if (owner.roster.size >= MOST_CONTACTS) throw new StanzaFault('resource-constraint');
    contact = { jid, name: undefined, groups: [], to: false, from: false };
    owner.roster.set(jid, contact);
  }
  return contact;
}

export function pushContact(owner: Account, contact: Contact): void {
  pushItem(owner, itemOf(contact));
}
