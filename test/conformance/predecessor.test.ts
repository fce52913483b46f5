import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { DOMParser } from '@xmldom/xmldom';
import type { StreamView } from '../../src/core/events.ts';
import { AUTH, startBench, SUCCESS } from '../support/bench.ts';
import { createAuthority } from '../support/certificates.ts';
import { ScriptedServer } from '../support/scripted-server.ts';
import { stillClock } from '../support/still-clock.ts';
import { eventually } from '../support/waiting.ts';

/** JSON as it stands in an attribute. */
const attribute = (value: unknown): string =>
  JSON.stringify(value).replaceAll('&', '&amp;').replaceAll("'", '&apos;').replaceAll('<', '&lt;');

/** The attributes of a stream header, by a parser that is not ours. */
function attributesOf(header: string): Record<string, string> {
  const { documentElement } = new DOMParser().parseFromString(`${header}</stream:stream>`, 'text/xml');
  return Object.fromEntries([...(documentElement?.attributes ?? [])].map(({ name, value }) => [name, value]));
}

test('predecessor: stream_attrs stand in the stream header, escaped, and win over the defaults', async (t) => {
  const bench = await startBench(t);
  const given = { 'xml:lang': 'pt', version: '1.1', shop: `a'b"c<d>&e\n\tf`, count: 7 };
  const created = bench.bosh().create({ stream_attrs: attribute(given), 'xml:lang': 'en' });
  const server = await bench.u.accept();
  const values = attributesOf(await server.expectHeader());
  assert.deepEqual(
    [values['xml:lang'], values['version'], values['shop'], values['count'], values['to']],
    ['pt', '1.1', given.shop, '7', 'example.com'],
  );
  server.sendHeader('');
  assert.ok((await created).attributes['sid']);
});

for (const stream_attrs of [
  '',
  '{',
  'null',
  '7',
  '[]',
  '&quot;a&quot;',
  attribute({ to: 'evil.test' }),
  attribute({ id: 'x' }),
  attribute({ xmlns: 'urn:x' }),
  attribute({ 'xmlns:x': 'urn:x' }),
  attribute({ 'stream:x': '1' }),
  attribute({ 'a b': '1' }),
  attribute({ "a='1' b": '1' }),
  attribute({ '': '1' }),
  attribute({ '1a': '1' }),
  attribute({ a: '\u0000' }),
  attribute({ a: null }),
  attribute({ a: { b: '1' } }),
  attribute({ a: true }),
  attribute({ a: 'x'.repeat(2000) }),
  attribute(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, '1']))),
]) {
  test(`predecessor: stream_attrs='${stream_attrs.slice(0, 40)}' is bad-request, and nothing is dialled`, async (t) => {
    const bench = await startBench(t);
    assert.equal((await bench.bosh().create({ stream_attrs })).condition, 'bad-request');
    await bench.proveHealthy();
  });
}

test('predecessor: stream_attrs are not said in clear before STARTTLS, and hold for the restart', async (t) => {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const { certificateFile, keyFile } = await authority.issue({ names: ['example.com'] });
  const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
  const u = await ScriptedServer.start(t, { tls: { cert, key, mode: 'starttls' } });
  const domains = {
    'example.com': { host: '127.0.0.1', port: u.port, tls: 'starttls', ca: authority.caFile },
  } as const;
  const bench = await startBench(t, { domains });
  const client = bench.bosh();
  const created = client.create({ stream_attrs: attribute({ shop: 's1' }) });
  const server = await u.accept();
  await server.negotiate();
  await created;
  const auth = await client.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  await auth.answer;
  await client.restart();
  await server.expectHeader();
  const said = (server.received.match(/<stream:stream [^>]*>/g) ?? []).map((header) => / shop='s1'/.test(header));
  assert.deepEqual(said, [false, true, true]);
});

test('predecessor: ua and every other attribute of a creation request are kept for events, and not sent on', async (t) => {
  const bench = await startBench(t);
  const views: StreamView[] = [];
  bench.gateway.events.on('stream-add', (view) => views.push(view));
  const own = { ua: 'Mozilla/5.0 (X11) &lt;&apos;&gt;', shop: '7', window: 5, 'xmlns:q': 'urn:q', 'q:deep': '1' };
  await bench.session({ ...own, secure: 'true', inactivity: 40, route: 'xmpp:h:1' });
  const [{ request, session } = assert.fail('no stream was told of')] = views;
  assert.deepEqual(Object.fromEntries(request.custom ?? []), { ua: "Mozilla/5.0 (X11) <'>", shop: '7', window: '5' });
  assert.deepEqual([request.to, session.transport, views.length], ['example.com', 'bosh', 1]);
  assert.doesNotMatch(bench.u.received, /Mozilla|shop|window|deep/);
});

for (const [asked, granted] of [
  [undefined, '30'],
  [10, '30'],
  [45, '45'],
  [60, '60'],
  [500, '60'],
  ['99999999999', '60'],
]) {
  test(`predecessor: inactivity='${asked}' is granted as ${granted}: between what is usual and the most`, async (t) => {
    const bench = await startBench(t, { inactivitySeconds: 30, maxInactivitySeconds: 60 });
    assert.equal((await bench.session({ inactivity: asked })).client.created['inactivity'], granted);
  });
}

test('predecessor: a malformed inactivity is bad-request', async (t) => {
  const bench = await startBench(t);
  for (const inactivity of ['', 'x', '-1', '1.5', '1e3']) {
    assert.equal((await bench.bosh().create({ inactivity })).condition, 'bad-request', inactivity);
  }
  await bench.proveHealthy();
});

test('predecessor: the inactivity that was granted is the one that counts', async (t) => {
  const clock = stillClock(t);
  const bench = await startBench(t, { clock, inactivitySeconds: 30, maxInactivitySeconds: 60 });
  const { client } = await bench.login({ inactivity: 45, wait: 5 });
  const held = await client.send("<message xmlns='jabber:client' id='last'/>");
  await eventually('it is held', () => bench.u.received.includes('last'));
  clock.advance(5000);
  await held.answer;
  clock.advance(44_500);
  assert.equal(bench.gateway.stats().sessions, 1);
  clock.advance(1000);
  assert.equal(bench.gateway.stats().sessions, 0);
});

test('predecessor: from comes back as `to` of the creation answer, where it is a JID of the domain', async (t) => {
  const bench = await startBench(t);
  const toOf = async (from: string | undefined) => (await bench.session({ from })).client.created['to'];
  assert.equal(await toOf('user@example.com'), 'user@example.com');
  assert.equal(await toOf(undefined), undefined);
  assert.equal(await toOf('user@elsewhere.test'), undefined);
  assert.equal(await toOf('user@example.com/tab'), 'user@example.com', 'the bare one');
});
