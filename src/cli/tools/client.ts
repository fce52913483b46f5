import { systemClock } from '../../core/clock.ts';
import { randomId } from '../../core/id.ts';
import { parseJid, type Proof } from '../../prebind/account.ts';
import { bindErrorOf, failureOf } from '../../prebind/answer.ts';
import { chooseMechanism, type SaslClient } from '../../prebind/mechanisms.ts';
import { NS } from '../../xml/ns.ts';
import { childOf, elementsOf, textOf, type XmlElement } from '../../xml/tree.ts';
import { attributes, escapeText } from '../../xml/write.ts';
import { createWire, isPrivate, type Wire } from './wire.ts';

/** Who logs in: somebody with a password, or anybody at a domain. */
export type Who = { readonly jid: string; readonly password: string } | { readonly domain: string };

const PATIENCE_MS = 20_000;

type Wanted = (element: XmlElement) => boolean;

/** A client of a service under test. */
export class TestClient {
  readonly #wire: Wire;
  readonly #url: string;
  readonly #heard: XmlElement[] = [];
  #waiting: { readonly wanted: Wanted; readonly take: (element: XmlElement) => void } | undefined;
  #giveUp: (error: Error) => void = () => {};
  #error: Error | undefined;
  #isLoggedIn = false;
  /** The full one, once logged in. */
  jid = '';
  /** What comes after the login. */
  onStanza: (stanza: XmlElement) => void = () => {};
  /** The stream ended, and not because it was asked to. */
  onEnd: (error: Error) => void = () => {};

  /** Throws where the URL is none. */
  constructor(url: string) {
    this.#url = url;
    this.#wire = createWire(url, { element: (element) => this.#element(element), end: (error) => this.#end(error) });
  }

  #element(element: XmlElement): void {
    if (this.#isLoggedIn) this.onStanza(element);
    else if (this.#waiting === undefined) this.#heard.push(element);
    else if (this.#waiting.wanted(element)) this.#waiting.take(element);
    else this.#wire.expect();
  }

  #end(error: Error): void {
    this.#error = error;
    if (this.#isLoggedIn) this.onEnd(error);
    else this.#giveUp(error);
  }

  /** Logs in. Throws `PrebindError` where the server refuses, and any error where there is no server. Then it is closed. */
  async login(who: Who): Promise<void> {
    try {
      await this.#patiently(this.#login(who));
      this.#settle();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  #settle(): void {
    this.#isLoggedIn = true;
    this.#wire.settle();
  }

  async #patiently<T>(work: Promise<T>): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      this.#giveUp = reject;
    });
    const timer = systemClock.after(PATIENCE_MS, () => this.#giveUp(new Error(`nothing in ${PATIENCE_MS / 1000} s`)));
    try {
      return await Promise.race([work, late]);
    } finally {
      timer.cancel();
      work.catch(() => {});
    }
  }

  async #login(who: Who): Promise<void> {
    const { user, domain, resource } = parseJid('jid' in who ? who.jid : who.domain);
    const proof: Proof = 'jid' in who ? { kind: 'password', password: who.password } : { kind: 'anonymous' };
    await this.#wire.open(domain);
    const features = await this.#features();
    const list = childOf(features, 'mechanisms', NS.sasl);
    const mechanisms = list === undefined ? [] : elementsOf(list).map((one) => textOf(one).trim());
    const security = { isPrivate: isPrivate(this.#url), binding: () => undefined };
    const account = { user, domain, resource, proof };
    await this.#authenticate(chooseMechanism(account, { mechanisms, bindings: [] }, security));
    this.#wire.restart();
    const after = await this.#features();
    const name = resource ?? `test-${randomId().slice(0, 10)}`;
    const result = await this.#iq(`<bind xmlns='${NS.bind}'><resource>${escapeText(name)}</resource></bind>`);
    const bound = childOf(result, 'bind', NS.bind);
    const jid = bound && childOf(bound, 'jid', NS.bind);
    if (jid === undefined) throw new Error('the server bound no JID');
    this.jid = textOf(jid);
    const session = childOf(after, 'session', NS.session);
    if (session !== undefined && childOf(session, 'optional', NS.session) === undefined) {
      await this.#iq(`<session xmlns='${NS.session}'/>`);
    }
  }

  /** RFC 6120 §6.4. */
  async #authenticate(sasl: SaslClient): Promise<void> {
    const first = sasl.initial === undefined ? '' : encode(sasl.initial, '=');
    this.send(`<auth${attributes({ xmlns: NS.sasl, mechanism: sasl.mechanism })}>${first}</auth>`);
    for (;;) {
      const element = await this.#next(({ ns }) => ns === NS.sasl);
      const data = Buffer.from(textOf(element).trim(), 'base64').toString();
      if (element.name === 'failure') throw failureOf(element);
      if (element.name === 'success') return sasl.finish(data === '' ? undefined : data);
      this.send(`<response xmlns='${NS.sasl}'>${encode(await sasl.respond(data), '')}</response>`);
    }
  }

  #features(): Promise<XmlElement> {
    return this.#next(({ ns, name }) => ns === NS.streams && name === 'features');
  }

  async #iq(payload: string): Promise<XmlElement> {
    const id = randomId();
    this.send(`<iq${attributes({ xmlns: NS.client, type: 'set', id })}>${payload}</iq>`);
    const answer = await this.#next(({ name, attributes: given }) => name === 'iq' && given.get('id') === id);
    if (answer.attributes.get('type') === 'error') throw bindErrorOf(answer);
    return answer;
  }

  #next(wanted: Wanted): Promise<XmlElement> {
    for (let one = this.#heard.shift(); one !== undefined; one = this.#heard.shift()) {
      if (wanted(one)) return Promise.resolve(one);
    }
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) reject(this.#error);
      const take = (element: XmlElement): void => {
        this.#waiting = undefined;
        resolve(element);
      };
      this.#waiting = { wanted, take };
      this.#wire.expect();
    });
  }

  send(xml: string): void {
    this.#wire.send(xml);
  }

  message(to: string, id: string, body: string): void {
    const head = attributes({ xmlns: NS.client, type: 'chat', to, id });
    this.send(`<message${head}><body>${escapeText(body)}</body></message>`);
  }

  async close(): Promise<void> {
    this.onEnd = () => {};
    this.#isLoggedIn = true;
    this.onStanza = () => {};
    await this.#wire.close();
  }
}

function encode(text: string, empty: string): string {
  return text === '' ? empty : Buffer.from(text).toString('base64');
}

/** The body of a message; undefined for all else. */
export function bodyOf(stanza: XmlElement): string | undefined {
  if (stanza.name !== 'message' || stanza.attributes.get('type') === 'error') return undefined;
  const body = childOf(stanza, 'body', NS.client);
  return body && textOf(body);
}
