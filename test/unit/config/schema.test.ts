import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, nearest } from '../../../src/config/config-error.ts';
import { parseSettings, settingsShape } from '../../../src/config/schema.ts';

function problem(input: unknown): string {
  try {
    parseSettings(input);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  return 'accepted';
}

test('config: nothing at all gives the defaults', () => {
  const settings = parseSettings({});
  assert.equal(settings.port, 5280);
  assert.equal(settings.path, '/http-bind/');
  assert.equal(settings.maxWaitSeconds, 60);
  assert.equal(settings.maxHold, 1);
  assert.equal(settings.maxBodyBytes, 1024 * 1024);
  assert.equal(settings.origins, '*');
  assert.deepEqual(settings.domains, {});
  assert.equal(settings.host, undefined);
  assert.deepEqual(parseSettings(undefined), settings);
});

test('config: what was parsed may be parsed again', () => {
  const settings = parseSettings({ domains: { 'a.b': { host: 'c', tls: 'direct' } }, origins: ['https://a:443'] });
  assert.deepEqual(parseSettings(settings), settings);
});

test('config: each setting says what it means, and what it must be', () => {
  for (const [key, schema] of Object.entries(settingsShape)) {
    const meta = schema.meta();
    assert.ok(meta?.description, key);
    assert.ok(meta.expects, key);
  }
});

test('config: others are served until domains are named', () => {
  const named = { 'example.org': {} };
  assert.equal(parseSettings({}).serveOthers, true);
  assert.equal(parseSettings({ domains: named }).serveOthers, false);
  assert.equal(parseSettings({ domains: named, serveOthers: true }).serveOthers, true);
});

test('config: domains are compared in one form', () => {
  const { domains, retiredDomains } = parseSettings({
    domains: { 'Example.ORG.': { host: '127.0.0.1' }, 'bücher.example': {}, localhost: {}, '192.0.2.1': {} },
    retiredDomains: ['OLD.example'],
  });
  assert.deepEqual(Object.keys(domains), ['example.org', 'xn--bcher-kva.example', 'localhost', '192.0.2.1']);
  assert.deepEqual(retiredDomains, ['old.example']);
});

test('config: direct TLS to a fixed host means port 5223 unless a port is given', () => {
  const { domains } = parseSettings({
    domains: { a: { host: 'h', tls: 'direct' }, b: { host: 'h', tls: 'direct', port: 443 }, c: { tls: 'direct' } },
  });
  assert.equal(domains['a']?.port, 5223);
  assert.equal(domains['b']?.port, 443);
  assert.equal(domains['c']?.port, undefined);
});

test('config: origins are written as browsers write them', () => {
  const { origins } = parseSettings({
    origins: ['HTTPS://Chat.Example.org:443', 'http://a:80', 'https://a:8443', 'null', 'capacitor://localhost'],
  });
  assert.deepEqual(origins, [
    'https://chat.example.org',
    'http://a',
    'https://a:8443',
    'null',
    'capacitor://localhost',
  ]);
});

// prettier-ignore
const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ['a port that is no number', { port: 'abc' }, /^port: must be a whole number from 0 to 65535, not "abc"$/],
  ['a port that is too high', { port: 65_536 }, /^port: must be a whole number from 0 to 65535, not 65536$/],
  ['half a port', { port: 80.5 }, /^port: must be a whole number/],
  ['an endless time', { maxWaitSeconds: Infinity }, /^maxWaitSeconds: must be a number of seconds from 1 to 3600/],
  ['a time below zero', { pingSeconds: -1 }, /^pingSeconds: must be a number of seconds from 0 to 3600, not -1$/],
  ['a slip of the fingers', { prot: 1 }, /^prot: is no setting; did you mean "port"\?$/],
  ['another spelling', { max_wait_seconds: 1 }, /did you mean "maxWaitSeconds"\?$/],
  ['a name cut short', { maxWait: 1 }, /did you mean "maxWaitSeconds"\?$/],
  ['a key like no other', { quux: 1 }, /^quux: is no setting; see docs\/configuration\.md$/],
  ['a slip inside a domain', { domains: { a: { hots: 'x' } } }, /^domains\.a\.hots: is no setting; did you mean "host"\?$/],
  ['a domain with a space', { domains: { 'a b': {} } }, /^domains: each name must be a domain such as example\.org, not "a b"$/],
  ['a JID for a domain', { domains: { 'romeo@example.org': {} } }, /each name must be a domain/],
  ['a domain that is no table', { domains: { a: 5 } }, /^domains\.a: must be a table such as .*, not 5$/],
  ['an unknown kind of TLS', { domains: { a: { tls: 'yes' } } }, /^domains\.a\.tls: must be one of direct, starttls, optional, if-required, none, not "yes"$/],
  ['an authority that is not there', { domains: { a: { ca: '/no/such.pem' } } }, /^domains\.a\.ca: cannot read "\/no\/such\.pem": there is no such file$/],
  ['an authority that is none', { domains: { a: { ca: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----' } } }, /^domains\.a\.ca: must be a PEM file/],
  ['an origin with a path', { origins: ['https://a/'] }, /^origins\.0: must be an origin such as .*, not "https:\/\/a\/"$/],
  ['an origin without a scheme', { origins: ['a.example'] }, /^origins\.0: must be an origin/],
  ['a star among origins', { origins: ['*'] }, /^origins\.0: must be an origin/],
  ['one origin outside a list', { origins: 'https://a' }, /^origins: must be '\*' or a list of origins/],
  ['credentials for everybody', { credentials: true }, /^credentials: needs a list of `origins`/],
  ['a path without a slash', { path: 'http-bind' }, /^path: must be a path that starts with \//],
  ['a path with a query', { websocketPath: '/ws?x' }, /^websocketPath: must be a path/],
  ['an inactivity above its maximum', { inactivitySeconds: 200 }, /^maxInactivitySeconds: must not be below `inactivitySeconds` \(200\)$/],
  ['a backlog below one body', { maxUpstreamBacklogBytes: 300_000 }, /^maxUpstreamBacklogBytes: must not be below `maxBodyBytes`/],
  ['a domain both served and retired', { domains: { a: {} }, retiredDomains: ['A'] }, /^retiredDomains: "a" is named in `domains` too/],
  ['a stanza limit below RFC 6120 §13.12', { maxStanzaBytes: 9999 }, /^maxStanzaBytes: must be a whole number from 10000/],
  ['a list', [], /^must be an object, not \[\]$/],
];

for (const [what, input, expected] of REFUSED) {
  test(`config: ${what} is refused with the key and the mend`, () => assert.match(problem(input), expected));
}

test('config: no suggestion is better than a wild one', () => {
  assert.equal(nearest('zzzzzz', ['port', 'host']), undefined);
  assert.equal(nearest('hsot', ['port', 'host']), 'host');
});
