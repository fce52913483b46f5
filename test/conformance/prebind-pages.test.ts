import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { PREBIND_ERRORS, type PrebindErrorCode } from '../../src/prebind/errors.ts';
import { body } from '../support/bosh-client.ts';
import { createAuthority } from '../support/certificates.ts';
import {
  ALICE,
  ask,
  SECRETS,
  startPrebindBench,
  TOKEN_KEY,
  tokenFor,
  type Answer,
  type PrebindBench,
} from '../support/prebind.ts';
import { Inbox } from '../support/waiting.ts';

const SAME = { 'Sec-Fetch-Site': 'same-origin', Cookie: 'session=42; theme=dark' };
const WEBHOOK_KEY = 'the key of the webhook';
const TOKENS = { site: { alg: 'HS256' as const, key: TOKEN_KEY, domains: ['example.com'] } };
const ACCOUNTS = { 'example.com': { user: 'service', password: SECRETS.password } };

function refused({ status, body, text }: Answer, code: PrebindErrorCode): void {
  assert.deepEqual([status, body['error']], [PREBIND_ERRORS[code].status, code], text);
  for (const secret of Object.values(SECRETS)) assert.ok(!text.includes(secret));
}

/** A site that says who somebody is. */
async function startSite(
  t: TestContext,
  answer: RequestListener,
): Promise<{ url: string; asked: Inbox<IncomingMessage> }> {
  const asked = new Inbox<IncomingMessage>();
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/whoami`, asked };
}

async function startWithSite(t: TestContext, answer: RequestListener, settings: object = {}) {
  const site = await startSite(t, answer);
  const hook = { prebindWebhook: site.url, prebindWebhookKey: WEBHOOK_KEY.replaceAll(' ', '-') };
  const bench = await startPrebindBench(t, { prebindCallers: {}, ...hook, ...settings });
  const get = (headers: Readonly<Record<string, string>> = SAME, path = '/prebind') =>
    ask(t, bench.port, { method: 'GET', path, headers });
  return { site, bench, get };
}

const json =
  (body: unknown, status = 200): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(JSON.stringify(body));

test('prebind: a page is asked for at the site, with its cookies, and gets a session', async (t) => {
  const { site, bench, get } = await startWithSite(t, json(ALICE));
  const answer = await get({ ...SAME, 'X-Forwarded-For': '192.0.2.7', 'User-Agent': 'a browser', 'X-Other': 'x' });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(Object.keys(answer.body), ['jid', 'sid', 'rid', 'wait', 'inactivity', 'url']);
  const { headers, method } = await site.asked.take('the question');
  assert.equal(method, 'GET');
  assert.equal(headers.cookie, SAME.Cookie);
  assert.equal(headers['x-forwarded-for'], '192.0.2.7, 127.0.0.1');
  assert.equal(headers['user-agent'], 'a browser');
  assert.equal(headers.authorization, 'Bearer the-key-of-the-webhook');
  assert.equal(headers['x-other'], undefined);
  assert.match((await bench.attach(answer).ask("<message xmlns='jabber:client' id='on'/>")).text, /id='on'/);
  assert.ok(!bench.log().includes('the-key-of-the-webhook') && !bench.log().includes(SECRETS.password));
});

test('prebind: the site does not know who it is, or does not say it well', async (t) => {
  const cases: readonly (readonly [RequestListener, PrebindErrorCode])[] = [
    [json({}, 401), 'not-logged-in'],
    [json({}, 403), 'not-logged-in'],
    [(_request, response) => void response.writeHead(302, { Location: '/login' }).end(), 'not-logged-in'],
    [json({}, 500), 'webhook-failed'],
    [json(ALICE, 201), 'webhook-failed'],
    [json([]), 'webhook-failed'],
    [json({ jid: 'alice@example.com' }), 'webhook-failed'],
    [(_request, response) => void response.end('<html>'), 'webhook-failed'],
    [(_request, response) => void response.end(`"${'x'.repeat(70_000)}"`), 'webhook-failed'],
    [(request) => void request.socket.destroy(), 'webhook-failed'],
    [json({ ...ALICE, jid: 'alice@other.example' }), 'forbidden'],
  ];
  for (const [answer, code] of cases) {
    const { bench, get } = await startWithSite(t, answer, { prebindWebhookDomains: ['example.com'] });
    refused(await get(), code);
    assert.equal(bench.u.connections.length, 0);
  }
});

test('prebind: pages of other sites cannot ask in the name of a user', async (t) => {
  const { bench, get } = await startWithSite(t, json(ALICE), { prebindOrigins: ['https://ok.example'] });
  const Cookie = 'session=42';
  const host = '127.0.0.1';
  const wrong: readonly Readonly<Record<string, string>>[] = [
    {},
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { 'Sec-Fetch-Site': 'none' },
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Referer: 'https://evil.example/page' },
    { Referer: 'no address' },
    { 'Sec-Fetch-Site': 'cross-site', Referer: `http://${host}/` },
    { Origin: 'https://evil.example', Referer: `http://${host}/` },
  ];
  for (const headers of wrong) {
    const answer = await get({ Cookie, Host: host, ...headers });
    refused(answer, 'cross-site');
    assert.equal(answer.header('access-control-allow-origin'), undefined);
  }
  assert.equal(bench.u.connections.length, 0);

  // In clear and on another machine, browsers send no Sec-Fetch-Site; behind a proxy, Host may be another.
  assert.equal((await get({ Cookie, Host: host, Referer: `http://${host}/chat` })).status, 200);
});

test('prebind: CORS is open for the origins that are named, with cookies, and for GET alone', async (t) => {
  const { bench, get } = await startWithSite(t, json(ALICE), { prebindOrigins: ['https://ok.example'] });
  const Origin = 'https://ok.example';
  const answer = await get({ Cookie: 'session=42', Origin, 'Sec-Fetch-Site': 'cross-site' });
  assert.equal(answer.status, 200);
  const allowed = ['access-control-allow-origin', 'access-control-allow-credentials', 'vary'].map(answer.header);
  assert.deepEqual(allowed, [Origin, 'true', 'Origin']);
  const preflight = (origin: string) => ask(t, bench.port, { method: 'OPTIONS', headers: { Origin: origin } });
  const yes = await preflight(Origin);
  assert.deepEqual([yes.status, yes.header('access-control-allow-methods')], [204, 'GET']);
  const no = await preflight('https://evil.example');
  assert.deepEqual([no.status, no.header('access-control-allow-origin')], [405, undefined]);
});

async function startWithTokens(t: TestContext, settings: object = {}) {
  const tokens = { prebindCallers: {}, prebindTokens: TOKENS, prebindAccounts: ACCOUNTS };
  const bench = await startPrebindBench(t, { ...tokens, ...settings });
  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    ask(t, bench.port, { method: 'GET', path, headers });
  return { bench, get };
}

function authzids({ u }: PrebindBench): string[] {
  return [...u.received.matchAll(/mechanism='PLAIN'>([^<]*)</g)].map(
    ([, data = '']) => Buffer.from(data, 'base64').toString().split('\0')[0] ?? '',
  );
}

test('prebind: a signed token says who it is: in the address, in a header field or in a cookie', async (t) => {
  const { bench, get } = await startWithTokens(t);
  const token = (name: string): string => tokenFor(`${name}@example.com`);
  assert.equal((await get(`/prebind?token=${token('a')}`)).status, 200);
  assert.equal((await get('/prebind', { Authorization: `Bearer ${token('b')}` })).status, 200);
  const cookie = { Cookie: `x=y; sluice_token=${token('c')}` };
  refused(await get('/prebind', cookie), 'cross-site');
  assert.equal((await get('/prebind', { ...cookie, 'Sec-Fetch-Site': 'same-origin' })).status, 200);
  assert.deepEqual(
    authzids(bench),
    ['a', 'b', 'c'].map((name) => `${name}@example.com`),
  );
});

test('prebind: a token that was used, has expired, or is for others', async (t) => {
  const { bench, get } = await startWithTokens(t);
  const now = Math.floor(Date.now() / 1000);
  const good = tokenFor('alice@example.com');
  assert.equal((await get(`/prebind?token=${good}`)).status, 200);
  refused(await get(`/prebind?token=${good}`), 'token-replayed');
  const past = { iat: now - 300, exp: now - 100 };
  refused(await get(`/prebind?token=${tokenFor('alice@example.com', past)}`), 'token-expired');
  refused(await get('/prebind?token=x.y.z'), 'token-invalid');
  refused(await get(`/prebind?token=${tokenFor('alice@other.example')}`), 'bad-request');
  refused(await get('/prebind', { 'Sec-Fetch-Site': 'same-origin' }), 'not-logged-in');
  assert.equal(bench.u.connections.length, 1);
});

test('prebind: a caller may prove itself by its TLS certificate', async (t) => {
  const authority = await createAuthority();
  const stranger = await createAuthority();
  t.after(() => Promise.all([authority.remove(), stranger.remove()]));
  const text = (file: string): string => readFileSync(file, 'utf8');
  const [server, client, other, foreign] = await Promise.all([
    authority.issue({ names: ['localhost'] }),
    authority.issue({ names: ['site.example'] }),
    authority.issue({ names: ['other.example'] }),
    stranger.issue({ names: ['site.example'] }),
  ]);
  const { X509Certificate } = await import('node:crypto');
  const certificate = new X509Certificate(text(client.certificateFile)).fingerprint256;
  const foreignPrint = new X509Certificate(text(foreign.certificateFile)).fingerprint256;
  const bench = await startPrebindBench(t, {
    tlsPort: 0,
    tlsCert: server.certificateFile,
    tlsKey: server.keyFile,
    tlsClientCa: authority.caFile,
    prebindCallers: {
      site: { certificate, domains: ['example.com'] },
      foreign: { certificate: foreignPrint, domains: ['example.com'] },
    },
  });
  const ca = text(authority.caFile);
  const post = (shown?: { certificateFile: string; keyFile: string }): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const own = shown === undefined ? {} : { cert: text(shown.certificateFile), key: text(shown.keyFile) };
      const target = { host: '127.0.0.1', servername: 'localhost', port: bench.gateway.tlsPort, path: '/prebind' };
      const request = httpsRequest({ ...target, ...own, ca, method: 'POST', agent: false }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      });
      request.once('error', reject).end(JSON.stringify(ALICE));
    });
  assert.equal(await post(client), 200);
  assert.equal(await post(other), 401, 'of the same authority');
  assert.equal(await post(foreign), 401, 'of another authority, though its fingerprint is configured');
  assert.equal(await post(), 401);
});

test('BOSH-SEC-02: a prebound session that a page attaches to over TLS accepts nothing in clear', async (t) => {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const own = await authority.issue({ names: ['localhost'] });
  const bench = await startPrebindBench(t, { tlsPort: 0, tlsCert: own.certificateFile, tlsKey: own.keyFile });
  const { body: made } = await bench.prebind();
  const ca = readFileSync(authority.caFile);
  const rid = Number(made['rid']);
  const first = await new Promise<string>((resolve, reject) => {
    const target = { host: '127.0.0.1', servername: 'localhost', port: bench.gateway.tlsPort, path: '/http-bind/', ca };
    const request = httpsRequest({ ...target, method: 'POST', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve(text));
    });
    const message = "<message xmlns='jabber:client' id='over-tls'/>";
    request.once('error', reject).end(body({ rid, sid: String(made['sid']) }, message));
  });
  assert.match(first, /id='over-tls'/);
  const plain = await bench.bosh().again(rid + 1, '', { sid: String(made['sid']) });
  await plain.http.closed();
  await assert.rejects(plain.answer);
  assert.equal(bench.gateway.stats().sessions, 1, 'it lives on');
});

test('prebind: sessions of a domain may be made at another connection manager', async (t) => {
  const other = await startPrebindBench(t);
  const url = `http://127.0.0.1:${other.port}/http-bind/`;
  const bench = await startPrebindBench(t, { prebindElsewhere: { 'example.com': url } });
  const answer = await bench.prebind();
  assert.deepEqual([answer.status, answer.body['url']], [200, url]);
  assert.deepEqual([bench.gateway.stats().sessions, other.gateway.stats().sessions], [0, 1]);
  assert.match((await other.attach(answer).ask("<message xmlns='jabber:client' id='on'/>")).text, /id='on'/);
});
