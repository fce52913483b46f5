import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { BYE, STREAM_HEADER } from '../message.ts';
import { traffic, type Link, type LinkEvents, type Route } from './link.ts';

const HTTPBIND = 'http://jabber.org/protocol/httpbind';
const XBOSH = 'urn:xmpp:xbosh';
const APART_MS = 1;

/** One connection, one request at a time. HTTP by hand: it costs a fraction of what a client library does. */
class Line {
  readonly #socket: Socket;
  readonly #head: string;
  #text = '';
  #bodyAt = -1;
  #needed = 0;
  isBusy = false;

  constructor(url: URL, path: string, answered: (line: Line, head: string, body: string) => void, lost: () => void) {
    this.#head =
      `POST ${path} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: text/xml; charset=utf-8\r\n` +
      'User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\nAccept: */*\r\nContent-Length: ';
    this.#socket = connect({ port: Number(url.port), host: url.hostname, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => {
      this.#text += text;
      if (this.#bodyAt < 0) {
        const end = this.#text.indexOf('\r\n\r\n');
        if (end < 0) return;
        this.#bodyAt = end + 4;
        this.#needed = this.#bodyAt + Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0);
      }
      if (this.#text.length < this.#needed) return;
      const all = this.#text;
      const bodyAt = this.#bodyAt;
      this.#text = '';
      this.#bodyAt = -1;
      this.isBusy = false;
      answered(this, all.slice(0, bodyAt), all.slice(bodyAt));
    });
    this.#socket.on('error', lost);
    this.#socket.on('close', lost);
  }

  post(body: string): void {
    this.isBusy = true;
    traffic.requests++;
    this.#socket.write(`${this.#head}${body.length}\r\n\r\n${body}`, 'latin1');
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** BOSH with one request held (XEP-0124), or the same requests without a word of it for the blind relay. */
export class BoshLink implements Link {
  readonly #url: URL;
  readonly #path: string;
  readonly #route: Route;
  readonly #events: LinkEvents;
  readonly #lines: Line[] = [];
  #rid = 1 + randomBytes(4).readUInt32BE();
  #sid: string | undefined;
  #open = 0;
  #isSettled = false;
  #isOver = false;
  /** No request was free for them. */
  #waiting: string[] = [];

  constructor(route: Route, events: LinkEvents) {
    this.#route = route;
    this.#events = events;
    this.#url = new URL(route.url);
    this.#path = route.dialect === 'blind' ? `/${randomBytes(12).toString('hex')}` : this.#url.pathname;
  }

  open(): void {
    this.#openStream(
      `<body content='text/xml; charset=utf-8' hold='1' rid='${this.#rid++}' to='${this.#route.domain}' ver='1.6' wait='60' ` +
        `xml:lang='en' xmpp:version='1.0' xmlns='${HTTPBIND}' xmlns:xmpp='${XBOSH}'/>`,
    );
  }

  restart(): void {
    const values = `rid='${this.#rid++}' sid='${this.#sid}' to='${this.#route.domain}'`;
    this.#openStream(`<body ${values} xml:lang='en' xmpp:restart='true' xmlns='${HTTPBIND}' xmlns:xmpp='${XBOSH}'/>`);
  }

  #openStream(body: string): void {
    this.#post(this.#route.dialect === 'blind' ? STREAM_HEADER : body);
  }

  say(xml: string): void {
    this.#post(this.#wrap(xml));
  }

  settle(): void {
    this.#isSettled = true;
    this.#hold();
  }

  /** Where no request is held yet, it has to arrive before them: on two connections nothing keeps them in order. */
  send(stanzas: readonly string[]): void {
    if (this.#open > 0) this.#sendNow(stanzas);
    else {
      this.#hold();
      setTimeout(() => this.#sendNow(stanzas), this.#route.apartMs ?? APART_MS);
    }
  }

  #sendNow(stanzas: readonly string[]): void {
    if (this.#isOver) return;
    if (this.#open < 2) this.#post(this.#wrap(stanzas.join('')));
    else this.#waiting.push(...stanzas);
  }

  /** There is always a request that the server can answer. */
  #hold(): void {
    if (this.#open === 0 && this.#isSettled && !this.#isOver) this.#post(this.#wrap(''));
  }

  #wrap(payload: string): string {
    if (this.#route.dialect === 'blind') return payload;
    const head = `<body rid='${this.#rid++}' sid='${this.#sid}' xmlns='${HTTPBIND}'`;
    return payload === '' ? `${head}/>` : `${head}>${payload}</body>`;
  }

  #post(body: string): void {
    let line = this.#lines.find(({ isBusy }) => !isBusy);
    if (line === undefined) {
      const lost = (): void => this.#fail('the connection was lost');
      line = new Line(this.#url, this.#path, (answered, head, text) => this.#answered(answered, head, text), lost);
      this.#lines.push(line);
    }
    this.#open++;
    line.post(body);
  }

  #answered(line: Line, head: string, body: string): void {
    this.#open--;
    if (/\r\nconnection: *close/i.test(head)) this.#lines.splice(this.#lines.indexOf(line), 1);
    if (!head.startsWith('HTTP/1.1 200')) {
      const retry = /\r\nretry-after: *(\d+)/i.exec(head)?.[1];
      if (retry === undefined || this.#sid !== undefined) this.#fail(head.split('\r\n', 1)[0] ?? '');
      else {
        this.#isOver = true;
        this.#events.later(Number(retry));
      }
      return;
    }
    if (this.#route.dialect === 'xmpp') {
      this.#sid ??= /\ssid=['"]([^'"]+)['"]/.exec(body)?.[1];
      const tag = body.slice(0, body.indexOf('>'));
      if (/\stype=['"]terminate['"]/.test(tag)) this.#fail(`ended: ${tag.slice(0, 300)}`);
    }
    if (this.#waiting.length > 0) this.#post(this.#wrap(this.#waiting.splice(0).join('')));
    this.#events.read(body);
    this.#hold();
    // Some answer the creation before their server has said anything.
    const isEmpty = this.#route.dialect === 'xmpp' && body.endsWith('/>');
    if (!this.#isSettled && this.#open === 0 && isEmpty) this.say('');
  }

  #fail(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.failed(why);
  }

  close(): void {
    this.#isOver = true;
    const end = `<body rid='${this.#rid++}' sid='${this.#sid}' type='terminate' xmlns='${HTTPBIND}'/>`;
    this.#post(this.#route.dialect === 'xmpp' ? end : BYE);
  }

  destroy(): void {
    this.#isOver = true;
    for (const line of this.#lines) line.destroy();
  }
}
