import { randomInt } from 'node:crypto';
import { randomId } from '../core/id.ts';
import type { UpstreamSecurity } from '../core/ports.ts';
import { NS } from '../xml/ns.ts';
import { childOf, elementsOf, textOf, type XmlElement } from '../xml/tree.ts';
import { attributes, escapeText } from '../xml/write.ts';
import type { Account } from './account.ts';
import { bindErrorOf, failureOf, readAnswer } from './answer.ts';
import { PrebindError } from './errors.ts';
import { chooseMechanism, type Mechanism, type Offer, type SaslClient } from './mechanisms.ts';

/** How requests reach a connection manager: over HTTP, or one that is in this process. */
export interface Channel {
  /** Sends one `<body/>`; the text of its answer. Rejects when the time is up or the manager is gone. */
  post(body: string): Promise<string>;
  /**
   * Ends the session, by that `<body/>` where its name is known, also when the time is up. Resolves when it is over; never
   * rejects.
   */
  end(body: string | undefined): Promise<void>;
  security(): UpstreamSecurity;
  /** Waits a little, before the same is asked again. */
  pause(ms: number): Promise<void>;
}

/** A session that nobody is attached to yet. */
export interface Bound {
  /** The full JID. */
  readonly jid: string;
  readonly sid: string;
  /** The next one to use. */
  readonly rid: number;
  /** Seconds. */
  readonly wait: number;
  readonly inactivity: number;
}

export interface LoginOptions {
  /** The only mechanisms to be used. */
  readonly mechanisms?: readonly Mechanism[] | undefined;
  /** Seconds: how long the manager is asked to keep the session before the first request (XEP-0124 §10). */
  readonly pauseSeconds?: number | undefined;
}

const SASL_CB = 'urn:xmpp:sasl-cb:0';
/** What the gateway and Converse use (Converse is cut by proxies above 60). */
const WAIT_SECONDS = 60;
/** Empty answers that come at once, one after the other. */
const MOST_EMPTY = 100;

/**
 * Makes a session: opens it, proves the account, binds a resource. No presence is sent and no request stays open. Throws
 * `PrebindError`, and then the session is ended.
 */
export async function login(channel: Channel, account: Account, options: LoginOptions = {}): Promise<Bound> {
  const session = new BoshConversation(channel, account.domain);
  try {
    await session.open();
    await authenticate(session, channel, account, options);
    const jid = await bind(session, account);
    if (options.pauseSeconds !== undefined) await session.ask({ pause: options.pauseSeconds });
    return session.bound(jid);
  } catch (error) {
    await session.end();
    throw error;
  }
}

async function authenticate(
  session: BoshConversation,
  channel: Channel,
  account: Account,
  { mechanisms }: LoginOptions,
): Promise<void> {
  const features = await session.features();
  const sasl1 = childOf(features, 'mechanisms', NS.sasl);
  const sasl2 = childOf(features, 'authentication', NS.sasl2);
  const source = sasl1 ?? sasl2;
  if (source === undefined) throw new PrebindError('no-mechanism', 'the server offers no login');
  const client = chooseMechanism(account, offerOf(source, features), channel.security(), mechanisms);
  await (sasl1 === undefined ? runSasl2(session, client) : runSasl(session, client));
}

function offerOf(list: XmlElement, features: XmlElement): Offer {
  const mechanisms = elementsOf(list).filter(({ name, ns }) => name === 'mechanism' && ns === list.ns);
  const bindings = childOf(features, 'sasl-channel-binding', SASL_CB);
  return {
    mechanisms: mechanisms.map((one) => textOf(one).trim()),
    bindings: bindings && elementsOf(bindings).map((one) => one.attributes.get('type') ?? ''),
  };
}

/** RFC 6120 §6.4. */
async function runSasl(session: BoshConversation, client: SaslClient): Promise<void> {
  const first = client.initial === undefined ? '' : encode(client.initial);
  const head = attributes({ xmlns: NS.sasl, mechanism: client.mechanism });
  await session.ask({}, `<auth${head}>${first}</auth>`);
  for (;;) {
    const element = await session.next((one) => one.ns === NS.sasl);
    if (element.name === 'failure') throw failureOf(element);
    if (element.name === 'success') {
      client.finish(decode(textOf(element)));
      break;
    }
    const response = encode(await client.respond(decode(textOf(element)) ?? ''), '');
    await session.ask({}, `<response xmlns='${NS.sasl}'>${response}</response>`);
  }
  await session.restart();
}

/** XEP-0388: no restart, and the data of success stands in a child. */
async function runSasl2(session: BoshConversation, client: SaslClient): Promise<void> {
  const { initial, mechanism } = client;
  const first = initial === undefined ? '' : `<initial-response>${encode(initial)}</initial-response>`;
  await session.ask({}, `<authenticate${attributes({ xmlns: NS.sasl2, mechanism })}>${first}</authenticate>`);
  for (;;) {
    const element = await session.next((one) => one.ns === NS.sasl2);
    if (element.name === 'failure') throw failureOf(element);
    if (element.name === 'success') {
      const data = childOf(element, 'additional-data', NS.sasl2);
      client.finish(data && decode(textOf(data)));
      return;
    }
    if (element.name !== 'challenge') throw new PrebindError('no-mechanism', 'the server asks for more than a login');
    const response = encode(await client.respond(decode(textOf(element)) ?? ''), '');
    await session.ask({}, `<response xmlns='${NS.sasl2}'>${response}</response>`);
  }
}

/** RFC 6120 §6.4.2: an empty initial response is "=". */
function encode(text: string, empty = '='): string {
  return text === '' ? empty : Buffer.from(text).toString('base64');
}

function decode(text: string): string | undefined {
  const data = text.trim();
  if (data === '') return undefined;
  if (data === '=') return '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) throw new PrebindError('server-fault', 'SASL data that is no base64');
  return Buffer.from(data, 'base64').toString();
}

/** RFC 6120 §7, and the session of RFC 3921 where a server insists on it. The full JID. */
async function bind(session: BoshConversation, account: Account): Promise<string> {
  const features = await session.features();
  if (childOf(features, 'bind', NS.bind) === undefined) {
    throw new PrebindError('server-fault', 'the server offers no resource to bind');
  }
  const resource = account.resource ?? `web-${randomId().slice(0, 10)}`;
  const name = `<resource>${escapeText(resource)}</resource>`;
  const result = await session.iq(`<bind xmlns='${NS.bind}'>${name}</bind>`);
  const jid = childOf(result, 'bind', NS.bind);
  const full = jid === undefined ? undefined : childOf(jid, 'jid', NS.bind);
  if (full === undefined || !/^[^\s]+\/./.test(textOf(full))) {
    throw new PrebindError('server-fault', 'the server bound no JID');
  }
  const required = childOf(features, 'session', NS.session);
  if (required !== undefined && childOf(required, 'optional', NS.session) === undefined) {
    await session.iq(`<session xmlns='${NS.session}'/>`);
  }
  return textOf(full);
}

/** The requests of one session, one after the other, and what the server said in their answers. */
class BoshConversation {
  readonly #channel: Channel;
  readonly #to: string;
  readonly #heard: XmlElement[] = [];
  #rid = randomInt(2 ** 31, 2 ** 32);
  #sid: string | undefined;
  #created: XmlElement['attributes'] = new Map();
  #empty = 0;

  constructor(channel: Channel, to: string) {
    this.#channel = channel;
    this.#to = to;
  }

  async open(): Promise<void> {
    const body = await this.#send({
      to: this.#to,
      ver: '1.11',
      wait: WAIT_SECONDS,
      hold: 1,
      content: 'text/xml; charset=utf-8',
      'xml:lang': 'en',
      'xmlns:xmpp': NS.xbosh,
      'xmpp:version': '1.0',
    });
    this.#sid = body.attributes.get('sid');
    this.#created = body.attributes;
    if (this.#sid === undefined) throw new PrebindError('server-fault', 'the answer names no session');
  }

  /** The next request of the session. What is heard is kept. */
  async ask(values: Readonly<Record<string, string | number>>, payload = ''): Promise<void> {
    await this.#send({ sid: this.#sid, ...values }, payload);
  }

  async #send(values: Readonly<Record<string, string | number | undefined>>, payload = ''): Promise<XmlElement> {
    const text = `<body${attributes({ xmlns: NS.httpbind, rid: this.#rid, ...values })}>${payload}</body>`;
    this.#rid += 1;
    const body = readAnswer(await this.#channel.post(text));
    const elements = elementsOf(body);
    this.#empty = elements.length > 0 ? 0 : this.#empty + 1;
    this.#heard.push(...elements);
    return body;
  }

  restart(): Promise<void> {
    return this.ask({ to: this.#to, 'xml:lang': 'en', 'xmlns:xmpp': NS.xbosh, 'xmpp:restart': 'true' });
  }

  /** The next element that is wanted; what comes before it is passed over. */
  async next(isWanted: (element: XmlElement) => boolean): Promise<XmlElement> {
    for (;;) {
      const element = this.#heard.shift();
      if (element !== undefined && isWanted(element)) return element;
      if (element !== undefined) continue;
      // A manager that answers at once without anything is not asked in a tight loop.
      if (this.#empty > MOST_EMPTY) throw new PrebindError('timeout', 'the server says nothing');
      if (this.#empty > 1) await this.#channel.pause(Math.min(this.#empty * 20, 1000));
      await this.ask({});
    }
  }

  features(): Promise<XmlElement> {
    return this.next(({ name, ns }) => name === 'features' && ns === NS.streams);
  }

  async iq(payload: string): Promise<XmlElement> {
    const id = randomId();
    await this.ask({}, `<iq${attributes({ xmlns: NS.client, type: 'set', id })}>${payload}</iq>`);
    const answer = await this.next(({ name, attributes: given }) => name === 'iq' && given.get('id') === id);
    if (answer.attributes.get('type') === 'error') throw bindErrorOf(answer);
    return answer;
  }

  bound(jid: string): Bound {
    const seconds = (name: string, otherwise: number): number => {
      const text = this.#created.get(name) ?? '';
      return /^\d{1,6}$/.test(text) ? Number(text) : otherwise;
    };
    const { wait, inactivity } = { wait: seconds('wait', WAIT_SECONDS), inactivity: seconds('inactivity', 0) };
    return { jid, sid: this.#sid ?? '', rid: this.#rid, wait, inactivity };
  }

  async end(): Promise<void> {
    const values = { xmlns: NS.httpbind, rid: this.#rid, sid: this.#sid, type: 'terminate' };
    await this.#channel.end(this.#sid === undefined ? undefined : `<body${attributes(values)}/>`);
  }
}
