import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isLegacy, translateLegacy } from '../../../src/config/legacy.ts';
import { LEGACY_KEYS } from '../../../src/config/legacy-keys.ts';
import { loadSettings } from '../../../src/config/load.ts';
import { parseSettings } from '../../../src/config/schema.ts';
import { renderToml } from '../../../src/config/toml.ts';
import { domainPattern } from '../../../src/core/domain.ts';

function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-legacy-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const settingsOf = (said: Record<string, unknown>) => parseSettings(translateLegacy(said).settings);

/** Every key of node-xmpp-bosh 0.7, as its example file has them. */
const EXAMPLE = {
  port: 5280,
  host: '0.0.0.0',
  path: /^\/http-bind(\/+)?$/,
  logging: 'INFO',
  max_data_held: 100_000,
  max_bosh_connections: 2,
  window_size: 2,
  default_inactivity: 70,
  max_inactivity: 160,
  http_socket_keepalive: 60,
  max_streams_per_session: 8,
  http_headers: {},
  no_tls_domains: [],
  firewall: { allow: ['example.org'], deny: ['example.net'] },
  route_filter: /.*/,
  pidgin_compatible: true,
  max_xmpp_stanza_size: 500_000,
  trim_default_length: 256,
  system_info_password: 'a long password',
  websocket_ping_interval: 30,
  lookup_service: EventEmitter,
};

test('legacy: every key of the old program is known, keeps its meaning and its unit', () => {
  assert.deepEqual(Object.keys(EXAMPLE).toSorted(), [...LEGACY_KEYS].toSorted());
  const settings = settingsOf(EXAMPLE);
  assert.deepEqual(
    [settings.port, settings.host, settings.path, settings.logLevel, settings.maxBodyBytes, settings.maxHold],
    [5280, '0.0.0.0', EXAMPLE.path, 'info', 100_000, 2],
  );
  assert.deepEqual(
    [settings.inactivitySeconds, settings.maxInactivitySeconds, settings.maxStreamsPerSession, settings.maxStanzaBytes],
    [70, 160, 8, 500_000],
  );
  assert.deepEqual([settings.systemInfoPassword, settings.pingSeconds], ['a long password', 30]);
  assert.deepEqual([settings.allowDomains, settings.denyDomains], [['example.org'], ['example.net']]);
});

test('legacy: there is one warning a key that changed, and none for what did not', () => {
  const { warnings } = translateLegacy(EXAMPLE);
  const keys = warnings.map((line) => line.slice(0, line.indexOf(':')));
  const unchanged = ['port', 'host', 'path', 'http_headers', 'no_tls_domains'];
  const expected = LEGACY_KEYS.filter((key) => !unchanged.includes(key));
  assert.deepEqual(keys.toSorted(), [...expected].toSorted());
});

for (const [old, value, key, expected] of [
  ['max_xmpp_buffer_size', 20_000, 'maxStanzaBytes', 20_000],
  ['max_xmpp_buffer_bytes', 20_000, 'maxStanzaBytes', 20_000],
  ['max_data_held_bytes', 20_000, 'maxBodyBytes', 20_000],
  ['default_inactivity_sec', 50, 'inactivitySeconds', 50],
  ['max_inactivity_sec', 300, 'maxInactivitySeconds', 300],
  ['websocket_ping_interval', 0, 'pingSeconds', 0],
  ['max_data_held', 0, 'maxBodyBytes', 1_048_576],
  ['max_data_held', 100, 'maxBodyBytes', 10_000],
  ['max_data_held', 50_000_000, 'maxBodyBytes', 50_000_000],
  ['max_bosh_connections', 100, 'maxHold', 16],
  ['logging', 'all', 'logLevel', 'trace'],
  ['logging', 'OFF', 'logLevel', 'silent'],
  ['logging', 'FATAL', 'logLevel', 'error'],
  ['path', 'chat', 'path', '/chat'],
  ['path', '', 'path', '/http-bind/'],
  ['path', '/(a|b)/http-bind', 'path', /\/(a|b)\/http-bind/],
  ['port', 5280.5, 'port', 5281],
  ['system_info_password', '', 'systemInfoPassword', undefined],
] as const) {
  test(`legacy: ${old} = ${JSON.stringify(value)} is ${key} = ${String(expected)}`, () => {
    assert.deepEqual(settingsOf({ [old]: value })[key], expected);
  });
}

test('legacy: an old name is known by itself, and one meaning is said once', () => {
  assert.equal(isLegacy({ max_data_held_bytes: 1 }), true);
  assert.equal(isLegacy({ logging: 'INFO' }), true);
  assert.equal(isLegacy({ path: '/x', port: 1, host: 'x' }), false, 'both programs have these');
  assert.throws(() => translateLegacy({ max_data_held: 20_000, max_data_held_bytes: 20_000 }), {
    message: 'max_data_held_bytes: says the same as max_data_held: take one of them out',
  });
  assert.throws(() => translateLegacy({ max_data_held: 20_000, maxBodyBytes: 30_000 }), {
    message: 'max_data_held: says the same as maxBodyBytes: take one of them out',
  });
});

test('legacy: settings of ours stand beside old ones', () => {
  const settings = settingsOf({
    logging: 'WARN',
    origins: ['https://chat.example'],
    domains: { 'a.example': { host: '10.0.0.1' } },
    no_tls_domains: ['b.example'],
  });
  assert.deepEqual(settings.origins, ['https://chat.example']);
  assert.deepEqual(settings.domains, { 'a.example': { host: '10.0.0.1' }, 'b.example': { tls: 'if-required' } });
});

// prettier-ignore
const REFUSED: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['an empty list of who may be served', { firewall: { allow: [] } }, /^firewall\.allow: is empty: .* in fact it meant nobody/],
  ['cookies from every page', { http_headers: { 'Access-Control-Allow-Credentials': 'true' } }, /^http_headers\.Access-Control-Allow-Credentials: is unsafe/],
  ['a header that is two', { http_headers: { 'X-A': 'b\r\nX-C: d' } }, /one line of printable ASCII/],
  ['a host that is a number', { host: 127, logging: 'INFO' }, /^host: must be a host name or an IP address/],
  ['a size that is text', { max_data_held: '100000' }, /^max_data_held: must be a number, not "100000"/],
  ['an unknown level', { logging: 'LOUD' }, /^logging: must be one of ALL, TRACE/],
  ['an unknown key', { logging: 'INFO', window_siez: 3 }, /^window_siez: is no setting.*did you mean "window_size"/],
  ['a firewall entry that is none', { firewall: { deny: [7] } }, /^firewall\.deny\.0: must be a domain or a regular expression/],
  ['a domain that is none', { no_tls_domains: ['a b'] }, /^no_tls_domains\.0: must be a domain/],
  ['a lookup service that is none', { lookup_service: 'dns' }, /^lookup_service: must be a constructor/],
];

for (const [what, said, expected] of REFUSED) {
  test(`legacy: ${what} is refused`, () => {
    assert.throws(() => settingsOf(said), (error: Error) => error.name === 'ConfigError' && expected.test(error.message)); // prettier-ignore
  });
}

test('legacy: the firewall fits what it fitted: text whole, regular expressions anywhere unless they are anchored', () => {
  const { settings, warnings } = translateLegacy({
    firewall: { allow: ['Example.org', /\.example\.com$/, /^(a|b)\.test$/, /^one|two$/i] },
  });
  const rules = (settings['allowDomains'] as string[]).map((one) => domainPattern(one) ?? assert.fail(one));
  const fits = (domain: string): boolean => rules.some((rule) => rule.test(domain));
  for (const domain of ['example.org', 'x.example.com', 'a.test', 'one.anything', 'x.two'])
    assert.ok(fits(domain), domain);
  for (const domain of ['x.example.org', 'example.com', 'x.a.test', 'c.test', 'x.one.y']) assert.ok(!fits(domain), domain); // prettier-ignore
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /anchor it with \^ and \$/);
  assert.doesNotMatch(warnings[0] ?? '', /\^\(a\|b\)/);
});

test('legacy: no_tls_domains neither shuts out other domains nor passes the firewall', () => {
  assert.equal(settingsOf({ no_tls_domains: ['a.test'] }).serveOthers, true);
  const walled = settingsOf({ no_tls_domains: ['a.test', 'b.test'], firewall: { allow: ['b.test'] } });
  assert.deepEqual([Object.keys(walled.domains), walled.serveOthers], [['b.test'], true]);
});

test('legacy: http_headers are sent, and pages may send them, as it was', () => {
  const settings = settingsOf({
    http_headers: {
      'X-Served-By': 7,
      'Access-Control-Allow-Origin': 'https://chat.example',
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Allow-Headers': 'X-One, X-Two',
      'Content-Type': 'text/plain',
    },
  });
  assert.deepEqual(settings.headers, { 'X-Served-By': '7' });
  assert.deepEqual(settings.allowHeaders, ['X-Served-By', 'X-One', 'X-Two']);
  assert.deepEqual([settings.origins, settings.credentials], [['https://chat.example'], true]);
});

test('legacy: a longest inactivity below the usual one is raised, with a word', () => {
  const { settings, warnings } = translateLegacy({ default_inactivity: 200 });
  assert.equal(settings['maxInactivitySeconds'], 200);
  assert.match(warnings.join('\n'), /max_inactivity: is 200/);
});

for (const [name, text] of [
  ['bosh.conf.js', "exports.config = { port: 5299, logging: 'WARN', max_data_held_bytes: 20000 };"],
  ['bosh.conf.cjs', "module.exports.config = { port: 5299, logging: 'WARN', max_data_held_bytes: 20000 };"],
  ['bosh.js.conf', "exports.config = { port: 5299, logging: 'WARN', max_data_held_bytes: 20000 };"],
  ['bosh.json', '{ "port": 5299, "logging": "WARN", "max_data_held_bytes": 20000 }'],
] as const) {
  test(`legacy: ${name} is read`, async (t) => {
    const cwd = folderOf(t, { [name]: text });
    const { settings, warnings } = await loadSettings({ file: name, env: {}, flags: {}, cwd });
    assert.deepEqual([settings.port, settings.logLevel, settings.maxBodyBytes], [5299, 'warn', 20_000]);
    assert.deepEqual(warnings, ['logging: is logLevel now', 'max_data_held_bytes: is maxBodyBytes now']);
  });
}

test('legacy: a mistake is told by the name that the file has for it', async (t) => {
  const cwd = folderOf(t, {
    'bosh.conf.js': 'exports.config = { default_inactivity: 70, http_headers: { "X-A": "ü" } };',
  });
  await assert.rejects(loadSettings({ file: 'bosh.conf.js', env: {}, flags: {}, cwd }), {
    message: /^bosh\.conf\.js: http_headers\.X-A: must be one line of printable ASCII/,
  });
});

test('legacy: the command line and the environment go before the file, and the usual files before the old one', async (t) => {
  const cwd = folderOf(t, { 'old.conf': "exports.config = { port: 1, host: '127.0.0.9', logging: 'WARN' };" });
  const fallback = join(cwd, 'old.conf');
  const options = { file: undefined, env: { SLUICE_HOST: '127.0.0.2' }, flags: { port: '2' }, cwd, fallback };
  const { settings, source } = await loadSettings(options);
  assert.deepEqual([settings.port, settings.host, settings.logLevel, source], [2, '127.0.0.2', 'warn', fallback]);
  writeFileSync(join(cwd, 'sluice.toml'), 'port = 3');
  assert.equal((await loadSettings({ ...options, flags: {} })).settings.port, 3);
  assert.equal((await loadSettings({ ...options, fallback: join(cwd, 'none'), flags: {} })).settings.port, 3);
});

test('legacy: what is printed as TOML means the same', async (t) => {
  const { lookup_service: _, ...plain } = EXAMPLE;
  for (const said of [
    plain,
    { ...plain, path: /x|y/, no_tls_domains: ['example.org'], http_headers: { 'X-A': 'b"c' } },
  ]) {
    const { settings, warnings } = translateLegacy(said);
    const cwd = folderOf(t, { 'sluice.toml': renderToml(settings, warnings) });
    const read = await loadSettings({ file: undefined, env: {}, flags: {}, cwd });
    const expected = parseSettings(settings);
    const path = said.path.source.includes('|') ? '^.*(?:x|y)' : said.path.source;
    assert.deepEqual(read.settings, { ...expected, path });
    assert.deepEqual(read.warnings, []);
  }
});

test('legacy: a path that TOML cannot say is told', () => {
  assert.throws(() => renderToml({ path: /^\/bosh/i }, []), /path: has the flag i, which TOML cannot say/);
});

test('legacy: docs/migrating.md has a row for each key', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/migrating.md'), 'utf8');
  for (const key of LEGACY_KEYS) assert.match(page, new RegExp(`^\\| \`${key}\` `, 'm'));
});
