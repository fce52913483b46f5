import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linksOf } from '../../../src/discovery/links.ts';
import { fits, pathForms, plainPath } from '../../../src/http/router.ts';
import { startBench } from '../../support/bench.ts';

// prettier-ignore
const FORMS: readonly (readonly [path: string | RegExp, yes: readonly string[], no: readonly string[], plain: string | undefined])[] = [
  ['/http-bind/', ['/http-bind', '/http-bind/'], ['/http-bind/x', '/x/http-bind', '/http-bin'], '/http-bind/'],
  ['/chat', ['/chat', '/chat/'], ['/chatter'], '/chat'],
  ['/', ['/'], ['/x'], '/'],
  ['/A/*', ['/A', '/A/', '/A/http-bind', '/A/b/c'], ['/AB', '/B/A/', '/'], '/A/'],
  ['/a.b/*', ['/a.b/c'], ['/axb/c'], '/a.b/'],
  ['/*', ['/', '/x', '/x/y'], [], '/'],
  ['^/(a|b)/http-bind/?$', ['/a/http-bind', '/b/http-bind/'], ['/c/http-bind', '/x/a/http-bind'], undefined],
  [/http-bind/g, ['/http-bind', '/x/http-bind/y', '/http-bind'], ['/bind'], undefined],
];

for (const [path, yes, no, plain] of FORMS) {
  test(`http: the path ${String(path)} is what it says`, () => {
    const forms = pathForms(path);
    const isServed = (name: string): boolean => forms.some((form) => fits(form, name));
    for (const name of yes) assert.ok(isServed(name), name);
    for (const name of no) assert.ok(!isServed(name), name);
    assert.equal(plainPath(path), plain);
  });
}

for (const path of ['/A/*', '^/A/[a-z-]+/?$', /^\/A\/[a-z-]+\/?$/]) {
  test(`http: sessions live at ${String(path)}, by BOSH and WebSocket, and nowhere else`, async (t) => {
    const bench = await startBench(t, { path });
    const client = bench.bosh({ path: '/A/http-bind/' });
    const [server] = await Promise.all([
      bench.u.accept().then(async (one) => (await one.negotiate(), one)),
      client.create(),
    ]);
    // A balancer may send later requests to another path of the same gateway.
    const other = bench.bosh({ path: '/A/x', firstRid: client.rid + 1 });
    other.sid = client.sid;
    await other.send("<message xmlns='jabber:client' id='m'/>");
    await server.expect("id='m'");
    assert.equal((await bench.request({ method: 'POST', path: '/B/x', body: '' })).status, 404);
    assert.equal((await bench.socket({ path: '/A/socket' })).status, 101);
    assert.equal((await bench.socket({ path: '/B/socket' })).status, 404);
  });
}

test('http: the headers of the configuration are on every answer, whatever the path', async (t) => {
  const bench = await startBench(t, { path: '/A/*', headers: { 'X-Shard': 'a7' } });
  for (const [method, path] of [
    ['GET', '/A/x'],
    ['GET', '/none'],
    ['PUT', '/A/'],
    ['GET', '/'],
    ['GET', '/sysinfo/'],
  ] as const) {
    // prettier-ignore
    assert.equal((await bench.request({ method, path })).header('x-shard'), 'a7', path);
  }
});

test('http: host-meta tells a prefix as a folder, and a regular expression not at all', () => {
  const base = {
    domains: { 'example.org': {} },
    serveOthers: false,
    retiredDomains: [],
    transports: ['bosh'],
    websocketPath: '/ws',
  } as const;
  const hrefs = (settings: object) =>
    linksOf('example.org', { ...base, path: '/A/*', ...settings })?.map(({ href }) => href);
  assert.deepEqual(hrefs({}), ['https://example.org/A/']);
  assert.deepEqual(hrefs({ path: '^/a' }), []);
  assert.deepEqual(hrefs({ path: /a/, boshUrl: 'https://x/y' }), ['https://x/y']);
});
