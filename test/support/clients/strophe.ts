import { $iq, $msg, $pres, Strophe } from 'strophe.js';
import { bare, ChatClient, inTime, type ChatLibrary, type LoginOptions } from './chat-client.ts';
import { installBrowserGlobals, type XmlHttpRequest } from './xml-http-request.ts';

/** As much of the DOM as is looked at here. */
interface Element {
  readonly textContent: string | null;
  getAttribute(name: string): string | null;
  getElementsByTagName(name: string): ArrayLike<Element>;
}

interface BoshRequest {
  readonly xhr: XmlHttpRequest;
}

/** As much of Strophe.Connection as is used here, its inside for `unload` included. */
interface Connection {
  jid: string;
  rawInput: (data: string) => void;
  rawOutput: (data: string) => void;
  connect(jid: string, password: string, callback: StatusCallback): void;
  restore(jid: string, callback: StatusCallback): void;
  attach(jid: string, sid: string, rid: number, callback: StatusCallback): void;
  disconnect(reason?: string): void;
  flush(): void;
  reset(): void;
  send(stanza: unknown): void;
  sendIQ(stanza: unknown, success: (iq: Element) => void, failure: (iq: Element | null) => void): void;
  addHandler(handler: (stanza: Element) => boolean, ns: null, name: string): unknown;
  _idleTimeout: NodeJS.Timeout;
  _onIdle: () => void;
  _proto: { _requests?: BoshRequest[]; _throttledRequestHandler?: () => void; socket?: { terminate(): void } | null };
}

type StatusCallback = (status: number, condition: string | null) => void;

Strophe.setLogLevel(Strophe.LogLevel.FATAL);

export class StropheClient extends ChatClient {
  readonly #connection: Connection;
  readonly #statuses: { status: number; condition: string | null }[] = [];
  #onStatus = (): void => {};
  #rawJid = '';
  #listening = false;

  constructor(service: string, keepalive: boolean) {
    super();
    installBrowserGlobals();
    this.#connection = new Strophe.Connection(service, { keepalive }) as unknown as Connection;
    this.#connection.rawInput = (data) => this.received(data);
    this.#connection.rawOutput = (data) => this.sent(data);
    const { Status } = Strophe;
    this.#onStatus = () => {
      const last = this.#statuses.at(-1)?.status;
      if (last === Status.CONNECTED || last === Status.ATTACHED) this.#listen();
    };
  }

  get jid(): string {
    return this.#connection.jid || this.#rawJid;
  }

  /** True while a request is out that the front holds. */
  get isPolling(): boolean {
    return this.#connection._proto._requests?.some(({ xhr }) => xhr.readyState === 1) ?? false;
  }

  async login({ account, domain }: LoginOptions): Promise<void> {
    this.#rawJid = account.jid;
    this.#connection.connect(`${account.user}@${domain}`, account.password, this.#callback);
    await this.#reach(Strophe.Status.CONNECTED, 'login');
  }

  /** What a page does after a reload: goes on with the session whose tokens are in sessionStorage. */
  async restore(jid: string): Promise<void> {
    this.#rawJid = jid;
    this.#connection.restore(jid, this.#callback);
    await this.#reach(Strophe.Status.ATTACHED, 'restore');
    this.#connection.flush();
  }

  /** What a page does with a session that was made for it. */
  async attach({ jid, sid, rid }: { jid: string; sid: string; rid: string }): Promise<void> {
    this.#rawJid = jid;
    this.#connection.attach(jid, sid, Number(rid), this.#callback);
    await this.#reach(Strophe.Status.ATTACHED, 'attach');
    this.#connection.flush();
  }

  /** What a browser does to a page that goes: its requests are aborted and its timers never fire again. */
  unload(): void {
    const { _proto: transport } = this.#connection;
    clearTimeout(this.#connection._idleTimeout);
    this.#connection._onIdle = () => {};
    transport._throttledRequestHandler = () => {};
    for (const { xhr } of transport._requests?.splice(0) ?? []) {
      xhr.onreadystatechange = null;
      xhr.abort();
    }
  }

  sendPresence(): void {
    this.#connection.send($pres());
  }

  sendMessage(to: string, body: string): void {
    this.#connection.send($msg({ to, type: 'chat' }).c('body').t(body));
  }

  async roster(): Promise<Map<string, string>> {
    const answer = new Promise<Element>((resolve, reject) => {
      const query = $iq({ type: 'get' }).c('query', { xmlns: 'jabber:iq:roster' });
      this.#connection.sendIQ(query, resolve, () => reject(new Error('the roster was refused')));
    });
    const items = Array.from((await inTime('roster', this.wire, answer)).getElementsByTagName('item'));
    return new Map(items.map((item) => [item.getAttribute('jid') ?? '', item.getAttribute('subscription') ?? '']));
  }

  async logout(): Promise<void> {
    this.#connection.disconnect('logout');
    await this.#reach(Strophe.Status.DISCONNECTED, 'logout');
    const failed = this.#statuses.find(({ status }) => status === Strophe.Status.CONNTIMEOUT);
    if (failed !== undefined) throw new Error('Strophe gave up waiting for the end of the session');
  }

  destroy(): void {
    this.unload();
    this.#connection._proto.socket?.terminate();
    this.#connection.reset();
  }

  readonly #callback: StatusCallback = (status, condition) => {
    this.#statuses.push({ status, condition });
    this.#onStatus();
  };

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const { messages } = this;
    this.#connection.addHandler(
      (stanza) => {
        const body = stanza.getElementsByTagName('body')[0];
        if (body) messages.push({ from: bare(stanza.getAttribute('from')), body: body.textContent ?? '' });
        return true;
      },
      null,
      'message',
    );
    this.#connection.addHandler(
      (stanza) => {
        this.gotPresence(stanza.getAttribute('from'), stanza.getAttribute('type'));
        return true;
      },
      null,
      'presence',
    );
  }

  async #reach(wanted: number, what: string): Promise<void> {
    const { Status } = Strophe;
    const end: readonly number[] = [Status.CONNFAIL, Status.AUTHFAIL, Status.DISCONNECTED];
    const before = this.#onStatus;
    const reached = new Promise<void>((resolve, reject) => {
      const look = (): void => {
        before();
        const last = this.#statuses.at(-1);
        if (last?.status === wanted) resolve();
        else if (last !== undefined && end.includes(last.status)) {
          reject(new Error(`${what}: status ${last.status}, condition ${last.condition}`));
        }
      };
      this.#onStatus = look;
      if (this.#statuses.at(-1)?.status === wanted) look();
    });
    try {
      await inTime(`Strophe's ${what}`, this.wire, reached);
    } finally {
      this.#onStatus = before;
    }
  }
}

async function login(service: string, options: LoginOptions): Promise<StropheClient> {
  const client = new StropheClient(service, false);
  try {
    await client.login(options);
  } catch (error) {
    client.destroy();
    throw error;
  }
  return client;
}

export const stropheBosh: ChatLibrary = {
  name: 'Strophe BOSH',
  login: (options) => login(options.urls.bosh, options),
};

export const stropheWebSocket: ChatLibrary = {
  name: 'Strophe WebSocket',
  login: (options) => login(options.urls.websocket, options),
};
