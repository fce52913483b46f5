// XMPP for the users, REST calls to another chat service behind: their contacts are the roster, their texts are messages.
// The service: POST /login, GET /contacts, POST /messages, GET /messages (answered when there is one, or empty after a while).
import { childOf, escapeAttribute, escapeText, textOf, type Connector, type XmlElement } from 'sluice';
import { ServiceStream, type ServiceUser } from './service-stream.ts';

const ROSTER = 'jabber:iq:roster';

/** One user of the service, by the token of the login. */
class RestUser implements ServiceUser {
  readonly #url: string;
  readonly #token: string;
  readonly #stream: ServiceStream;
  readonly #gone = new AbortController();

  constructor(url: string, token: string, stream: ServiceStream) {
    this.#url = url;
    this.#token = token;
    this.#stream = stream;
    void this.#listen();
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { Authorization: `Bearer ${this.#token}`, 'Content-Type': 'application/json' };
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers,
      signal: this.#gone.signal,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
    return answer.json();
  }

  async #listen(): Promise<void> {
    try {
      while (!this.#gone.signal.aborted) {
        for (const { from, text } of (await this.#call('GET', '/messages')) as { from: string; text: string }[]) {
          const sender = `from='${escapeAttribute(`${from}@${this.#stream.domain}`)}'`;
          const to = `to='${escapeAttribute(this.#stream.jid)}'`;
          const body = `<body>${escapeText(text)}</body>`;
          this.#stream.say(`<message xmlns='jabber:client' type='chat' ${sender} ${to}>${body}</message>`);
        }
      }
    } catch (error) {
      this.#stream.close({ code: 'upstream-lost', detail: String(error) });
    }
  }

  async stanza(stanza: XmlElement): Promise<void> {
    const { name, attributes } = stanza;
    const body = childOf(stanza, 'body');
    if (name === 'message' && body !== undefined) {
      const [to] = (attributes.get('to') ?? '').split('@');
      await this.#call('POST', '/messages', { to, text: textOf(body) });
    } else if (name === 'iq' && childOf(stanza, 'query', ROSTER) !== undefined && attributes.get('type') === 'get') {
      const contacts = (await this.#call('GET', '/contacts')) as { id: string; name: string }[];
      const items = contacts.map((contact) => {
        const jid = escapeAttribute(`${contact.id}@${this.#stream.domain}`);
        return `<item jid='${jid}' name='${escapeAttribute(contact.name)}' subscription='both'/>`;
      });
      this.#stream.answer(stanza, 'result', `<query xmlns='${ROSTER}'>${items.join('')}</query>`);
    } else if (name === 'iq' && /^(get|set)$/.test(attributes.get('type') ?? '')) {
      this.#stream.refuse(stanza, 'cancel', 'service-unavailable');
    }
  }

  gone(): void {
    this.#gone.abort();
  }
}

/** `url`: of the service, without a final slash. */
export function restConnector(url: string): Connector {
  return {
    name: 'rest',
    connect: (request, client) =>
      new ServiceStream(request, client, async (user, password, stream) => {
        const answer = await fetch(`${url}/login`, { method: 'POST', body: JSON.stringify({ user, password }) });
        if (!answer.ok) return undefined;
        return new RestUser(url, ((await answer.json()) as { token: string }).token, stream);
      }),
  };
}
