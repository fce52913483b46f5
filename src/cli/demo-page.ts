import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '../http/router.ts';
import { escapeAttribute, escapeText } from '../xml/write.ts';
import { CHAT_SCRIPT, CHAT_STYLE, ICON, STYLE } from './demo-assets.ts';
import { findFile, sendFile } from './static-files.ts';

export interface DemoUser {
  readonly name: string;
  readonly nick: string;
  readonly password: string;
}

/** What the pages tell. */
export interface DemoFacts {
  readonly version: string;
  readonly domain: string;
  readonly serverPort: number;
  readonly users: readonly DemoUser[];
  /** Where Converse.js is; `undefined` where it is not installed. */
  readonly converse: string | undefined;
  /** Makes a session of that user, as JSON. */
  readonly prebind: (user: DemoUser) => Promise<object>;
}

/** Converse.js is not needed to run a gateway, so it may be missing. */
export function findConverse(): string | undefined {
  try {
    return dirname(fileURLToPath(import.meta.resolve('converse.js/dist/converse.min.js')));
  } catch {
    return undefined;
  }
}

/** What Converse.js needs, and no more: its wasm is compiled, its icons are data, its styles are inline. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const HTML = 'text/html; charset=utf-8';

/** How a user comes in. */
const WAYS = { bosh: 'BOSH', websocket: 'WebSocket', prebind: 'prebind' } as const;
type Way = keyof typeof WAYS;

type Handle = (request: IncomingMessage, response: ServerResponse, pathname: string) => void;

/** Only reading, and with the policy on every answer. */
function reading(handle: Handle): Handle {
  return (request, response, pathname) => {
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    if (request.method === 'GET' || request.method === 'HEAD') return handle(request, response, pathname);
    response.setHeader('Allow', 'GET, HEAD');
    send(request, response, 405, 'text/plain; charset=utf-8', 'Only GET and HEAD.\n');
  };
}

function send(request: IncomingMessage, response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-cache',
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

function text(path: string, type: string, content: string): Page {
  return { path, handle: reading((request, response) => send(request, response, 200, type, content)) };
}

/** The pages of `sluice demo`. */
export function demoPages(facts: DemoFacts): Page[] {
  return [
    {
      path: '/',
      handle: reading((request, response) => {
        send(request, response, 200, HTML, startPage(facts, request.headers.host ?? 'localhost'));
      }),
    },
    { path: '/chat', handle: reading((request, response) => chat(facts, request, response)) },
    { path: '/demo/prebind', handle: reading((request, response) => prebind(facts, request, response)) },
    text('/demo/style.css', 'text/css; charset=utf-8', STYLE),
    text('/demo/chat.css', 'text/css; charset=utf-8', CHAT_STYLE),
    text('/demo/icon.svg', 'image/svg+xml', ICON),
    text('/demo/chat.js', 'text/javascript; charset=utf-8', CHAT_SCRIPT),
    {
      path: /^\/converse\//,
      handle: reading((request, response, pathname) => {
        const { converse } = facts;
        const file = converse === undefined ? undefined : findFile(converse, pathname.slice('/converse/'.length));
        if (file === undefined) send(request, response, 404, 'text/plain; charset=utf-8', 'No such file.\n');
        else sendFile(file, request, response);
      }),
    },
  ];
}

function chat(facts: DemoFacts, request: IncomingMessage, response: ServerResponse): void {
  const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
  const user = facts.users.find(({ name }) => name === query.get('user'));
  const peer = facts.users.find((other) => other !== user);
  const via = query.get('via') ?? 'bosh';
  if (user === undefined || peer === undefined || !isWay(via) || facts.converse === undefined) {
    response.writeHead(303, { Location: '/' }).end();
    return;
  }
  send(request, response, 200, HTML, chatPage(facts.domain, user, peer, via));
}

function isWay(text: string): text is Way {
  return Object.hasOwn(WAYS, text);
}

/** A real site would look at its login cookie here; this one has none, and its passwords are on the start page. */
function prebind(facts: DemoFacts, request: IncomingMessage, response: ServerResponse): void {
  const jid = new URL(request.url ?? '/', 'http://localhost').searchParams.get('jid');
  const user = facts.users.find(({ name }) => `${name}@${facts.domain}` === jid);
  const answer = (status: number, body: object): void => {
    if (!response.destroyed) send(request, response, status, 'application/json; charset=utf-8', JSON.stringify(body));
  };
  if (user === undefined || request.method !== 'GET') {
    answer(404, { error: 'no such user' });
    return;
  }
  facts.prebind(user).then(
    (session) => answer(200, session),
    () => answer(502, { error: 'no session' }),
  );
}

function markup(parts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return String.raw(parts, ...values.map((value) => escapeAttribute(String(value))));
}

function chatPage(domain: string, user: DemoUser, peer: DemoUser, via: Way): string {
  const jid = `${user.name}@${domain}`;
  const other = `${peer.name}@${domain}`;
  const password = via === 'prebind' ? '' : user.password;
  return markup`<!doctype html>
<html lang="en" data-jid="${jid}" data-password="${password}" data-peer="${other}" data-via="${via}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${user.nick} by ${WAYS[via]} · Sluice demo</title>
<link rel="icon" href="/demo/icon.svg">
<link rel="stylesheet" href="/converse/converse.min.css">
<link rel="stylesheet" href="/demo/chat.css">
<script type="module" src="/converse/converse.min.js"></script>
<script type="module" src="/demo/chat.js"></script>
</head>
<body class="converse-fullscreen">
<noscript>Converse.js needs JavaScript.</noscript>
</body>
</html>
`;
}

function userCard(facts: DemoFacts, { name, nick, password }: DemoUser): string {
  const login = markup`<h3>${nick}</h3>
<p><code>${name}@${facts.domain}</code>, password <code>${password}</code></p>`;
  const links = Object.entries(WAYS).map(
    ([via, way]) =>
      markup`<a class="button" href="/chat?user=${name}&amp;via=${via}" target="_blank" rel="noopener" aria-label="${nick} by ${way}">by ${way}</a>`,
  );
  const buttons = `<p class="buttons">\n${links.join('\n')}\n</p>`;
  return `<article class="card">\n${login}\n${facts.converse === undefined ? '' : buttons}\n</article>`;
}

function chatSection(facts: DemoFacts): string {
  const cards = `<div class="users">\n${facts.users.map((user) => userCard(facts, user)).join('\n')}\n</div>`;
  if (facts.converse !== undefined) {
    return `<p>Open both, each in a window of its own, and let them talk: one by BOSH, for example, and the other by WebSocket. Each window
logs in by itself. By prebind, the page gets no password: its server logs in, as a site's would for a user of its own, and the
page attaches to that session.</p>\n${cards}`;
  }
  return `<p class="warning">The chat page needs Converse.js, which is not installed here. Stop the demo, and start it again after:</p>
<pre><code>npm install converse.js@14</code></pre>
<p>Or log in with a client of your own:</p>
${cards}`;
}

function startPage(facts: DemoFacts, host: string): string {
  const { version, domain, serverPort } = facts;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice demo</title>
<link rel="icon" href="/demo/icon.svg">
<link rel="stylesheet" href="/demo/style.css">
</head>
<body>
<header>
<img src="/demo/icon.svg" alt="">
<div>
<h1>Sluice demo</h1>
<p>An XMPP connection manager for browsers, version ${escapeText(version)}</p>
</div>
</header>
<main>
<aside class="warning">
<p><strong>This is no production server.</strong> Its passwords stand on this page, nothing is encrypted, and everything is
forgotten when it stops. For real use, run <code>sluice serve</code> in front of a real XMPP server.</p>
</aside>
<section>
<h2>Chat</h2>
${chatSection(facts)}
</section>
<section>
<h2>What runs here</h2>
${markup`<dl>
  <dt>Gateway</dt>
  <dd>Sluice ${version}</dd>
  <dt>BOSH</dt>
  <dd><code>http://${host}/http-bind/</code></dd>
  <dt>WebSocket</dt>
  <dd><code>ws://${host}/xmpp-websocket</code></dd>
  <dt>XMPP server</dt>
  <dd>the embedded one: in memory, at <code>127.0.0.1:${serverPort}</code></dd>
  <dt>XMPP domain</dt>
  <dd><code>${domain}</code></dd>
</dl>`}
</section>
</main>
</body>
</html>
`;
}
