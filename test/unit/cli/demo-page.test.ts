import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { demoPages, findConverse } from '../../../src/cli/demo-page.ts';
import { findFile } from '../../../src/cli/static-files.ts';
import { findPage } from '../../../src/http/router.ts';

const FACTS = {
  version: '9.8.7',
  domain: 'localhost',
  serverPort: 5222,
  users: [
    { name: 'romeo', nick: 'Ro<meo>', password: '"&montague' },
    { name: 'juliet', nick: 'Juliet', password: 'capulet' },
  ],
};

async function pages(t: TestContext, converse: string | undefined): Promise<string> {
  const list = demoPages({ ...FACTS, converse, prebind: async ({ name }) => ({ sid: `of ${name}` }) });
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const page = findPage(list, pathname);
    if (page === undefined) response.writeHead(404).end();
    else page.handle(request, response, pathname);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the start page tells what runs, and loudly that it is no production server', async (t) => {
  const base = await pages(t, findConverse());
  const response = await fetch(`${base}/`);
  const text = await response.text();
  assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'self'.*object-src 'none'/);
  assert.match(text, /<strong>This is no production server\.<\/strong>/);
  assert.ok(text.includes(`${base.replace('http', 'ws')}/xmpp-websocket`));
  assert.ok(text.includes('<h3>Ro&lt;meo&gt;</h3>') && text.includes('&quot;&amp;montague'));
  for (const link of ['/chat?user=romeo&amp;via=bosh', '/chat?user=juliet&amp;via=websocket'])
    assert.ok(text.includes(link));
  for (const asset of ['/demo/style.css', '/demo/chat.css', '/demo/icon.svg', '/demo/chat.js']) {
    assert.equal((await fetch(base + asset)).status, 200, asset);
  }
  assert.equal((await fetch(`${base}/`, { method: 'POST' })).status, 405);
});

test('the chat page names user, password and peer; a wrong question leads back to the start', async (t) => {
  const base = await pages(t, findConverse());
  const text = await (await fetch(`${base}/chat?user=juliet&via=websocket`)).text();
  assert.match(
    text,
    /data-jid="juliet@localhost" data-password="capulet" data-peer="romeo@localhost" data-via="websocket"/,
  );
  const prebound = await (await fetch(`${base}/chat?user=juliet&via=prebind`)).text();
  assert.match(prebound, /data-jid="juliet@localhost" data-password="" /, 'its server keeps the password');
  assert.deepEqual(await (await fetch(`${base}/demo/prebind?jid=juliet@localhost`)).json(), { sid: 'of juliet' });
  assert.equal((await fetch(`${base}/demo/prebind?jid=nurse@localhost`)).status, 404);
  for (const query of ['', '?user=nurse', '?user=juliet&via=pigeon']) {
    const response = await fetch(`${base}/chat${query}`, { redirect: 'manual' });
    assert.deepEqual([response.status, response.headers.get('location')], [303, '/'], query);
  }
});

test("Converse's files come with their types, and may be kept", async (t) => {
  const base = await pages(t, findConverse());
  const types = {
    'converse.min.js': 'text/javascript; charset=utf-8',
    'converse.min.css': 'text/css; charset=utf-8',
    'curve25519_compiled.wasm': 'application/wasm',
    'emoji.json': 'application/json; charset=utf-8',
  };
  for (const [name, type] of Object.entries(types)) {
    const response = await fetch(`${base}/converse/${name}`);
    assert.equal(response.headers.get('content-type'), type);
    assert.match(response.headers.get('cache-control') ?? '', /max-age=[1-9]/);
    assert.equal((await response.arrayBuffer()).byteLength, Number(response.headers.get('content-length')));
    const headers = { 'if-none-match': response.headers.get('etag') ?? '' };
    assert.equal((await fetch(`${base}/converse/${name}`, { headers })).status, 304);
  }
  assert.equal((await fetch(`${base}/converse/no-such-file`)).status, 404);
});

test('no path and no link leads out of the folder', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-'));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'a b.js'), '');
  symlinkSync('/etc/hostname', join(root, 'link'));
  assert.match(findFile(root, 'a%20b.js') ?? '', /a b\.js$/);
  const refused = [
    '',
    '.',
    '..',
    '../',
    '..%2f..%2fetc/hostname',
    '%2e%2e/x',
    '/etc/hostname',
    'link',
    '%00',
    '%',
    'a\\b',
    'no',
  ];
  for (const path of refused) assert.equal(findFile(root, path), undefined, path);
});

test('without Converse.js the start page says how to get it, and there is no chat page', async (t) => {
  const base = await pages(t, undefined);
  const text = await (await fetch(`${base}/`)).text();
  assert.match(text, /npm install converse\.js@14/);
  assert.doesNotMatch(text, /\/chat\?/);
  assert.equal((await fetch(`${base}/chat?user=juliet&via=bosh`, { redirect: 'manual' })).status, 303);
  assert.equal((await fetch(`${base}/converse/converse.min.js`)).status, 404);
});
