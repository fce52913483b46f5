import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import test from 'node:test';
import { XmlDocument, type XmlElement } from 'libxml2-wasm';
import { parseSettings } from '../../src/config/schema.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import { startBench, type Bench } from '../support/bench.ts';
import type { RawResponse } from '../support/raw-http.ts';

const PATH = '/.well-known/host-meta';
const XRD = 'http://docs.oasis-open.org/ns/xri/xrd-1.0';
const BOSH = 'urn:xmpp:alt-connections:xbosh';
const WEBSOCKET = 'urn:xmpp:alt-connections:websocket';

type Headers = Readonly<Record<string, string>>;
type Links = Readonly<Record<string, string>>;

/** A gateway behind a trusted proxy that speaks TLS, for example.com. */
function startDiscovery(t: Parameters<typeof startBench>[0], settings: Partial<GatewayOptions> = {}): Promise<Bench> {
  return startBench(t, { trustedProxies: ['127.0.0.1'], ...settings });
}

/** What a client of that domain gets through the proxy. */
function ask(bench: Bench, path = PATH, headers: Headers = {}, method = 'GET'): Promise<RawResponse> {
  const usual = { Host: 'example.com', 'X-Forwarded-Proto': 'https' };
  return bench.request({ method, path, headers: { ...usual, ...headers } });
}

/** The header fields that HEAD is answered with, by a client that knows that no body follows. */
function askHead(bench: Bench, path: string): Promise<IncomingHttpHeaders> {
  const headers = { Host: 'example.com', 'X-Forwarded-Proto': 'https' };
  return new Promise((resolve, reject) => {
    const { port } = bench;
    request({ method: 'HEAD', host: '127.0.0.1', port, path, headers, agent: false }, (answer) => {
      assert.equal(answer.statusCode, 200);
      answer.on('data', () => reject(new Error('a body'))).on('end', () => resolve(answer.headers));
    })
      .on('error', reject)
      .end();
  });
}

/** The links of an XRD document, by relation; fails where a relation has several. */
function linksOf({ text }: RawResponse): Links {
  const document = XmlDocument.fromString(text);
  try {
    assert.deepEqual([document.root.namespaceUri, document.root.name], [XRD, 'XRD']);
    const links = document.find('/x:XRD/x:Link', { x: XRD }) as XmlElement[];
    const pairs = links.map((link) => [link.attr('rel')?.value ?? '', link.attr('href')?.value ?? ''] as const);
    assert.equal(new Set(pairs.map(([rel]) => rel)).size, pairs.length, 'one link for each transport');
    return Object.fromEntries(pairs);
  } finally {
    document.dispose();
  }
}

const DERIVED = { [BOSH]: 'https://example.com/http-bind/', [WEBSOCKET]: 'wss://example.com/xmpp-websocket' };
const OWN = { boshUrl: 'https://chat.example.org/bosh?a=1&b="', websocketUrl: 'wss://chat.example.org/ws' };

test('DISC-01, DISC-02, DISC-08, WS-DISC-01: host-meta is an XRD with one link for each transport', async (t) => {
  const bench = await startDiscovery(t);
  const answer = await ask(bench);
  assert.equal(answer.status, 200);
  assert.match(answer.header('content-type') ?? '', /^application\/xrd\+xml\b/);
  assert.deepEqual(linksOf(answer), DERIVED);
});

test('DISC-03: host-meta.json has the same links', async (t) => {
  for (const settings of [{}, OWN, { transports: ['websocket' as const] }]) {
    const bench = await startDiscovery(t, settings);
    const answer = await ask(bench, `${PATH}.json`);
    assert.equal(answer.header('content-type'), 'application/json');
    const { links, ...more } = JSON.parse(answer.text) as { links: { rel: string; href: string }[] };
    assert.deepEqual(Object.fromEntries(links.map(({ rel, href }) => [rel, href])), linksOf(await ask(bench)));
    // XEP-0487 is declined: half of its members would be worse than none.
    assert.deepEqual(more, {});
    assert.ok(links.every((link) => Object.keys(link).length === 2));
  }
});

test('DISC-04: JSON at the one address for those alone who like it better', async (t) => {
  const bench = await startDiscovery(t);
  for (const [accept, type] of [
    ['application/json', 'application/json'],
    ['application/json, text/xml;q=0.5', 'application/json'],
    ['application/xrd+xml, text/xml', 'application/xrd+xml'],
    ['*/*', 'application/xrd+xml'],
    ['application/json, text/plain, */*', 'application/xrd+xml'],
    ['application/json;q=0', 'application/xrd+xml'],
    ['text/html', 'application/xrd+xml'],
    ['', 'application/xrd+xml'],
  ] as const) {
    const answer = await ask(bench, PATH, { Accept: accept });
    assert.equal(answer.header('content-type')?.split(';')[0], type, accept);
    assert.match(answer.header('vary') ?? '', /\bAccept\b/);
  }
});

test('DISC-05: addresses without TLS are left out, with a warning', async (t) => {
  const warnings: object[] = [];
  const warn = (fields: object): void => void warnings.push(fields);
  const logger = { debug() {}, info() {}, warn, error() {} };
  const bench = await startDiscovery(t, {
    boshUrl: 'http://chat.example.org/',
    websocketUrl: 'wss://chat.example.org/',
    logger,
  });
  assert.deepEqual(linksOf(await ask(bench)), { [WEBSOCKET]: 'wss://chat.example.org/' });
  assert.deepEqual(warnings, [{ setting: 'boshUrl', url: 'http://chat.example.org/' }]);
});

test('DISC-05: nor are those of one domain', async (t) => {
  const domains = { 'a.example': { websocketUrl: 'ws://a.example/' }, 'b.example': {} };
  const bench = await startDiscovery(t, { domains });
  assert.deepEqual(linksOf(await ask(bench, PATH, { Host: 'a.example' })), { [BOSH]: 'https://a.example/http-bind/' });
});

test('DISC-06: over plain HTTP there is nothing, and only a trusted proxy may say that it was https', async (t) => {
  const bench = await startDiscovery(t);
  const wary = await startDiscovery(t, { trustedProxies: ['192.0.2.7'] });
  for (const path of [PATH, `${PATH}.json`]) {
    assert.equal((await ask(bench, path)).status, 200);
    assert.equal((await ask(bench, path, { 'X-Forwarded-Proto': 'http' })).status, 404);
    assert.equal((await bench.request({ method: 'GET', path, headers: { Host: 'example.com' } })).status, 404);
    assert.equal((await ask(wary, path)).status, 404);
  }
});

test('DISC-07: any origin may read both, errors and preflights too, and the transports keep their own rule', async (t) => {
  const bench = await startDiscovery(t, { origins: ['https://app.example'] });
  const origin = { Origin: 'https://evil.test' };
  const any = async (method: string, path: string, headers: Headers, status: number): Promise<RawResponse> => {
    const answer = await ask(bench, path, { ...origin, ...headers }, method);
    assert.deepEqual([answer.status, answer.header('access-control-allow-origin')], [status, '*'], `${method} ${path}`);
    assert.equal(answer.header('access-control-allow-credentials'), undefined);
    return answer;
  };
  for (const path of [PATH, `${PATH}.json`]) {
    await any('GET', path, {}, 200);
    assert.equal((await askHead(bench, path))['access-control-allow-origin'], '*');
    await any('POST', path, {}, 405);
    await any('GET', path, { Host: 'evil.test' }, 404);
    await any('GET', path, { 'X-Forwarded-Proto': 'http' }, 404);
    const asked = { 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'accept' };
    const preflight = await any('OPTIONS', path, asked, 204);
    assert.match(preflight.header('access-control-allow-methods') ?? '', /\bGET\b/);
    assert.match(preflight.header('access-control-allow-headers') ?? '', /\bAccept\b/i);
  }
  const bosh = await ask(bench, '/http-bind/', origin, 'OPTIONS');
  assert.equal(bosh.header('access-control-allow-origin'), undefined);
});

test('DISC-09: each domain has its own answer, whatever else is asked for', async (t) => {
  const bench = await startDiscovery(t, { domains: { 'a.example': OWN, 'b.example': {}, 'münchen.example': {} } });
  const links = async (Host: string): Promise<Links> => linksOf(await ask(bench, PATH, { Host }));
  assert.deepEqual(await links('a.example'), { [BOSH]: OWN.boshUrl, [WEBSOCKET]: OWN.websocketUrl });
  assert.equal((await links('B.Example.:8443'))[BOSH], 'https://b.example/http-bind/');
  assert.equal((await links('xn--mnchen-3ya.example'))[BOSH], 'https://xn--mnchen-3ya.example/http-bind/');
  for (const Host of ['evil.test', 'a.example.evil.test', '127.0.0.1', 'a.example@evil.test', '"><x>', 'constructor']) {
    for (const path of [PATH, `${PATH}.json`]) {
      const answer = await ask(bench, path, { Host });
      assert.equal(answer.status, 404, Host);
      assert.ok(![answer.text, ...answer.headers.values()].join('\n').includes(Host), 'it is not reflected');
    }
  }
});

test('DISC-09: a trusted proxy may say which host was asked for, and nobody else', async (t) => {
  const domains = { 'a.example': {}, 'b.example': {} };
  const said = { Host: 'a.example', 'X-Forwarded-Host': 'b.example' };
  const bench = await startDiscovery(t, { domains });
  assert.equal(linksOf(await ask(bench, PATH, said))[BOSH], 'https://b.example/http-bind/');
  const other = await startDiscovery(t, { domains, proxyHeader: 'forwarded' });
  const forwarded = await ask(other, PATH, { Host: 'a.example', Forwarded: 'proto=https;host="b.example:443"' });
  assert.equal(linksOf(forwarded)[BOSH], 'https://b.example/http-bind/');
});

test('DISC-09: where all domains are served, those without an entry have the addresses for all, or none', async (t) => {
  const others = { serveOthers: true, retiredDomains: ['gone.example'] };
  const bench = await startDiscovery(t, { ...others, ...OWN });
  assert.equal(linksOf(await ask(bench, PATH, { Host: 'other.example' }))[BOSH], OWN.boshUrl);
  assert.equal((await ask(bench, PATH, { Host: 'gone.example' })).status, 404);
  const bare = await startDiscovery(t, others);
  assert.equal((await ask(bare, PATH, { Host: 'other.example' })).status, 404);
});

test('DISC-10: the documents may be kept for a time, and have a tag; HEAD says the same without them', async (t) => {
  const bench = await startDiscovery(t);
  for (const path of [PATH, `${PATH}.json`]) {
    const got = await ask(bench, path);
    assert.match(got.header('cache-control') ?? '', /\bmax-age=\d{3,5}\b/);
    const etag = got.header('etag') ?? '';
    assert.match(etag, /^"[\w-]+"$/);
    const head = await askHead(bench, path);
    for (const name of ['etag', 'cache-control', 'content-type', 'content-length', 'vary']) {
      assert.equal(head[name], got.header(name), name);
    }
    const again = await ask(bench, path, { 'If-None-Match': `"x", W/${etag}` });
    assert.deepEqual([again.status, again.text, again.header('etag')], [304, '', etag]);
    assert.equal((await ask(bench, path, { 'If-None-Match': '"other"' })).status, 200);
  }
  const [xml, json] = [await ask(bench), await ask(bench, `${PATH}.json`)];
  assert.notEqual(xml.header('etag'), json.header('etag'));
});

test('DISC-11: addresses are escaped, and there is no DOCTYPE', async (t) => {
  const bench = await startDiscovery(t, OWN);
  const answer = await ask(bench);
  assert.equal(linksOf(answer)[BOSH], OWN.boshUrl);
  assert.ok(answer.text.includes('a=1&amp;b=&quot;'));
  assert.doesNotMatch(answer.text, /<!/);
});

test('DISC-08: what is not spoken is not announced, unless it is somewhere else', async (t) => {
  const bosh = await startDiscovery(t, { transports: ['bosh'] });
  assert.deepEqual(linksOf(await ask(bosh)), { [BOSH]: DERIVED[BOSH] });
  const elsewhere = await startDiscovery(t, { transports: ['bosh'], websocketUrl: OWN.websocketUrl });
  assert.deepEqual(linksOf(await ask(elsewhere)), { [BOSH]: DERIVED[BOSH], [WEBSOCKET]: OWN.websocketUrl });
});

test('discovery can be turned off, and takes no address that is none', async (t) => {
  const bench = await startDiscovery(t, { hostMeta: false });
  assert.equal((await ask(bench)).status, 404);
  for (const boshUrl of ['chat.example.org', 'wss://chat.example.org/', 'https://a b/']) {
    assert.throws(() => parseSettings({ boshUrl }), /boshUrl: must be an absolute http or https address/);
  }
  for (const trustedProxies of [['10.0.0.0/33'], ['proxy.example'], '127.0.0.1']) {
    assert.throws(() => parseSettings({ trustedProxies }), /trustedProxies.*: must be a list of addresses/);
  }
});

test('DISC-14: nothing here offers or suggests TXT records', () => {
  const root = new URL('../../', import.meta.url);
  const files = globSync(['src/**/*.ts', 'docs/*.md', 'README.md'], { cwd: root });
  assert.ok(files.length > 50);
  for (const file of files) assert.doesNotMatch(readFileSync(new URL(file, root), 'utf8'), /_xmppconnect/i, file);
});
