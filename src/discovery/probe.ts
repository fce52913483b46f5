import { randomBytes } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { reasonOf } from '../core/errors.ts';
import type { Link } from './links.ts';

export interface ProbeOptions {
  /** PEM text of the authorities to trust, instead of the well-known ones. */
  readonly ca?: string | undefined;
  /** Where to connect to in place of what DNS says. */
  readonly dial?: (host: string, port: number) => { readonly host: string; readonly port: number };
  readonly timeoutMs?: number;
}

/** A link of a host-meta document, and what is wrong with it: nothing where a client gets through. */
export interface ProbedLink extends Link {
  readonly problem: string | undefined;
}

/** Answers are read up to this size. */
const MAX_BYTES = 65_536;

interface Question {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
}

interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly text: string;
}

/**
 * Asks a domain for its host-meta as a client does, and tries each link: TLS with a certificate for its host, and BOSH or the
 * WebSocket handshake behind it (DISC-15). Rejects where there is no such document.
 */
export async function probeHostMeta(domain: string, options: ProbeOptions = {}): Promise<ProbedLink[]> {
  const { status, text } = await ask(`https://${domain}/.well-known/host-meta`, {}, '', options);
  if (status !== 200) throw new Error(`host-meta is answered with HTTP ${status}`);
  const tags = text.match(/<(?:[\w.-]+:)?Link\b[^>]*>/g) ?? [];
  const links = tags.map((tag) => ({ rel: attribute(tag, 'rel'), href: attribute(tag, 'href') }));
  const known = links.filter(({ rel }) => rel.startsWith('urn:xmpp:alt-connections:'));
  return Promise.all(known.map(async (link) => ({ ...link, problem: await problemOf(link, domain, options) })));
}

const ENTITIES = { quot: '"', apos: "'", lt: '<', gt: '>', amp: '&' } as const;

function attribute(tag: string, name: string): string {
  const value = new RegExp(`\\s${name}=(?:"([^"]*)"|'([^']*)')`).exec(tag);
  const text = value?.[1] ?? value?.[2] ?? '';
  return text.replace(/&(quot|apos|lt|gt|amp);/g, (_, entity: keyof typeof ENTITIES) => ENTITIES[entity]);
}

async function problemOf({ rel, href }: Link, domain: string, options: ProbeOptions): Promise<string | undefined> {
  const isBosh = rel.endsWith(':xbosh');
  if (!isBosh && !rel.endsWith(':websocket')) return `nothing is known of ${rel}`;
  if (!href.startsWith(isBosh ? 'https://' : 'wss://')) return 'an address without TLS is not used by clients';
  try {
    return await (isBosh ? boshProblem(href, domain, options) : webSocketProblem(href, options));
  } catch (error) {
    return reasonOf(error);
  }
}

async function boshProblem(href: string, domain: string, options: ProbeOptions): Promise<string | undefined> {
  const rid = 1 + randomBytes(4).readUInt32BE();
  const post = (attributes: string): Promise<Answer> => {
    const body = `<body xmlns='http://jabber.org/protocol/httpbind' ${attributes}/>`;
    return ask(href, { method: 'POST', headers: { 'Content-Type': 'text/xml; charset=utf-8' } }, body, options);
  };
  const xmpp = "xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'";
  const { status, text } = await post(`rid='${rid}' to='${domain}' ver='1.11' wait='10' hold='1' ${xmpp}`);
  if (status !== 200 || !/<body\b/.test(text)) return `no BOSH: HTTP ${status}`;
  const tag = /<body\b[^>]*>/.exec(text)?.[0] ?? '';
  const sid = attribute(tag, 'sid');
  if (sid === '') return `no session: ${attribute(tag, 'condition') || 'no reason was given'}`;
  await post(`rid='${rid + 1}' sid='${sid}' type='terminate'`);
  return undefined;
}

async function webSocketProblem(href: string, options: ProbeOptions): Promise<string | undefined> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': 'xmpp',
  };
  const { status, message } = await ask(href.replace(/^wss/, 'https'), { headers }, '', options);
  if (status !== 101) return `no WebSocket: HTTP ${status}`;
  return message.headers['sec-websocket-protocol'] === 'xmpp' ? undefined : 'the WebSocket does not speak xmpp';
}

/** One request, with its answer up to a size; the answer to an upgrade is its head alone. */
function ask(url: string, more: Question, body: string, options: ProbeOptions): Promise<Answer> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const { ca, dial, timeoutMs = 10_000 } = options;
  const target = { host: hostname, port: port === '' ? 443 : Number(port) };
  const place = dial?.(target.host, target.port) ?? target;
  const tls = { servername: hostname, agent: false, ...(ca !== undefined && { ca }) };
  const signal = AbortSignal.timeout(timeoutMs);
  const headers = { Host: host, ...more.headers };
  return new Promise((resolve, reject) => {
    const asked = request({ ...more, ...place, ...tls, path: pathname + search, signal, headers });
    asked.on('upgrade', (message, socket) => {
      socket.destroy();
      resolve({ status: 101, message, text: '' });
    });
    asked.on('response', (message) => {
      let text = '';
      message.setEncoding('utf8').on('error', reject);
      message.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BYTES) message.destroy(new Error('the answer is too long'));
      });
      message.on('end', () => resolve({ status: message.statusCode ?? 0, message, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
