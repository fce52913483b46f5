import { NS } from '../xml/ns.ts';
import { escapeText } from '../xml/write.ts';
import type { Account } from './account.ts';
import { NS_ROSTER } from './contact.ts';
import type { Host } from './host.ts';
import { fullOf } from './jid.ts';
import { NS_CARBONS } from './message.ts';
import { getPubsub, NS_PUBSUB, NS_PUBSUB_OWNER, setPubsub } from './pubsub.ts';
import { rosterOf, setRoster } from './roster.ts';
import type { Session } from './session.ts';
import { childrenOf, element, StanzaFault, treeOf, withAttributes, type Child, type InboundStanza } from './stanza.ts';

const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info';
const NS_DISCO_ITEMS = 'http://jabber.org/protocol/disco#items';
const NS_LAST = 'jabber:iq:last';
const NS_VCARD = 'vcard-temp';
const NS_PRIVATE = 'jabber:iq:private';
const NS_VERSION = 'jabber:iq:version';
const NS_TIME = 'urn:xmpp:time';
const NS_PING = 'urn:xmpp:ping';
const MOST_PRIVATE = 100;

interface Question {
  readonly host: Host;
  readonly session: Session;
  readonly payload: Child;
  /** Whose account is asked; absent for the server itself. */
  readonly account: Account | undefined;
}

type Answer = (question: Question) => string;

/** Requests and their answers, by type, element and namespace. What is not here is `service-unavailable`. */
const SERVER: Readonly<Record<string, Answer>> = {
  [`get ping ${NS_PING}`]: () => '',
  [`get query ${NS_VERSION}`]: () => element('query', { xmlns: NS_VERSION }, '<name>Sluice development server</name>'),
  [`get time ${NS_TIME}`]: () => {
    const utc = `<utc>${new Date().toISOString()}</utc>`;
    return element('time', { xmlns: NS_TIME }, `<tzo>Z</tzo>${utc}`);
  },
  [`get query ${NS_LAST}`]: ({ host }) => {
    const seconds = Math.floor((new Date().getTime() - host.started.getTime()) / 1000);
    return element('query', { xmlns: NS_LAST, seconds });
  },
  [`get query ${NS_DISCO_INFO}`]: (question) => disco(question, { category: 'server', type: 'im', name: 'Sluice' }),
  [`get query ${NS_DISCO_ITEMS}`]: (question) => discoItems(question),
};

/** What a user may ask about another one. */
const PUBLIC: Readonly<Record<string, Answer>> = {
  [`get query ${NS_DISCO_INFO}`]: (question) => disco(question, { category: 'pubsub', type: 'pep' }),
  [`get query ${NS_DISCO_ITEMS}`]: (question) => discoItems(question),
  [`get vCard ${NS_VCARD}`]: ({ account }) => vcardOf(account as Account),
  [`get pubsub ${NS_PUBSUB}`]: ({ account, payload }) => getPubsub(account as Account, payload),
};

/** What a user may ask of their own account. */
const OWN: Readonly<Record<string, Answer>> = {
  ...SERVER,
  ...PUBLIC,
  [`get query ${NS_ROSTER}`]: ({ session }) => rosterOf(session),
  [`set query ${NS_ROSTER}`]: ({ host, session, payload }) => setRoster(host, session, treeOf(payload)),
  [`set session ${NS.session}`]: () => '',
  [`set enable ${NS_CARBONS}`]: ({ session }) => carbons(session, true),
  [`set disable ${NS_CARBONS}`]: ({ session }) => carbons(session, false),
  'get blocklist urn:xmpp:blocking': () => "<blocklist xmlns='urn:xmpp:blocking'/>",
  [`set vCard ${NS_VCARD}`]: ({ session, payload }) => {
    session.account.vcard = payload.xml;
    return '';
  },
  [`get query ${NS_PRIVATE}`]: ({ session, payload }) => {
    const key = keyOf(payload);
    const kept = session.account.privateStore.get(key.id) ?? key.xml;
    return element('query', { xmlns: NS_PRIVATE }, kept);
  },
  [`set query ${NS_PRIVATE}`]: ({ session, payload }) => {
    const { id, xml } = keyOf(payload);
    const store = session.account.privateStore;
    if (!store.has(id) && store.size >= MOST_PRIVATE) throw new StanzaFault('resource-constraint');
    store.set(id, xml);
    return '';
  },
  [`set pubsub ${NS_PUBSUB}`]: ({ session, payload }) => setPubsub(session.account, payload),
  [`set pubsub ${NS_PUBSUB_OWNER}`]: ({ session, payload }) => setPubsub(session.account, payload),
};

/** What a connection may ask of the server by its domain; old clients put its name on what concerns their account. */
const BY_DOMAIN: Readonly<Record<string, Answer>> = {
  ...SERVER,
  [`set session ${NS.session}`]: () => '',
};

function carbons(session: Session, on: boolean): string {
  session.carbons = on;
  return '';
}

function keyOf(payload: Child): { id: string; xml: string } {
  const [first] = childrenOf(payload.xml);
  if (first === undefined) throw new StanzaFault('bad-request');
  return { id: `${first.ns} ${first.name}`, xml: first.xml };
}

function vcardOf(account: Account): string {
  const made = `<FN>${escapeText(account.nick)}</FN><NICKNAME>${escapeText(account.nick)}</NICKNAME>`;
  return account.vcard ?? element('vCard', { xmlns: NS_VCARD }, made);
}

function nodeOf(payload: Child): string | undefined {
  return treeOf(payload).attributes.get('node');
}

const SERVER_FEATURES = [
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  NS_PING,
  NS_VERSION,
  NS_TIME,
  NS_LAST,
  NS_VCARD,
  NS_CARBONS,
  NS_PRIVATE,
];
const PEP = ['publish', 'auto-create', 'retrieve-items', 'persistent-items', 'item-ids', 'publish-options'];
const ACCOUNT_FEATURES = [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_VCARD, ...PEP.map((feature) => `${NS_PUBSUB}#${feature}`)];

function disco({ account, payload }: Question, identity: { category: string; type: string; name?: string }): string {
  const node = nodeOf(payload);
  if (node !== undefined && node !== '') throw new StanzaFault('item-not-found');
  const features = account === undefined ? SERVER_FEATURES : ACCOUNT_FEATURES;
  const registered = account === undefined ? '' : element('identity', { category: 'account', type: 'registered' });
  const list = features.map((feature) => element('feature', { var: feature })).join('');
  return element('query', { xmlns: NS_DISCO_INFO }, registered + element('identity', identity) + list);
}

function discoItems({ account, payload }: Question): string {
  const node = nodeOf(payload);
  if (node !== undefined && node !== '') throw new StanzaFault('item-not-found');
  const nodes = account === undefined ? [] : [...account.nodes.keys()];
  const items = nodes.map((name) => element('item', { jid: account?.jid, node: name })).join('');
  return element('query', { xmlns: NS_DISCO_ITEMS }, items);
}

/** RFC 6120 §8.2.3, RFC 6121 §8.5: between sessions, or answered here. */
export function handleIq(host: Host, session: Session, stanza: InboundStanza): void {
  const { type, id, to } = stanza;
  const request = type === 'get' || type === 'set';
  if (id === undefined || (!request && type !== 'result' && type !== 'error')) throw new StanzaFault('bad-request');
  if (to !== undefined && !host.isLocal(to)) throw new StanzaFault('remote-server-not-found');

  if (to !== undefined && to.local !== '' && to.resource !== '') {
    const target = host.session(to);
    if (target !== undefined) target.send(withAttributes(stanza.xml, { from: session.full }));
    else if (request) throw new StanzaFault('service-unavailable');
    return;
  }
  if (!request) return;

  const payload = childrenOf(stanza.xml);
  const [only] = payload;
  if (only === undefined || payload.length !== 1) throw new StanzaFault('bad-request');
  const toServer = to !== undefined && to.local === '';
  const account = toServer ? undefined : to === undefined ? session.account : host.account(to);
  if (!toServer && account === undefined) throw new StanzaFault('service-unavailable');
  const answers = toServer ? BY_DOMAIN : account === session.account ? OWN : PUBLIC;
  const key = `${type} ${only.name} ${only.ns}`;
  const answer = Object.hasOwn(answers, key) ? answers[key] : undefined;
  if (answer === undefined) throw new StanzaFault('service-unavailable');

  const content = answer({ host, session, payload: only, account });
  const from = to === undefined ? session.account.jid : fullOf(to);
  session.send(element('iq', { xmlns: NS.client, type: 'result', id, from, to: session.full }, content));
}
