import { client, xml, type Client } from '@xmpp/client';
import { bare, ChatClient, inTime, type ChatLibrary, type LoginOptions } from './chat-client.ts';
import { eventually } from '../waiting.ts';

const rosterNs = 'jabber:iq:roster';

export class XmppJsClient extends ChatClient {
  readonly #client: Client;
  readonly #errors: Error[] = [];
  #offersAcks = false;

  constructor({ urls, domain, account }: LoginOptions) {
    super();
    const { user: username, password } = account;
    this.#client = client({ service: urls.websocket, domain, username, password });
    this.#client.reconnect.stop();
    this.#client.on('error', (error) => this.#errors.push(error));
    this.#client.on('send', (element) => this.sent(element.toString()));
    this.#client.on('element', (element) => {
      this.received(element.toString());
      this.#offersAcks ||= element.name === 'stream:features' && element.getChild('sm', 'urn:xmpp:sm:3') !== undefined;
    });
    this.#client.on('stanza', (stanza) => {
      const { from, type } = stanza.attrs;
      if (stanza.name === 'presence') this.gotPresence(from, type);
      const body = stanza.name === 'message' ? stanza.getChildText('body') : null;
      if (body !== null) this.messages.push({ from: bare(from), body });
    });
  }

  get jid(): string {
    return this.#client.jid?.toString() ?? '';
  }

  async login(): Promise<void> {
    await inTime("@xmpp/client's login", this.wire, this.#client.start());
    // COMPAT(@xmpp/client, 0.14): it says online before <enabled/> is there, then forgets to count what came before, and
    // servers close the stream on its wrong counts. So send nothing until then.
    if (this.#offersAcks) await eventually('<enabled/>', () => this.#client.streamManagement.enabled);
  }

  sendPresence(): Promise<void> {
    return this.#client.send(xml('presence'));
  }

  sendMessage(to: string, body: string): Promise<void> {
    return this.#client.send(xml('message', { to, type: 'chat' }, xml('body', {}, body)));
  }

  async roster(): Promise<Map<string, string>> {
    const query = xml('iq', { type: 'get' }, xml('query', { xmlns: rosterNs }));
    const answer = await inTime('roster', this.wire, this.#client.iqCaller.request(query));
    const items = answer.getChild('query', rosterNs)?.getChildren('item') ?? [];
    return new Map(items.map(({ attrs }) => [attrs['jid'] ?? '', attrs['subscription'] ?? '']));
  }

  /** Loses the WebSocket without a word, and comes back by XEP-0198. */
  async breakAndResume(): Promise<void> {
    const resumed = new Promise<void>((resolve) => this.#client.streamManagement.on('resumed', resolve));
    const gone = new Promise<void>((resolve) => this.#client.on('disconnect', resolve));
    this.#client.socket?.socket?.close();
    await inTime('the end of the WebSocket', this.wire, gone);
    const { service, domain } = this.#client.options;
    await this.#client.connect(service);
    await this.#client.open({ domain });
    await inTime('<resumed/>', this.wire, resumed);
  }

  async logout(): Promise<void> {
    await inTime("@xmpp/client's logout", this.wire, this.#client.stop());
    const [error] = this.#errors;
    if (error !== undefined) throw error;
  }

  destroy(): void {
    this.#client.socket?.socket?.close();
  }
}

export const xmppJsWebSocket: ChatLibrary = {
  name: '@xmpp/client WebSocket',
  async login(options) {
    const xmppJs = new XmppJsClient(options);
    try {
      await xmppJs.login();
    } catch (error) {
      xmppJs.destroy();
      throw error;
    }
    return xmppJs;
  },
};
