import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import type { TLSSocket } from 'node:tls';
import { PrebindError } from '../../src/prebind/errors.ts';
import { startBench } from '../support/bench.ts';
import { createAuthority } from '../support/certificates.ts';
import { ALICE, SECRETS, startPrebindBench } from '../support/prebind.ts';
import { BIND, ScriptedServer, SUCCESS, type ServerConnection } from '../support/scripted-server.ts';
import { stillClock } from '../support/still-clock.ts';
import { eventually } from '../support/waiting.ts';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const offer = (...names: string[]): string =>
  `<mechanisms xmlns='${SASL}'>${names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`;
/** What stands base64 in an element. */
const said = (xml: string): string => Buffer.from(/>([^<]*)</.exec(xml)?.[1] ?? '', 'base64').toString();

async function bindAndAnswer(server: ServerConnection): Promise<string> {
  const iq = await server.expect('xmpp-bind');
  const id = /id='([^']*)'/.exec(iq)?.[1] ?? '';
  const resource = /<resource>([^<]*)</.exec(iq)?.[1] ?? '';
  server.send(
    `<iq type='result' id='${id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>alice@example.com/${resource}</jid></bind></iq>`,
  );
  return resource;
}

test('prebind: a session is logged in and bound, and the next rid attaches to it', async (t) => {
  const bench = await startPrebindBench(t);
  const { status, header, body } = await bench.prebind();
  assert.equal(status, 200);
  assert.equal(header('content-type'), 'application/json; charset=utf-8');
  assert.equal(header('cache-control'), 'no-store');
  assert.equal(header('access-control-allow-origin'), undefined);
  assert.deepEqual(Object.keys(body), ['jid', 'sid', 'rid', 'wait', 'inactivity', 'url']);
  assert.deepEqual(
    [body['jid'], body['wait'], body['inactivity'], body['url']],
    ['u@example.com/r', 60, 30, '/http-bind/'],
  );
  const [server] = bench.u.connections;
  assert.match(server?.received ?? '', /<resource>web-[\w-]{10}</);
  assert.doesNotMatch(server?.received ?? '', /<presence|jabber:iq:roster/, 'the page says that itself');

  const client = bench.attach({ ...(await bench.prebind({ ...ALICE, jid: 'bob@example.com' })) });
  const echo = await client.ask("<message xmlns='jabber:client' id='first'/>");
  assert.match(echo.text, /id='first'/);
  const end = await client.ask('', { type: 'terminate' });
  assert.equal(end.type, 'terminate');
  assert.deepEqual(bench.gateway.stats().sessions, 1);
});

test('prebind: a client that repeats the last rid that was used is answered, and goes on', async (t) => {
  const bench = await startPrebindBench(t);
  const answer = await bench.prebind();
  const client = bench.attach(answer);
  const again = await (await client.again(Number(answer.body['rid']) - 1)).answer;
  assert.deepEqual([again.type, again.payload], [undefined, []]);
  assert.match((await client.ask("<message xmlns='jabber:client' id='on'/>")).text, /id='on'/);
});

test('prebind: what the server says before the page is there waits for it', async (t) => {
  const bench = await startPrebindBench(t);
  const client = bench.attach(await bench.prebind());
  bench.u.connections[0]?.send("<message id='early'/>");
  await eventually('it has come', () => bench.u.connections[0]?.socket.writableLength === 0);
  assert.match((await client.ask()).text, /id='early'/);
});

test('prebind: a resource may be given, and is unique otherwise', async (t) => {
  const bench = await startPrebindBench(t);
  await bench.prebind({ ...ALICE, jid: 'a@example.com/phone' });
  await bench.prebind({ ...ALICE, jid: 'b@example.com', resource: 'desk <&>' });
  await bench.prebind({ ...ALICE, jid: 'c@example.com' });
  await bench.prebind({ ...ALICE, jid: 'd@example.com' });
  const resources = [...bench.u.received.matchAll(/<resource>([^<]*)</g)].map(([, resource]) => resource);
  assert.deepEqual(resources.slice(0, 2), ['phone', 'desk &lt;&amp;&gt;']);
  assert.equal(new Set(resources).size, 4);
});

test('prebind: the first request may come within 120 s, then the inactivity counts', async (t) => {
  const clock = stillClock(t);
  const bench = await startPrebindBench(t, { clock });
  const first = await bench.prebind();
  clock.advance(119_000);
  assert.equal(bench.gateway.stats().sessions, 1);
  const client = bench.attach(first);
  const held = await client.send();
  await eventually('it is held', () => clock.pending > 0);
  bench.u.connections[0]?.send("<message id='x'/>");
  await held.answer;
  clock.advance(29_000);
  assert.equal(bench.gateway.stats().sessions, 1);
  clock.advance(2000);
  await eventually('it is over', () => bench.gateway.stats().sessions === 0);

  await bench.prebind({ ...ALICE, jid: 'bob@example.com' });
  clock.advance(119_000);
  assert.equal(bench.gateway.stats().sessions, 1);
  clock.advance(2000);
  await eventually('nobody came', () => bench.gateway.stats().sessions === 0);
});

test('prebind: an account that acts for the users of its domain needs no more than their JIDs', async (t) => {
  const prebindAccounts = { 'example.com': { user: 'site', password: SECRETS.password } };
  const bench = await startPrebindBench(t, { prebindAccounts }, {});
  const answer = bench.prebind({ jid: 'alice@example.com' });
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader(offer('SCRAM-SHA-1', 'PLAIN'));
  assert.equal(said(await server.expect("mechanism='PLAIN'")), `alice@example.com\0site\0${SECRETS.password}`);
  server.send(SUCCESS);
  await server.expectHeader();
  server.sendHeader(`${BIND}<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`);
  const resource = await bindAndAnswer(server);
  const session = await server.expect('xmpp-session');
  server.send(`<iq type='result' id='${/id='([^']*)'/.exec(session)?.[1]}'/>`);
  assert.equal((await answer).body['jid'], `alice@example.com/${resource}`);
});

test('prebind: a token that is refused is told so, and the server gets its last word (RFC 7628)', async (t) => {
  const bench = await startPrebindBench(t, {}, {});
  const answer = bench.prebind({ jid: 'alice@example.com', token: SECRETS.token });
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader(offer('OAUTHBEARER', 'PLAIN'));
  assert.equal(
    said(await server.expect("mechanism='OAUTHBEARER'")),
    `n,a=alice@example.com,\x01auth=Bearer ${SECRETS.token}\x01\x01`,
  );
  server.send(`<challenge xmlns='${SASL}'>${Buffer.from('{"status":"invalid_token"}').toString('base64')}</challenge>`);
  assert.equal(said(await server.expect('<response')), '\x01');
  server.send(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
  const { status, body } = await answer;
  assert.deepEqual([status, body['error']], [403, 'wrong-credentials']);
  await server.expectEnd();
  assert.equal(bench.gateway.stats().sessions, 0);
});

test('prebind: X-OAUTH2 where the server knows no newer way with a token', async (t) => {
  const bench = await startPrebindBench(t, {}, {});
  const answer = bench.prebind({ jid: 'alice@example.com', token: SECRETS.token });
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader(offer('X-OAUTH2', 'PLAIN'));
  assert.equal(said(await server.expect("mechanism='X-OAUTH2'")), `\0alice\0${SECRETS.token}`);
  server.send(SUCCESS);
  await server.expectHeader();
  server.sendHeader(BIND);
  await bindAndAnswer(server);
  assert.equal((await answer).status, 200);
});

test('prebind: SASL2 where the server offers nothing else, without a restart (XEP-0388)', async (t) => {
  const bench = await startPrebindBench(t, {}, {});
  const answer = bench.prebind();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader("<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></authentication>");
  const auth = await server.expect("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>");
  assert.equal(said(auth.replace(/^<authenticate[^>]*>/, '')), `\0alice\0${SECRETS.password}`);
  server.send(
    "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@example.com</authorization-identifier></success>",
  );
  server.send(`<stream:features>${BIND}</stream:features>`);
  const resource = await bindAndAnswer(server);
  assert.equal((await answer).body['jid'], `alice@example.com/${resource}`);
});

test('prebind: EXTERNAL logs in by the certificate that the gateway shows to the server', async (t) => {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const [own, client] = await Promise.all([
    authority.issue({ names: ['example.com'] }),
    authority.issue({ names: ['gateway.example.com'] }),
  ]);
  const text = (file: string): string => readFileSync(file, 'utf8');
  const asks = { ca: text(authority.caFile), requestCert: true, rejectUnauthorized: false };
  const tls = { mode: 'starttls' as const, key: text(own.keyFile), cert: text(own.certificateFile), ...asks };
  const u = await ScriptedServer.start(t, { tls });
  const { certificateFile: clientCert, keyFile: clientKey } = client;
  const server = { host: '127.0.0.1', port: u.port, tls: 'starttls' as const, ca: authority.caFile };
  const bench = await startPrebindBench(t, { domains: { 'example.com': { ...server, clientCert, clientKey } } });
  const made = bench.prebind({ jid: 'alice@example.com', external: true });
  const connection = await u.accept();
  await connection.expectHeader();
  connection.sendHeader("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>");
  await connection.expect('<starttls');
  connection.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  await connection.secure(tls);
  await connection.expectHeader();
  const shown = (connection.socket as TLSSocket).getPeerCertificate();
  assert.equal(shown.subject.CN, 'gateway.example.com');
  connection.sendHeader(offer('EXTERNAL', 'PLAIN'));
  assert.equal(said(await connection.expect("mechanism='EXTERNAL'")), 'alice@example.com');
  connection.send(SUCCESS);
  await connection.expectHeader();
  connection.sendHeader(BIND);
  const resource = await bindAndAnswer(connection);
  assert.equal((await made).body['jid'], `alice@example.com/${resource}`);
});

test('prebind: a program that runs the gateway asks it directly', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const { jid, rid, sid } = await bench.gateway.prebind(ALICE);
  assert.equal(jid, 'u@example.com/r');
  assert.ok(sid.length >= 22 && /^\d+$/.test(rid));
  await assert.rejects(bench.gateway.prebind({ jid: 'alice@example.com' }), PrebindError);
  assert.equal((await bench.request({ path: '/prebind', method: 'GET' })).status, 404, 'nothing is configured');
});
