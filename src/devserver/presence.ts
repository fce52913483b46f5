import { NS } from '../xml/ns.ts';
import { childOf, textOf } from '../xml/tree.ts';
import type { Host } from './host.ts';
import { bareOf, fullOf, parseJid } from './jid.ts';
import { deliverOffline } from './message.ts';
import type { Session } from './session.ts';
import { element, StanzaFault, withAttributes, type InboundStanza } from './stanza.ts';
import { handleSubscription } from './subscription.ts';

const MOST_DIRECTED = 200;

export function handlePresence(host: Host, session: Session, stanza: InboundStanza): void {
  switch (stanza.type) {
    case undefined:
    case 'unavailable':
      if (stanza.to !== undefined) direct(host, session, stanza);
      else if (stanza.type === undefined) becomeAvailable(host, session, stanza);
      else becomeUnavailable(host, session, stanza.xml);
      return;
    case 'probe':
      if (stanza.to !== undefined) probe(host, session, bareOf(stanza.to));
      return;
    case 'error':
      if (stanza.to !== undefined) relay(host, session, stanza);
      return;
    case 'subscribe':
    case 'subscribed':
    case 'unsubscribe':
    case 'unsubscribed':
      handleSubscription(host, session, stanza);
      return;
    default:
      throw new StanzaFault('bad-request');
  }
}

/** Those who see this user's presence: contacts with a subscription, and the user's own sessions (RFC 6121 §4.2.2). */
function audience(host: Host, session: Session): Session[] {
  const { account } = session;
  const watchers = [...account.roster.values()]
    .filter(({ from }) => from)
    .flatMap(({ jid }) => host.account(jid)?.available() ?? []);
  return [...watchers, ...account.available()];
}

function broadcast(sessions: readonly Session[], xml: string): void {
  for (const to of sessions) to.send(withAttributes(xml, { to: to.account.jid }));
}

function becomeAvailable(host: Host, session: Session, stanza: InboundStanza): void {
  const initial = session.presence === undefined;
  const priority = childOf(stanza.tree, 'priority', NS.client);
  const number = priority === undefined ? 0 : Number(textOf(priority).trim());
  if (!Number.isInteger(number) || number < -128 || number > 127) throw new StanzaFault('bad-request');
  session.presence = withAttributes(stanza.xml, { from: session.full });
  session.priority = number;
  broadcast(audience(host, session), session.presence);
  if (initial) {
    for (const other of session.account.available()) if (other !== session) showTo(session, other);
    for (const contact of session.account.roster.values()) if (contact.to) probe(host, session, contact.jid);
  }
  // Not only at the first presence: one that was negative may no longer be (RFC 6121 §4.2.2, XEP-0160).
  if (number >= 0) deliverOffline(host, session);
}

function showTo(viewer: Session, seen: Session): void {
  if (seen.presence !== undefined) viewer.send(withAttributes(seen.presence, { to: viewer.full }));
}

/** Answered at once, as everybody is here (RFC 6121 §4.3.2). */
function probe(host: Host, viewer: Session, bare: string): void {
  const contact = host.account(bare);
  if (contact === undefined) return;
  const allowed = contact === viewer.account || contact.roster.get(viewer.account.jid)?.from === true;
  if (allowed) for (const seen of contact.available()) showTo(viewer, seen);
}

/** By the client's own word or because its connection is gone. Idempotent. */
export function becomeUnavailable(host: Host, session: Session, xml?: string): void {
  const farewell = withAttributes(xml ?? element('presence', { xmlns: NS.client, type: 'unavailable' }), {
    from: session.full,
  });
  const told = session.presence === undefined ? [] : audience(host, session);
  session.presence = undefined;
  broadcast(told, farewell);
  for (const target of session.directed) {
    const jid = parseJid(target);
    if (jid !== undefined)
      broadcast(
        host.reachable(jid).filter((to) => !told.includes(to)),
        farewell,
      );
  }
  session.directed.clear();
}

function relay(host: Host, session: Session, stanza: InboundStanza): void {
  if (stanza.to === undefined) return;
  const xml = withAttributes(stanza.xml, { from: session.full });
  for (const to of host.reachable(stanza.to)) to.send(xml);
}

function direct(host: Host, session: Session, stanza: InboundStanza): void {
  if (stanza.to === undefined) return;
  if (!host.isLocal(stanza.to)) throw new StanzaFault('remote-server-not-found');
  relay(host, session, stanza);
  const target = fullOf(stanza.to);
  if (stanza.type === 'unavailable') session.directed.delete(target);
  else if (session.directed.size < MOST_DIRECTED) session.directed.add(target);
}
