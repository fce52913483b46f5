import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showSetting } from '../../../src/admin/system-info.ts';
import { uptimeText } from '../../../src/admin/monitor.ts';
import { version } from '../../../src/core/version.ts';
import { startBench, type Bench } from '../../support/bench.ts';
import { stillClock } from '../../support/still-clock.ts';
import { TestClock } from '../../support/test-clock.ts';

const PASSWORD = 'a long pässword';
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

function get(bench: Bench, path: string, authorization?: string) {
  const headers = authorization === undefined ? {} : { Authorization: authorization };
  return bench.request({ method: 'GET', path, headers });
}

/** The numbers of a row: sessions now and in total, streams now and in total. */
function row(html: string, name: string): number[] {
  const [, cells = ''] = new RegExp(`<th scope="row">${name}</th>(.*)</tr>`).exec(html) ?? [];
  return [...cells.matchAll(/>(\d+)</g)].map(([, text]) => Number(text));
}

test('admin: the page at / tells uptime, version, and what is going on by transport, without a script', async (t) => {
  const clock = stillClock(t);
  const bench = await startBench(t, { clock });
  const first = await get(bench, '/');
  assert.equal(first.status, 200);
  assert.match(first.header('content-type') ?? '', /^text\/html; charset=utf-8$/);
  assert.match(first.header('content-security-policy') ?? '', /^default-src 'none'/);
  assert.doesNotMatch(first.text, /<script|onload=|javascript:/);
  assert.match(first.text, new RegExp(`Version ${version().replaceAll('.', '\\.')}, up for 00:00:00\\.`));
  assert.deepEqual(row(first.text, 'Together'), [0, 0, 0, 0]);

  const { client } = await bench.login();
  const { client: socket } = await bench.streamLogin();
  await bench.session();
  clock.advance(1000);
  const busy = (await get(bench, '/')).text;
  assert.match(busy, /up for 00:00:01\./);
  assert.deepEqual(row(busy, 'BOSH'), [2, 2, 2, 2]);
  assert.deepEqual(row(busy, 'WebSocket'), [1, 1, 1, 1]);
  assert.deepEqual(row(busy, 'Together'), [3, 3, 3, 3]);
  await (
    await client.send('', { type: 'terminate' })
  ).answer;
  socket.close();
  await socket.ended();
  const later = (await get(bench, '/')).text;
  assert.deepEqual([row(later, 'BOSH'), row(later, 'WebSocket')], [[1, 2, 1, 2], [0, 1, 0, 1]]); // prettier-ignore
});

test('admin: several streams of one session are one session', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.login();
  const more = await client.send('', { to: 'example.com' });
  const server = await bench.u.accept();
  await server.negotiate();
  const { attributes } = await more.answer;
  assert.deepEqual(row((await get(bench, '/')).text, 'BOSH'), [1, 1, 2, 2]);
  await client.send('', { type: 'terminate', stream: attributes['stream'] });
  await server.expectEnd();
  assert.deepEqual(row((await get(bench, '/')).text, 'BOSH'), [1, 1, 1, 2]);
  await (
    await client.send('', { type: 'terminate' })
  ).answer;
  assert.deepEqual(row((await get(bench, '/')).text, 'BOSH'), [0, 1, 0, 2]);
});

test('admin: uptime is written as the old page wrote it', () => {
  const texts = [0, 59.9, 3661, 86_400, 3 * 86_400 + 10 * 3600 + 23 * 60 + 33].map(uptimeText);
  assert.deepEqual(texts, ['00:00:00', '00:00:59', '01:01:01', '1 day 00:00:00', '3 days 10:23:33']);
});

test('admin: the page at / can be switched off, gives way to pages of the program, and is only read', async (t) => {
  const off = await startBench(t, { monitorPage: false });
  assert.equal((await get(off, '/')).status, 404);
  const page = { path: '/', handle: (_: unknown, response: { end(text: string): void }) => response.end('mine') };
  const own = await startBench(t, { pages: [page] });
  assert.equal((await get(own, '/')).text, 'mine');
  const plain = await startBench(t);
  const posted = await plain.request({ method: 'POST', path: '/', body: 'x' });
  assert.deepEqual([posted.status, posted.header('allow')], [405, 'GET, HEAD']);
  const atRoot = await startBench(t, { path: '/' });
  assert.match((await get(atRoot, '/')).text, /This is a BOSH endpoint/);
});

test('admin: sysinfo is off without a password', async (t) => {
  const bench = await startBench(t);
  for (const path of ['/http-bind/sysinfo/', '/sysinfo/']) {
    const { status, text } = await get(bench, path, basic('admin:'));
    assert.equal(status, 403);
    assert.match(text, /systemInfoPassword/);
  }
});

test('admin: sysinfo asks for user and password, and shows all settings but the secret ones', async (t) => {
  const bench = await startBench(t, {
    systemInfoPassword: PASSWORD,
    prebindWebhookKey: 'secret-webhook-key',
    prebindAccounts: { 'example.com': { user: 'service', password: 'secret-of-service' } },
    headers: { 'X-Test': '<b>' },
    denyDomains: [/^bad\./],
  });
  for (const wrong of [
    undefined,
    'x',
    'Basic',
    'Basic !!!!',
    'Basic ====',
    basic('admin:'),
    basic(`admin:${PASSWORD} `),
    basic(`Admin:${PASSWORD}`),
    basic(PASSWORD),
    `Bearer ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`,
  ]) {
    const answer = await get(bench, '/http-bind/sysinfo/', wrong);
    assert.equal(answer.status, 401, String(wrong));
    assert.match(answer.header('www-authenticate') ?? '', /^Basic realm="[^"]+", charset="UTF-8"$/);
    assert.doesNotMatch(answer.text, /maxBodyBytes|pässword/);
  }
  for (const path of ['/http-bind/sysinfo/', '/http-bind/sysinfo', '/http-bind/sysinfo.html', '/sysinfo/']) {
    const { status, text } = await get(bench, path, basic(`admin:${PASSWORD}`));
    assert.equal(status, 200, path);
    assert.match(text, /maxBodyBytes<\/th><td><code>1048576</);
    assert.match(text, /X-Test&#34;:&#34;&#60;b&#62;/);
    assert.match(text, /denyDomains.*\^bad/);
    assert.match(text, /service/);
    assert.doesNotMatch(text, /secret-|pässword/);
  }
});

test('admin: sysinfo is below the path, whichever it is', async (t) => {
  const bench = await startBench(t, { path: '/A/*', systemInfoPassword: PASSWORD });
  for (const path of ['/A/sysinfo/', '/A/b/sysinfo', '/sysinfo/']) assert.equal((await get(bench, path)).status, 401);
  assert.equal((await get(bench, '/B/sysinfo/')).status, 404);
});

test('admin: too many wrong passwords are not even compared', async (t) => {
  const clock = new TestClock();
  const bench = await startBench(t, { systemInfoPassword: PASSWORD, clock });
  const statusOf = async (password: string) => (await get(bench, '/sysinfo/', basic(`admin:${password}`))).status;
  for (let guess = 0; guess < 20; guess++) assert.equal(await statusOf(`guess ${guess}`), 401);
  assert.equal(await statusOf('one more'), 429);
  assert.equal(await statusOf(PASSWORD), 429, 'the right one is not told apart');
  clock.advance(5000);
  assert.equal(await statusOf(PASSWORD), 200);
  assert.equal(await statusOf(PASSWORD), 200, 'it never counts while there is no flood');
});

test('admin: what is secret in a setting is not shown', () => {
  assert.equal(showSetting('systemInfoPassword', 'x'), '(secret)');
  assert.equal(showSetting('tlsCert', '-----BEGIN CERTIFICATE-----'), '(PEM)');
  assert.equal(showSetting('prebindWebhook', 'https://u:p@site'), '(secret)');
  assert.equal(showSetting('path', /^\/x/), '/^\\/x/');
  const deep = { a: { clientKey: 'k', ca: '-----BEGIN X', list: [/r/, 'text'], port: 1 } };
  assert.equal(
    showSetting('domains', deep),
    '{"a":{"clientKey":"(secret)","ca":"(PEM)","list":["/r/","text"],"port":1}}',
  );
});
