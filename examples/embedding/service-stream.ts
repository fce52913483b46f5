// The server's side of a login, for connectors whose far side is no XMPP server: SASL PLAIN, then a resource.
import { randomUUID } from 'node:crypto';
import { childOf, escapeAttribute, escapeText, parseTree, readStanza, textOf } from 'sluice';
import type { Downstream, Stanza, StreamEnd, StreamRequest, Upstream, XmlElement } from 'sluice';

const features = (xml: string) =>
  `<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${xml}</stream:features>`;
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const PLAIN = features(`<mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism></mechanisms>`);
const RESOURCE = features(`<bind xmlns='${BIND}'/>`);
const ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

/** What becomes of a user, once logged in. */
export interface ServiceUser {
  /** `xml` is for stanzas that go on as they are. */
  stanza(stanza: XmlElement, xml: string): Promise<void> | void;
  gone(): void;
}

/** Who knows the users. Undefined where the password is wrong. */
export type Login = (user: string, password: string, stream: ServiceStream) => Promise<ServiceUser | undefined>;

export class ServiceStream implements Upstream {
  readonly domain: string;
  jid = '';
  readonly #client: Downstream;
  readonly #login: Login;
  #user: ServiceUser | undefined;
  #isOver = false;

  constructor({ to }: StreamRequest, client: Downstream, login: Login) {
    this.domain = to;
    this.#client = client;
    this.#login = login;
    queueMicrotask(() => this.#open(PLAIN));
  }

  #open(offer: string): void {
    if (this.#isOver) return;
    this.#client.opened({ from: this.domain, id: randomUUID(), version: '1.0' });
    this.say(offer);
  }

  /** To the client; nothing once it has gone. */
  say(xml: string): void {
    if (!this.#isOver) this.#client.deliver(readStanza(xml));
  }

  /** The answer to a request, or to a message that could not be delivered. */
  answer({ name, attributes }: XmlElement, type: 'result' | 'error', xml = ''): void {
    const from = attributes.get('to') ?? this.domain;
    const head = Object.entries({ type, from, to: this.jid, id: attributes.get('id') ?? '' });
    const text = head.map(([key, value]) => ` ${key}='${escapeAttribute(value)}'`).join('');
    this.say(`<${name} xmlns='jabber:client'${text}>${xml}</${name}>`);
  }

  refuse(stanza: XmlElement, type: 'cancel' | 'wait', condition: string): void {
    this.answer(stanza, 'error', `<error type='${type}'><${condition} xmlns='${ERRORS}'/></error>`);
  }

  send({ name, ns, xml }: Stanza): void {
    const element = parseTree(xml);
    if (ns === SASL && name === 'auth') void this.#authenticate(element);
    else if (this.#user === undefined) this.close({ code: 'policy-violation', detail: 'not logged in' });
    else if (childOf(element, 'bind', BIND) !== undefined) this.#bind(element);
    else
      void Promise.resolve(this.#user.stanza(element, xml)).catch(() =>
        this.refuse(element, 'wait', 'internal-server-error'),
      );
  }

  async #authenticate(auth: XmlElement): Promise<void> {
    const [, user = '', password = ''] = Buffer.from(textOf(auth), 'base64').toString().split('\0');
    this.#user = await this.#login(user, password, this).catch(() => undefined);
    this.jid = `${user}@${this.domain}`;
    if (this.#user === undefined) this.say(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
    else this.say(`<success xmlns='${SASL}'/>`);
  }

  /** The client has heard of its login, and begins anew. */
  restart(): void {
    this.#open(RESOURCE);
  }

  #bind(iq: XmlElement): void {
    const bind = childOf(iq, 'bind', BIND) as XmlElement;
    const asked = childOf(bind, 'resource');
    this.jid += `/${asked === undefined ? randomUUID() : textOf(asked)}`;
    this.answer(iq, 'result', `<bind xmlns='${BIND}'><jid>${escapeText(this.jid)}</jid></bind>`);
  }

  close(end?: StreamEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#user?.gone();
    this.#client.closed(end);
  }

  // What comes from the far side is little: nothing to stop.
  pause(): void {}
  resume(): void {}
}
