import type { Link, LinkEvents, Route } from './links/link.ts';
import { BoshLink } from './links/bosh.ts';
import { TcpLink } from './links/tcp.ts';
import { WebSocketLink } from './links/websocket.ts';
import { Checker, messageOf } from './message.ts';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const LOGIN_MS = 60_000;

const LINKS = { bosh: BoshLink, websocket: WebSocketLink, tcp: TcpLink };

/** The server asked the client to come again later. */
export class Later extends Error {
  readonly seconds: number;
  constructor(seconds: number) {
    super(`told to come again in ${seconds} s`);
    this.seconds = seconds;
  }
}

/** One user: logs in, writes to itself, and checks what comes back. */
export class Chat {
  readonly checker: Checker;
  readonly #route: Route;
  readonly #bytes: number;
  readonly #owner: number;
  readonly #link: Link;
  readonly #onMessage: (chat: Chat, delayMs: number) => void;
  readonly #sentAt = new Map<number, number>();
  #sent = 0;
  #jid = '';
  #text = '';
  #waiter: { readonly pattern: RegExp; readonly found: (match: RegExpExecArray) => void } | undefined;
  #reject: ((error: Error) => void) | undefined;
  /** Why it is of no use any more. */
  failure: string | undefined;

  constructor(route: Route, owner: number, bytes: number, onMessage: (chat: Chat, delayMs: number) => void = () => {}) {
    this.#route = route;
    this.#owner = owner;
    this.#bytes = bytes;
    this.#onMessage = onMessage;
    this.checker = new Checker(owner, bytes, (sequence) => this.#came(sequence));
    const events: LinkEvents = {
      read: (text) => this.#read(text),
      failed: (why) => this.#fail(new Error(why)),
      later: (seconds) => this.#fail(new Later(seconds)),
    };
    this.#link = new LINKS[route.transport](route, events);
  }

  /** Sent, and not come back. */
  get outstanding(): number {
    return this.#sentAt.size;
  }

  /**
   * Everything up to a bound session, which a relay is spared where it `isBrief`. `purpose` is told to the sink. Rejects with `Later`
   * where the server says so.
   */
  async login(purpose: string, isBrief: boolean): Promise<void> {
    const deadline = setTimeout(() => this.#fail(new Error(`no login within ${LOGIN_MS} ms`)), LOGIN_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#reject = reject;
        const isGreeting = isBrief && this.#route.dialect === 'blind';
        (isGreeting ? this.#greet(purpose) : this.#negotiate(purpose)).then(resolve, reject);
      });
    } finally {
      clearTimeout(deadline);
      this.#reject = undefined;
    }
    this.checker.to = this.#jid;
    this.#link.settle();
  }

  async #greet(purpose: string): Promise<void> {
    const welcome = this.#until(/<welcome\/>/);
    this.#link.say(`<hello>${purpose}</hello>`);
    await welcome;
  }

  async #negotiate(purpose: string): Promise<void> {
    const offered = this.#until(/<mechanism>ANONYMOUS</);
    this.#link.open();
    await offered;
    const success = this.#until(/<success /);
    this.#link.say(`<auth xmlns='${SASL}' mechanism='ANONYMOUS'/>`);
    await success;
    const features = this.#until(/<bind /);
    this.#link.restart();
    await features;
    const bound = this.#until(/<jid>([^<]+)<\/jid>/);
    const bind = `<bind xmlns='${BIND}'><resource>${purpose}</resource></bind>`;
    this.#link.say(`<iq xmlns='jabber:client' type='set' id='bind'>${bind}</iq>`);
    const jid = (await bound)[1] ?? '';
    if (!purpose.startsWith('push')) this.#jid = jid;
  }

  #until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((found) => {
      this.#waiter = { pattern, found };
    });
  }

  #read(text: string): void {
    // Nothing is awaited once the session is bound, though that may not be known here yet.
    if (this.#waiter === undefined) {
      this.checker.read(text);
      return;
    }
    this.#text += text;
    const match = this.#waiter.pattern.exec(this.#text);
    if (match === null) return;
    const rest = this.#text.slice(match.index + match[0].length);
    this.#text = '';
    this.#waiter.found(match);
    this.#waiter = undefined;
    this.checker.read(rest);
  }

  #fail(error: Error): void {
    this.failure ??= error.message;
    this.#reject?.(error);
  }

  /** So many messages to oneself, together where the transport can do that. */
  send(count: number): void {
    const stanzas: string[] = [];
    const now = performance.now();
    for (let i = 0; i < count; i++) {
      this.#sentAt.set(this.#sent, now);
      stanzas.push(messageOf(this.#owner, this.#sent++, this.#jid, this.#bytes));
    }
    this.#link.send(stanzas);
  }

  #came(sequence: number): void {
    const sentAt = this.#sentAt.get(sequence);
    this.#sentAt.delete(sequence);
    this.#onMessage(this, sentAt === undefined ? 0 : performance.now() - sentAt);
  }

  close(): void {
    this.#link.close();
  }

  destroy(): void {
    this.#link.destroy();
  }
}
