import { childOf, elementsOf, textOf, type XmlElement } from '../xml/tree.ts';
import { contactFor, itemOf, NS_ROSTER, pushContact, pushItem } from './contact.ts';
import type { Host } from './host.ts';
import { bareOf, parseJid } from './jid.ts';
import type { Session } from './session.ts';
import { element, StanzaFault } from './stanza.ts';
import { cancelSubscriptions } from './subscription.ts';

export function rosterOf(session: Session): string {
  session.interested = true;
  return element('query', { xmlns: NS_ROSTER }, [...session.account.roster.values()].map(itemOf).join(''));
}

/** A roster set: one item, added, changed or removed (RFC 6121 §2.3 to §2.5). */
export function setRoster(host: Host, session: Session, query: XmlElement): string {
  const items = elementsOf(query);
  const item = childOf(query, 'item', NS_ROSTER);
  const jid = parseJid(item?.attributes.get('jid') ?? '');
  if (item === undefined || items.length !== 1 || jid === undefined) throw new StanzaFault('bad-request');
  const owner = session.account;
  const bare = bareOf(jid);
  if (bare === owner.jid) throw new StanzaFault('not-allowed');

  if (item.attributes.get('subscription') === 'remove') {
    if (!owner.roster.has(bare)) throw new StanzaFault('item-not-found');
    cancelSubscriptions(host, owner, bare);
    owner.roster.delete(bare);
    pushItem(owner, element('item', { jid: bare, subscription: 'remove' }));
    return '';
  }
  const contact = contactFor(owner, bare);
  contact.name = item.attributes.get('name');
  contact.groups = elementsOf(item)
    .filter(({ name }) => name === 'group')
    .map(textOf);
  pushContact(owner, contact);
  return '';
}
