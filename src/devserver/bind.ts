import { randomId } from '../core/id.ts';
import { NS } from '../xml/ns.ts';
import { childOf, textOf } from '../xml/tree.ts';
import { escapeText } from '../xml/write.ts';
import type { Account } from './account.ts';
import type { Host } from './host.ts';
import { parseJid } from './jid.ts';
import { Session } from './session.ts';
import { element, StanzaFault, type InboundStanza } from './stanza.ts';

const MOST_SESSIONS = 50;

export function isBindRequest(stanza: InboundStanza): boolean {
  const { name, type, id, tree } = stanza;
  return name === 'iq' && type === 'set' && id !== undefined && childOf(tree, 'bind', NS.bind) !== undefined;
}

/** Binds a resource (RFC 6120 §7) and answers. Throws `StanzaFault`. */
export function bind(
  host: Host,
  account: Account,
  stanza: InboundStanza,
  send: (xml: string) => void,
  end: (condition: string) => void,
): Session {
  const request = childOf(stanza.tree, 'bind', NS.bind);
  const resource = request === undefined ? undefined : childOf(request, 'resource', NS.bind);
  const asked = resource === undefined ? '' : textOf(resource).trim();
  const name = asked === '' ? randomId() : asked;
  const jid = parseJid(`${account.jid}/${name}`);
  if (jid === undefined) throw new StanzaFault('bad-request');
  // The newer one wins, as clients come back before their old connection is known to be dead (RFC 6120 §7.7.2.2).
  account.sessions.get(name)?.end('conflict');
  if (account.sessions.size >= MOST_SESSIONS) throw new StanzaFault('resource-constraint');
  const session = new Session(account, jid, send, end);
  account.sessions.set(name, session);
  // An anonymous user was forgotten with their older session, and is here again.
  host.accounts.set(account.name, account);
  const content = element('bind', { xmlns: NS.bind }, `<jid>${escapeText(session.full)}</jid>`);
  send(element('iq', { xmlns: NS.client, type: 'result', id: stanza.id }, content));
  return session;
}
