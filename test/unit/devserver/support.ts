import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { startDevServer, type DevServer } from '../../../src/devserver/server.ts';

export const USERS = [
  { name: 'romeo', password: 'montague', nick: 'Romeo' },
  { name: 'juliet', password: 'capulet', nick: 'Juliet' },
];

export async function devServer(t: TestContext, options: { anonymous?: boolean } = {}): Promise<DevServer> {
  const server = await startDevServer({ users: USERS, ...options });
  t.after(() => server.stop());
  return server;
}

const PATIENCE_MS = 5000;

/** A client that says what the test says, and waits for what the test waits for. */
export class RawClient {
  readonly socket: Socket;
  /** All that came and was not taken by `until`. */
  text = '';
  /** True once the server has sent its FIN. */
  ended = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => {
      this.text += text;
      this.#wake();
    });
    this.socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    this.socket.on('error', () => {});
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Takes everything up to the end of the first match. */
  async until(pattern: RegExp): Promise<string> {
    await this.#wait(() => pattern.test(this.text), String(pattern));
    const match = pattern.exec(this.text) as RegExpExecArray;
    const end = match.index + match[0].length;
    const taken = this.text.slice(0, end);
    this.text = this.text.slice(end);
    return taken;
  }

  async end(): Promise<void> {
    await this.#wait(() => this.ended, 'the end of the connection');
  }

  async #wait(done: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!done()) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`waited in vain for ${what}; there is: ${this.text.slice(0, 2000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  open(attributes = "to='localhost' version='1.0'"): void {
    const declarations = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
    this.send(`<?xml version='1.0'?><stream:stream ${declarations} ${attributes}>`);
  }

  /** PLAIN, restart, bind; and the initial presence if asked for. Returns the full JID. */
  async login(name: string, resource: string, presence = true): Promise<string> {
    const user = USERS.find((one) => one.name === name);
    this.open();
    await this.until(/<\/stream:features>/);
    this.send(auth('PLAIN', `\0${name}\0${user?.password ?? ''}`));
    await this.until(/<success[^>]*>/);
    this.open();
    await this.until(/<\/stream:features>/);
    this.send(bindRequest(resource));
    const jid = /<jid>([^<]*)<\/jid>/.exec(await this.until(/<\/iq>/))?.[1] ?? '';
    if (presence) {
      this.send('<presence/>');
      await this.until(new RegExp(`<presence[^>]*from='${jid}'[^>]*>`));
    }
    return jid;
  }
}

export async function rawClient(t: TestContext, server: DevServer): Promise<RawClient> {
  const client = new RawClient(server.port);
  t.after(() => client.socket.destroy());
  await once(client.socket, 'connect');
  return client;
}

export function auth(mechanism: string, initial?: string): string {
  const data = initial === undefined ? '' : Buffer.from(initial).toString('base64');
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${data}</auth>`;
}

export function response(text: string): string {
  return `<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${Buffer.from(text).toString('base64')}</response>`;
}

export function bindRequest(resource: string): string {
  const content = resource === '' ? '' : `<resource>${resource}</resource>`;
  return `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${content}</bind></iq>`;
}

/** As much of @xmpp/client as the tests use; it has no types of its own. */
export interface XmppElement {
  readonly name: string;
  readonly attrs: Record<string, string>;
  is(name: string): boolean;
  getChildText(name: string): string | null;
  getChild(name: string, ns?: string): XmppElement | undefined;
  toString(): string;
}

export interface XmppClient {
  start(): Promise<{ toString(): string }>;
  stop(): Promise<unknown>;
  send(element: XmppElement): Promise<void>;
  on(event: 'stanza', listener: (stanza: XmppElement) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'connect', listener: () => void): void;
  readonly socket: { setEncoding(encoding: string): void };
  readonly reconnect: { stop(): void };
  readonly iqCaller: { request(element: XmppElement): Promise<XmppElement> };
}

export interface XmppModule {
  readonly client: (options: object) => XmppClient;
  readonly xml: (name: string, attributes?: object, ...children: unknown[]) => XmppElement;
}

const name: string = '@xmpp/client';
export const { client: makeXmppClient, xml } = (await import(name)) as XmppModule;

/** An @xmpp/client with a mailbox. */
export function xmppClient(t: TestContext, server: DevServer, options: object) {
  const service = `xmpp://127.0.0.1:${server.port}`;
  const client = makeXmppClient({ service, domain: server.domain, ...options });
  client.reconnect.stop();
  client.on('error', () => {});
  // It decodes each chunk by itself, and breaks characters that lie across two.
  client.on('connect', () => client.socket.setEncoding('utf8'));
  t.after(() => client.stop().catch(() => {}));
  const inbox: XmppElement[] = [];
  const waiting = new Set<() => void>();
  client.on('stanza', (stanza) => {
    inbox.push(stanza);
    for (const wake of waiting) wake();
  });
  /** Takes the first stanza that fits. */
  const next = (what: string, fits: (stanza: XmppElement) => boolean): Promise<XmppElement> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const index = inbox.findIndex(fits);
        if (index === -1) return;
        waiting.delete(look);
        clearTimeout(timer);
        resolve(inbox.splice(index, 1)[0] as XmppElement);
      };
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`waited in vain for ${what}; there is: ${inbox.map(String).join(' ').slice(0, 2000)}`));
      }, PATIENCE_MS);
      waiting.add(look);
      look();
    });
  return { client, next };
}
