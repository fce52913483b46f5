// A site with a login of its own, and chat for who is logged in: `node site.mjs`. See docs/converse.md.
// PORT, SLUICE_URL, SLUICE_KEY, CONVERSE (where Converse's files are),
// USERS: {"alice": {"password": "for the site", "jid": "alice@example.org", "xmpp": "its password"}}
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

const { SLUICE_URL = 'http://127.0.0.1:5280', SLUICE_KEY, PORT = '8000', USERS = '{}' } = process.env;
const CONVERSE = process.env.CONVERSE ?? 'https://cdn.conversejs.org/14.0.0/dist';
const users = new Map(Object.entries(JSON.parse(USERS)));
const sessions = new Map();
const read = (name) => readFileSync(new URL(`../prebind-converse/${name}`, import.meta.url), 'utf8');

/** The session of a user, as JSON. While the gateway restarts the page waits: an error would make Converse give up. */
async function prebind({ jid, xmpp: password }) {
  const headers = { Authorization: `Bearer ${SLUICE_KEY}`, 'Content-Type': 'application/json' };
  const question = { method: 'POST', headers, body: JSON.stringify({ jid, password }) };
  for (let tries = 20; tries > 0; tries--) {
    const answer = await fetch(`${SLUICE_URL}/prebind`, question).catch(() => undefined);
    if (answer !== undefined && answer.status !== 503) return [answer.status, await answer.text()];
    await pause(500);
  }
  return [502, '{"error":"unreachable"}'];
}

function chatPage({ jid }) {
  const values = { jid, bosh: `${SLUICE_URL}/http-bind/`, converse: CONVERSE };
  return read('chat.html').replace(/{{(\w+)}}/g, (_all, name) => values[name]);
}

async function answer(request, response) {
  const send = (status, type, body, headers = {}) =>
    response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', ...headers }).end(body);
  const cookie = /(?:^|; )id=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  const user = sessions.get(cookie);
  const route = `${request.method} ${request.url.split('?', 1)[0]}`;
  if (route === 'POST /login') {
    const form = new URLSearchParams(await text(request));
    const found = users.get(form.get('user'));
    const id = randomBytes(16).toString('hex');
    const isKnown = found !== undefined && found.password === form.get('password');
    if (isKnown) sessions.set(id, found);
    const welcome = { Location: '/', 'Set-Cookie': `id=${id}; HttpOnly; SameSite=Strict` };
    send(isKnown ? 303 : 403, 'text/plain', isKnown ? '' : 'wrong', isKnown ? welcome : {});
  } else if (route === 'GET /logout') {
    sessions.delete(cookie);
    send(303, 'text/plain', '', { Location: '/' });
  } else if (route === 'GET /chat.js') send(200, 'text/javascript', read('chat.js'));
  else if (route === 'GET /prebind' && user === undefined) send(401, 'application/json', '{"error":"not-logged-in"}');
  else if (route === 'GET /prebind') {
    const [status, json] = await prebind(user);
    send(status, 'application/json', json);
  } else send(200, 'text/html', user === undefined ? read('login.html') : chatPage(user));
}

const server = createServer((request, response) => answer(request, response).catch(() => response.destroy()));
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
