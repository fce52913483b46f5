import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { XmlDocument, XmlElement } from 'libxml2-wasm';
import { bare, ChatClient, inTime, type ChatLibrary, type LoginOptions } from './chat-client.ts';
import { Inbox } from '../waiting.ts';

const CLIENT = 'jabber:client';
const STREAMS = 'http://etherx.jabber.org/streams';
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const ROSTER = 'jabber:iq:roster';
const END = '</stream:stream>';

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const base64 = (data: string | Buffer): string => Buffer.from(data).toString('base64');

/**
 * A client of before RFC 7395, written after Strophe 1.0's reading of draft-moffitt-xmpp-over-websocket: its header has no end
 * tag, stanzas have no namespace of their own, and what it gets is parsed inside the header that came first.
 */
class OldFramingClient extends ChatClient {
  readonly #domain: string;
  readonly #account: LoginOptions['account'];
  readonly #socket: WebSocket;
  readonly #answers = new Inbox<XmlElement>();
  readonly #documents: XmlDocument[] = [];
  readonly #closed: Promise<void>;
  #header = '';
  #jid = '';

  constructor({ urls, domain, account }: LoginOptions) {
    super();
    this.#domain = domain;
    this.#account = account;
    this.#socket = new WebSocket(urls.websocket, 'xmpp');
    this.#socket.addEventListener('message', ({ data }) => this.#read(String(data)));
    this.#closed = new Promise((resolve) => {
      this.#socket.addEventListener('close', () => resolve());
    });
    void this.#closed.then(() => this.#answers.end('the WebSocket is closed'));
  }

  get jid(): string {
    return this.#jid;
  }

  async login(): Promise<void> {
    const opened = new Promise((resolve, reject) => {
      this.#socket.addEventListener('open', resolve);
      this.#socket.addEventListener('error', () => reject(new Error('no WebSocket')));
    });
    await inTime('the WebSocket', this.wire, opened);
    const offered = (await this.#openStream()).find('.//s:mechanism', { s: SASL }).map(({ content }) => content);
    if (!offered.includes('SCRAM-SHA-1')) throw new Error(`no SCRAM-SHA-1: ${offered.join(', ')}`);
    await this.#scram();
    await this.#openStream();
    const resource = `<resource>old-${randomBytes(3).toString('hex')}</resource>`;
    const bound = await this.#ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource}</bind>`);
    this.#jid = bound.get('.//b:jid', { b: 'urn:ietf:params:xml:ns:xmpp-bind' })?.content ?? '';
    if (bare(this.#jid) !== this.#account.jid) throw new Error(`bound as ${this.#jid}`);
  }

  /** Sends the header, and reads the server's and its features. */
  async #openStream(): Promise<XmlElement> {
    this.#header = '';
    this.#say(`<stream:stream to="${this.#domain}" xmlns="${CLIENT}" xmlns:stream="${STREAMS}" version="1.0">`);
    const features = await this.#answer();
    if (features.name !== 'features') throw new Error(`<${features.name}/> in place of features`);
    return features;
  }

  /** RFC 5802, with SHA-1 and no channel binding. */
  async #scram(): Promise<void> {
    const { user, password } = this.#account;
    const first = `n=${user},r=${randomBytes(12).toString('hex')}`;
    this.#say(`<auth xmlns="${SASL}" mechanism="SCRAM-SHA-1">${base64(`n,,${first}`)}</auth>`);
    const challenge = Buffer.from((await this.#answer()).content, 'base64').toString();
    const { r = '', s = '', i = '' } = Object.fromEntries(challenge.split(',').map((part) => [part[0], part.slice(2)]));
    const hmac = (key: Buffer, text: string): Buffer => createHmac('sha1', key).update(text).digest();
    const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), Number(i), 20, 'sha1');
    const clientKey = hmac(salted, 'Client Key');
    const last = `c=biws,r=${r}`;
    const all = `${first},${challenge},${last}`;
    const signature = hmac(createHash('sha1').update(clientKey).digest(), all);
    const proof = base64(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)) as Buffer);
    this.#say(`<response xmlns="${SASL}">${base64(`${last},p=${proof}`)}</response>`);
    const { name, content } = await this.#answer();
    if (name !== 'success') throw new Error(`<${name}/>`);
    const server = base64(hmac(hmac(salted, 'Server Key'), all));
    if (Buffer.from(content, 'base64').toString() !== `v=${server}`)
      throw new Error('the server does not know the password');
  }

  #read(text: string): void {
    this.received(text);
    if (text === END) return;
    if (text.startsWith('<stream:stream ')) {
      // Strophe looks for these three, in the tag made self-closed.
      const { root } = this.#parse(text.replace(/>$/, '/>'));
      if (root.namespaceUri !== STREAMS || root.namespaces[''] !== CLIENT) throw new Error(`namespaces of ${text}`);
      if (root.attr('version')?.value !== '1.0') throw new Error(`version of ${text}`);
      this.#header = text;
      return;
    }
    const element = this.#parse(this.#header + text + END).root.firstChild;
    if (!(element instanceof XmlElement) || element.next !== null) throw new Error(`no single element: ${text}`);
    const from = element.attr('from')?.value;
    const type = element.attr('type')?.value;
    if (element.name === 'presence') this.gotPresence(from, type);
    else if (element.name === 'message') {
      const body = element.get('c:body', { c: CLIENT });
      if (body !== null) this.messages.push({ from: bare(from), body: body.content });
    } else if (element.name !== 'iq' || type === 'result' || type === 'error') this.#answers.push(element);
  }

  #parse(text: string): XmlDocument {
    const document = XmlDocument.fromString(text);
    this.#documents.push(document);
    return document;
  }

  #say(text: string): void {
    this.sent(text);
    this.#socket.send(text);
  }

  #answer(): Promise<XmlElement> {
    return inTime('an answer', this.wire, this.#answers.take('an answer'));
  }

  async #ask(type: 'get' | 'set', payload: string): Promise<XmlElement> {
    const id = randomBytes(4).toString('hex');
    this.#say(`<iq type='${type}' id='${id}'>${payload}</iq>`);
    const answer = await this.#answer();
    if (answer.attr('id')?.value !== id || answer.attr('type')?.value !== 'result') throw new Error(answer.toString());
    return answer;
  }

  sendPresence(): void {
    this.#say('<presence/>');
  }

  sendMessage(to: string, body: string): void {
    this.#say(`<message to='${to}' type='chat'><body>${escape(body)}</body></message>`);
  }

  async roster(): Promise<Map<string, string>> {
    const items = (await this.#ask('get', `<query xmlns='${ROSTER}'/>`)).find('.//r:item', {
      r: ROSTER,
    }) as XmlElement[];
    return new Map(items.map((item) => [item.attr('jid')?.value ?? '', item.attr('subscription')?.value ?? '']));
  }

  async logout(): Promise<void> {
    // Two elements in one message, as it was allowed.
    this.#say("<message to='nobody@invalid' type='error'/><presence type='unavailable'/>");
    this.#say(END);
    await inTime('the end', this.wire, this.#closed);
    if (this.wire.at(-1) !== `< ${END}`) throw new Error(`the last message is ${this.wire.at(-1)}`);
  }

  destroy(): void {
    this.#socket.close();
    for (const document of this.#documents.splice(0)) document.dispose();
  }
}

export const oldFraming: ChatLibrary = {
  name: 'the old framing',
  async login(options) {
    const client = new OldFramingClient(options);
    try {
      await client.login();
    } catch (error) {
      client.destroy();
      throw error;
    }
    return client;
  },
};
