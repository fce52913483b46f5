import { createClient, type Agent, type AgentConfig } from 'stanza';
import { bare, ChatClient, inTime, patienceMs, type ChatLibrary, type LoginOptions } from './chat-client.ts';
import { eventually } from '../waiting.ts';

/** A Duplex, in truth. */
interface Transport {
  readonly queue?: readonly unknown[];
  on(event: 'error', listener: () => void): void;
}

class StanzaClient extends ChatClient {
  readonly #agent: Agent;

  constructor({ account, domain }: LoginOptions, transports: NonNullable<AgentConfig['transports']>) {
    super();
    const { jid, password } = account;
    this.#agent = createClient({ jid, password, server: domain, transports, autoReconnect: false });
    this.#agent.on('raw', (direction, data) => (direction === 'outgoing' ? this.sent(data) : this.received(data)));
    this.#agent.on('message', ({ from, body }) => {
      if (body !== undefined) this.messages.push({ from: bare(from), body });
    });
    this.#agent.on('presence', ({ from, type }) => this.gotPresence(from, type));
  }

  get jid(): string {
    return this.#agent.jid;
  }

  async login(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => {
      this.#agent.once('session:started', () => resolve());
      this.#agent.once('auth:failed', () => reject(new Error('stanza: authentication failed')));
      this.#agent.once('disconnected', () => reject(new Error('stanza: disconnected during login')));
    });
    this.#agent.connect();
    await inTime("stanza's login", this.wire, started);
  }

  sendPresence(): void {
    this.#agent.sendPresence();
  }

  sendMessage(to: string, body: string): void {
    this.#agent.sendMessage({ to, type: 'chat', body });
  }

  async roster(): Promise<Map<string, string>> {
    const { items } = await inTime('roster', this.wire, this.#agent.getRoster());
    return new Map(items.map(({ jid, subscription }) => [jid, subscription ?? '']));
  }

  async logout(): Promise<void> {
    // COMPAT(stanza, 12): by BOSH it never says that it is disconnected when an <r/> of XEP-0198 comes while it logs out
    // (its <a/> waits for ever), and it throws when such a last answer is read after the one that ends the session.
    const transport = this.#agent.transport as unknown as Transport | undefined;
    await eventually('stanza has sent all', () => !transport?.queue?.length, patienceMs);
    transport?.on('error', () => {});
    const over = new Promise<void>((resolve) => {
      this.#agent.once('disconnected', () => resolve());
      this.#agent.once('bosh:terminate', () => resolve());
    });
    this.#agent.disconnect();
    await inTime("stanza's logout", this.wire, over);
  }

  destroy(): void {
    this.#agent.transport?.disconnect(false);
  }
}

async function login(options: LoginOptions, transports: NonNullable<AgentConfig['transports']>): Promise<StanzaClient> {
  const client = new StanzaClient(options, transports);
  try {
    await client.login();
  } catch (error) {
    client.destroy();
    throw error;
  }
  return client;
}

export const stanzaBosh: ChatLibrary = {
  name: 'stanza BOSH',
  login: (options) => login(options, { bosh: options.urls.bosh, websocket: false }),
};

export const stanzaWebSocket: ChatLibrary = {
  name: 'stanza WebSocket',
  login: (options) => login(options, { bosh: false, websocket: options.urls.websocket }),
};
