import { NS } from '../xml/ns.ts';
import type { Account } from './account.ts';
import type { Host } from './host.ts';
import { bareOf } from './jid.ts';
import { contactFor, pushContact } from './contact.ts';
import type { Session } from './session.ts';
import { element, StanzaFault, withAttributes, type InboundStanza } from './stanza.ts';

/** Sends a presence that the server makes to all available sessions of a user. */
function notify(target: Account, type: string, from: string): void {
  for (const session of target.available()) {
    session.send(element('presence', { xmlns: NS.client, type, from, to: target.jid }));
  }
}

/** Presence of each available session of `seen`, or its end, to all of `viewer`. */
function show(seen: Account, viewer: Account, available: boolean): void {
  for (const session of seen.available()) {
    for (const to of viewer.available()) {
      if (available) to.send(withAttributes(session.presence as string, { to: viewer.jid }));
      else to.send(element('presence', { xmlns: NS.client, type: 'unavailable', from: session.full, to: viewer.jid }));
    }
  }
}

/** `viewer` no longer sees `seen`. True where it did. */
function stopSeeing(viewer: Account, seen: Account): boolean {
  const mine = viewer.roster.get(seen.jid);
  const theirs = seen.roster.get(viewer.jid);
  const did = mine?.to === true || theirs?.from === true;
  if (!did) return false;
  show(seen, viewer, false);
  if (mine !== undefined) {
    mine.to = false;
    pushContact(viewer, mine);
  }
  if (theirs !== undefined) {
    theirs.from = false;
    pushContact(seen, theirs);
  }
  return true;
}

/** The owner removes a contact: both directions end (RFC 6121 §2.5.2). */
export function cancelSubscriptions(host: Host, owner: Account, bare: string): void {
  const contact = host.account(bare);
  if (contact === undefined) return;
  if (stopSeeing(owner, contact)) notify(contact, 'unsubscribe', owner.jid);
  if (stopSeeing(contact, owner)) notify(contact, 'unsubscribed', owner.jid);
}

/**
 * Subscription stanzas (RFC 6121 §3). Nobody is asked: each request is granted at once, as if the contact had said yes.
 */
export function handleSubscription(host: Host, session: Session, stanza: InboundStanza): void {
  const owner = session.account;
  if (stanza.to === undefined) throw new StanzaFault('bad-request');
  if (!host.isLocal(stanza.to)) throw new StanzaFault('remote-server-not-found');
  const bare = bareOf(stanza.to);
  const contact = host.account(bare);
  if (bare === owner.jid) return;
  if (contact === undefined) {
    // Nobody there: the server answers for them (RFC 6121 §3.1.3).
    if (stanza.type === 'subscribe') notify(owner, 'unsubscribed', bare);
    return;
  }
  switch (stanza.type) {
    case 'subscribe': {
      const mine = contactFor(owner, bare);
      const theirs = contactFor(contact, owner.jid);
      const before = mine.to && theirs.from;
      mine.to = true;
      theirs.from = true;
      notify(owner, 'subscribed', bare);
      if (before) return;
      pushContact(owner, mine);
      pushContact(contact, theirs);
      show(contact, owner, true);
      return;
    }
    case 'unsubscribe':
      if (stopSeeing(owner, contact)) notify(contact, 'unsubscribe', owner.jid);
      return;
    case 'unsubscribed':
      if (stopSeeing(contact, owner)) notify(contact, 'unsubscribed', owner.jid);
      return;
    default:
    // `subscribed`: nobody waits for an approval here.
  }
}
