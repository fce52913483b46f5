import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { Inbox } from './waiting.ts';

export interface Text {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

type Waiting = Map<string, (texts: readonly Omit<Text, 'to'>[]) => void>;

/** The other chat service of examples/embedding/rest-chat.ts: two users, one long poll each. */
export class ChatService {
  readonly url: string;
  readonly texts: Inbox<Text>;
  readonly #waiting: Waiting;

  private constructor(url: string, texts: Inbox<Text>, waiting: Waiting) {
    this.url = url;
    this.texts = texts;
    this.#waiting = waiting;
  }

  static async start(t: TestContext): Promise<ChatService> {
    const texts = new Inbox<Text>();
    const waiting: Waiting = new Map();
    const answer = async (request: IncomingMessage): Promise<[status: number, body?: unknown]> => {
      const user = request.headers.authorization?.replace('Bearer ', '') ?? '';
      switch (`${request.method} ${request.url}`) {
        case 'POST /login': {
          const login = (await json(request)) as { user: string; password: string };
          return login.password === `of ${login.user}` ? [200, { token: login.user }] : [403];
        }
        case 'GET /contacts':
          return [200, [{ id: 'bob', name: "Bob O'Hara <&>" }]];
        case 'POST /messages': {
          const { to, text } = (await json(request)) as { to: string; text: string };
          if (to === 'nobody') return [404];
          texts.push({ from: user, to, text });
          return [200, {}];
        }
        case 'GET /messages':
          return [200, await new Promise((resolve) => waiting.set(user, resolve))];
        default:
          return [404];
      }
    };
    const server = createServer((request, response) => {
      void answer(request).then(([status, body]) => response.writeHead(status).end(JSON.stringify(body ?? null)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    return new ChatService(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, texts, waiting);
  }

  /** Somebody writes to a user, who asks for it. False where nobody asks. */
  say(from: string, to: string, text: string): boolean {
    const answer = this.#waiting.get(to);
    this.#waiting.delete(to);
    answer?.([{ from, text }]);
    return answer !== undefined;
  }
}
