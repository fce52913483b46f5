import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { XmlDocument } from 'libxml2-wasm';
import { childInfosets } from './infoset.ts';
import { RawHttp, type RawResponse } from './raw-http.ts';

export const HTTPBIND = 'http://jabber.org/protocol/httpbind';
export const XBOSH = 'urn:xmpp:xbosh';

/** XEP-0124 §17.2: no other condition may be sent (BOSH-ERR-03). */
const CONDITIONS = new Set([
  ...['bad-request', 'host-gone', 'host-unknown', 'improper-addressing', 'internal-server-error', 'item-not-found'],
  ...['other-request', 'policy-violation', 'remote-connection-failed', 'remote-stream-error', 'see-other-uri'],
  ...['system-shutdown', 'undefined-condition'],
]);

/** Attributes as written; `undefined` leaves one out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/**
 * An answer, read by a parser that is not ours. Each one that is read is checked to be exactly one `{httpbind}body`
 * (BOSH-HTTP-02, BOSH-BODY-09), without a byte-order mark (BOSH-BODY-10), and with no condition but the listed ones.
 */
export interface BoshAnswer {
  readonly response: RawResponse;
  readonly status: number;
  readonly text: string;
  readonly type: string | undefined;
  readonly condition: string | undefined;
  /** Attributes by name, or `{namespace}name`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The payload as infosets. */
  readonly payload: readonly string[];
}

export function readAnswer(response: RawResponse): BoshAnswer {
  const document = XmlDocument.fromBuffer(response.bytes);
  try {
    const { root } = document;
    assert.deepEqual([root.namespaceUri, root.name], [HTTPBIND, 'body'], response.text);
    const attributes = Object.fromEntries(
      root.attrs.map(({ namespaceUri, name, value }) => [
        namespaceUri === '' ? name : `{${namespaceUri}}${name}`,
        value,
      ]),
    );
    const { status, text } = response;
    assert.ok(text.startsWith('<'), 'nothing stands before the body');
    const condition = attributes['condition'];
    if (condition !== undefined) assert.ok(CONDITIONS.has(condition), `condition ${condition}`);
    const payload = childInfosets(response.bytes);
    return {
      response,
      status,
      text,
      attributes,
      payload,
      type: attributes['type'],
      condition: attributes['condition'],
    };
  } finally {
    document.dispose();
  }
}

/** A body as a client writes it. Attribute values go in as they are. */
export function body(attributes: Attributes, payload = ''): string {
  const all = { xmlns: HTTPBIND, ...attributes };
  const written = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}='${value}'`]));
  return `<body ${written.join(' ')}>${payload}</body>`;
}

/** A request under way. */
export interface Held {
  readonly rid: number;
  readonly http: RawHttp;
  /** When it was sent (performance.now()). */
  readonly sentAt: number;
  readonly answer: Promise<BoshAnswer>;
  /** RST on its connection. */
  abort(): void;
}

export interface BoshOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly firstRid?: number;
  /** Connections whose answer is here are used again, as browsers do. */
  readonly keepsConnections?: boolean;
}

/** A client of one BOSH session. Each request has a TCP connection of its own, unless asked otherwise. */
export class BoshClient {
  readonly #t: TestContext;
  readonly #port: number;
  readonly #options: BoshOptions;
  readonly #idle: RawHttp[] = [];
  sid: string | undefined;
  /** The last one used. */
  rid: number;
  /** The attributes of the creation answer. */
  created: Readonly<Record<string, string>> = {};

  constructor(t: TestContext, port: number, options: BoshOptions = {}) {
    this.#t = t;
    this.#port = port;
    this.#options = options;
    this.rid = (options.firstRid ?? 1000) - 1;
  }

  /** Exact bytes in one POST; the response as it came. */
  async post(text: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<RawResponse> {
    const { http } = await this.#write(text, headers);
    return http.response(10_000);
  }

  /** Exact bytes in one POST, whose answer does not matter. */
  async write(text: string | Uint8Array): Promise<void> {
    await this.#write(text);
  }

  async #write(text: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<{ http: RawHttp }> {
    const http = this.#idle.pop() ?? (await RawHttp.connect(this.#t, this.#port));
    const { path = '/http-bind/', headers: always } = this.#options;
    const all = { 'Content-Type': 'text/xml; charset=utf-8', ...always, ...headers };
    http.write(requestOf(path, all, text));
    return { http };
  }

  /** Creation with the attributes of the checklist's default set-up; `undefined` leaves one out. */
  async create(attributes: Attributes = {}, payload = ''): Promise<BoshAnswer> {
    const held = await this.request(
      {
        rid: ++this.rid,
        to: 'example.com',
        ver: '1.11',
        hold: 1,
        wait: 60,
        'xml:lang': 'en',
        'xmlns:xmpp': XBOSH,
        'xmpp:version': '1.0',
        ...attributes,
      },
      payload,
    );
    const answer = await held.answer;
    this.sid = answer.attributes['sid'];
    this.created = answer.attributes;
    return answer;
  }

  /** The next request of the session, on the wire when the promise resolves. */
  send(payload = '', attributes: Attributes = {}): Promise<Held> {
    return this.request({ rid: ++this.rid, sid: this.sid, ...attributes }, payload);
  }

  /** The next request and its answer. */
  async ask(payload = '', attributes: Attributes = {}): Promise<BoshAnswer> {
    return (await this.send(payload, attributes)).answer;
  }

  /** A request with that rid, whatever was before. */
  again(rid: number, payload = '', attributes: Attributes = {}): Promise<Held> {
    return this.request({ rid, sid: this.sid, ...attributes }, payload);
  }

  restart(attributes: Attributes = {}, payload = ''): Promise<Held> {
    return this.send(payload, { 'xmlns:xmpp': XBOSH, 'xmpp:restart': 'true', to: 'example.com', ...attributes });
  }

  async request(attributes: Attributes, payload: string): Promise<Held> {
    const { http } = await this.#write(body(attributes, payload));
    const answer = http.response(10_000).then(readAnswer);
    // A test that never looks at an answer has its reason.
    answer.then(
      () => this.#options.keepsConnections === true && this.#idle.push(http),
      () => {},
    );
    return { rid: Number(attributes['rid']), http, sentAt: performance.now(), answer, abort: () => http.reset() };
  }
}

function requestOf(path: string, headers: Readonly<Record<string, string>>, text: string | Uint8Array): Buffer {
  const payload = Buffer.from(text);
  const lines = Object.entries({ Host: 'localhost', ...headers, 'Content-Length': String(payload.length) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`), payload]);
}
