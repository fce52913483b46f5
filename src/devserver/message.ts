import { NS } from '../xml/ns.ts';
import type { Account } from './account.ts';
import type { Host } from './host.ts';
import { bareOf } from './jid.ts';
import type { Session } from './session.ts';
import { delay, element, hasChild, StanzaFault, withAttributes, withChild, type InboundStanza } from './stanza.ts';

export const NS_CARBONS = 'urn:xmpp:carbons:2';
const NS_HINTS = 'urn:xmpp:hints';
/** Messages kept for one user who is away; the next one is refused. */
const MOST_OFFLINE = 100;

/** RFC 6121 §8.5. */
export function handleMessage(host: Host, session: Session, stanza: InboundStanza): void {
  const to = stanza.to ?? { ...session.jid, resource: '' };
  if (!host.isLocal(to)) throw new StanzaFault('remote-server-not-found');
  const account = host.account(to);
  if (account === undefined) throw new StanzaFault('service-unavailable');
  const addressed = stanza.to === undefined ? { to: bareOf(to) } : {};
  const xml = withAttributes(stanza.xml, { from: session.full, ...addressed });

  const receivers = receiversOf(account, account.sessions.get(to.resource), stanza);
  if (isCopied(stanza)) {
    copy('sent', session.account, xml, new Set([session, ...receivers]));
    if (receivers.length > 0) copy('received', account, xml, new Set([session, ...receivers]));
  }
  for (const receiver of receivers) receiver.send(xml);
  if (receivers.length === 0) keep(host, account, stanza, xml);
}

function receiversOf(account: Account, session: Session | undefined, stanza: InboundStanza): Session[] {
  if (session !== undefined) return [session];
  // An error finds the session that it is for, or nobody (§8.5.3.2.2).
  if (stanza.type === 'error') return [];
  if (stanza.type === 'groupchat') throw new StanzaFault('service-unavailable');
  return account.available().filter(({ priority }) => priority >= 0);
}

/** XEP-0160: what a person would want to read later. */
function keep(host: Host, account: Account, stanza: InboundStanza, xml: string): void {
  if (stanza.type === 'error' || stanza.type === 'headline') return;
  if (account.temporary) throw new StanzaFault('service-unavailable');
  if (hasChild(stanza, 'no-store', NS_HINTS)) return;
  if (!hasChild(stanza, 'body') && !hasChild(stanza, 'store', NS_HINTS)) return;
  if (account.offline.length >= MOST_OFFLINE) throw new StanzaFault('service-unavailable');
  account.offline.push(withChild(xml, delay(host.domain, new Date())));
}

export function deliverOffline(host: Host, session: Session): void {
  const { account } = session;
  if (account.offline.length === 0) return;
  host.log.debug({ user: account.name, count: account.offline.length }, 'kept messages delivered');
  const kept = account.offline;
  account.offline = [];
  for (const xml of kept) session.send(xml);
}

/** Which messages have carbon copies (XEP-0280 §6.1, §8). */
function isCopied(stanza: InboundStanza): boolean {
  if (hasChild(stanza, 'private', NS_CARBONS) || hasChild(stanza, 'no-copy', NS_HINTS)) return false;
  return stanza.type === 'chat' || ((stanza.type ?? 'normal') === 'normal' && hasChild(stanza, 'body'));
}

function copy(direction: 'sent' | 'received', account: Account, xml: string, without: ReadonlySet<Session>): void {
  for (const session of account.sessions.values()) {
    if (!session.carbons || without.has(session)) continue;
    const forwarded = element('forwarded', { xmlns: 'urn:xmpp:forward:0' }, xml);
    const wrapped = element(direction, { xmlns: NS_CARBONS }, forwarded);
    const addresses = { xmlns: NS.client, type: 'chat', from: account.jid, to: session.full };
    session.send(element('message', addresses, wrapped));
  }
}
