import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ConfigError } from '../../../src/config/config-error.ts';
import { loadSettings, type LoadOptions } from '../../../src/config/load.ts';

/** A folder with files, gone after the test. */
function folder(t: TestContext, files: Record<string, string>): string {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  return cwd;
}

const load = (options: Partial<LoadOptions>) => loadSettings({ env: {}, flags: {}, cwd: '/', ...options });

async function problem(options: Partial<LoadOptions>): Promise<string> {
  try {
    await load(options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  return 'accepted';
}

test('config: flags go before the environment, which goes before the file, which goes before defaults', async (t) => {
  const cwd = folder(t, { 'sluice.toml': 'port = 1\npath = "/file"\nmaxHold = 2\nhost = "::1"' });
  const env = { SLUICE_PORT: '2', SLUICE_PATH: '/env', SLUICE_MAX_WAIT_SECONDS: '30' };
  const { settings, source } = await load({ cwd, env, flags: { port: '3' } });
  assert.equal(source, 'sluice.toml');
  assert.equal(settings.port, 3);
  assert.equal(settings.path, '/env');
  assert.equal(settings.maxWaitSeconds, 30);
  assert.equal(settings.maxHold, 2);
  assert.equal(settings.inactivitySeconds, 70);
});

// prettier-ignore
const FILES = {
  'x.toml': 'port = 7\n[domains."Example.org"]\nhost = "127.0.0.1"',
  'x.json': '\uFEFF{"port": 7, "domains": {"example.org": {"host": "127.0.0.1"}}}',
  'x.mjs': 'export default { port: 7, domains: { "example.org": { host: "127.0.0.1" } } };',
  'x.cjs': 'module.exports = { port: 7, domains: { "example.org": { host: "127.0.0.1" } } };',
  'x.js': 'module.exports = { port: 7, domains: { "example.org": { host: "127.0.0.1" } } };',
  'x.ts': 'export const config: object = { port: 7, domains: { "example.org": { host: "127.0.0.1" } } };',
};

for (const file of Object.keys(FILES)) {
  test(`config: ${file} is read`, async (t) => {
    const { settings, source } = await load({ cwd: folder(t, FILES), file });
    assert.equal(source, file);
    assert.equal(settings.port, 7);
    assert.equal(settings.domains['example.org']?.host, '127.0.0.1');
  });
}

test('config: the file is --config, else SLUICE_CONFIG, else the usual one of the folder, else none', async (t) => {
  const cwd = folder(t, { ...FILES, 'sluice.json': '{}' });
  assert.equal((await load({ cwd, file: 'x.toml', env: { SLUICE_CONFIG: 'x.json' } })).source, 'x.toml');
  assert.equal((await load({ cwd, env: { SLUICE_CONFIG: 'x.json' } })).source, 'x.json');
  assert.equal((await load({ cwd })).source, 'sluice.json');
  assert.equal((await load({ cwd: folder(t, {}) })).source, undefined);
});

test('config: an authority is found beside the file that names it', async (t) => {
  const cwd = folder(t, { 'etc/s.toml': '[domains."a.b"]\nca = "ca.pem"', 'etc/ca.pem': 'no certificate' });
  assert.equal(
    await problem({ cwd, file: 'etc/s.toml' }),
    'etc/s.toml: domains.a.b.ca: must be a PEM file with certificates (-----BEGIN CERTIFICATE-----)',
  );
});

// prettier-ignore
const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  ['bad.toml', 'port = 1\nfoo bar', /^bad\.toml:2:5: is no TOML: illegal character in key$/],
  ['bad.json', '{\n  "port": tru,\n  "x": 1\n}', /^bad\.json:2:14: is no JSON: Unexpected token ','$/],
  ['comma.json', '{"port": 1,}', /^comma\.json:1:12: is no JSON: Expected double-quoted property name$/],
  ['short.json', '{"port": 1', /^short\.json:1:11: is no JSON: Expected ',' or '}' after property value$/],
  ['empty.json', '', /^empty\.json:1:1: is no JSON: Unexpected end of JSON input$/],
  ['throws.mjs', '\nthrow new Error("out of\\nluck")', /^throws\.mjs:2:7: the module does not load: Error: out of$/],
  ['syntax.mjs', 'export default {', /^syntax\.mjs.*: the module does not load: SyntaxError: /],
  ['nothing.mjs', 'export const x = 1', /^nothing\.mjs: must say `export default \{ … \}`$/],
  ['list.json', '[]', /^list\.json: must hold an object with settings$/],
  ['key.toml', 'prot = 1', /^key\.toml: prot: is no setting; did you mean "port"\?$/],
  ['value.toml', 'port = "80"', /^value\.toml: port: must be a whole number from 0 to 65535, not "80"$/],
  ['x.yaml', '', /^x\.yaml: the name must end in \.toml, /],
];

for (const [file, text, expected] of BROKEN) {
  test(`config: ${file} is refused in one line that says where`, async (t) => {
    assert.match(await problem({ cwd: folder(t, { [file]: text }), file }), expected);
  });
}

test('config: a file that is not there', async () => {
  assert.equal(await problem({ file: 'none.toml' }), 'none.toml: there is no such file');
});

test('config: the environment gives numbers, yes and no, lists and domains', async () => {
  const env = {
    SLUICE_OPEN_WAIT_SECONDS: '0.5',
    SLUICE_ALLOW_MISSING_ORIGIN: 'false',
    SLUICE_ORIGINS: 'https://a, https://b',
    SLUICE_RETIRED_DOMAINS: 'old.example',
    SLUICE_DOMAINS: '{"a.b":{"host":"::1"}}',
    SLUICE_HOST: '',
  };
  const { settings } = await load({ env });
  assert.equal(settings.openWaitSeconds, 0.5);
  assert.equal(settings.allowMissingOrigin, false);
  assert.deepEqual(settings.origins, ['https://a', 'https://b']);
  assert.deepEqual(settings.retiredDomains, ['old.example']);
  assert.deepEqual(settings.domains, { 'a.b': { host: '::1' } });
  assert.equal(settings.host, undefined);
});

test('config: a wrong variable or flag is called by its own name', async () => {
  assert.match(await problem({ env: { SLUICE_PORT: 'x' } }), /^SLUICE_PORT: must be a whole number .*, not "x"$/);
  assert.match(await problem({ flags: { port: '99999' } }), /^--port: must be a whole number .*, not 99999$/);
  assert.match(await problem({ flags: { logLevel: 'loud' } }), /^--log-level: must be one of trace, /);
  assert.match(
    await problem({ env: { SLUICE_PROT: '1' } }),
    /^SLUICE_PROT: is no setting; did you mean "SLUICE_PORT"\?$/,
  );
  assert.match(
    await problem({ env: { SLUICE_DOMAINS: '{"a":{"tls":1}}' } }),
    /^SLUICE_DOMAINS\.a\.tls: must be one of/,
  );
  assert.match(await problem({ env: { SLUICE_DOMAINS: 'a' } }), /^SLUICE_DOMAINS: must be JSON/);
});

test('config: what Kubernetes, Docker links and the tests put into the environment is none of ours', async () => {
  const { settings } = await load({
    env: {
      SLUICE_PORT: 'tcp://10.0.0.7:5280',
      SLUICE_PORT_5280_TCP_ADDR: '10.0.0.7',
      SLUICE_SERVICE_HOST: '10.0.0.7',
      SLUICE_SERVICE_PORT_HTTP: '5280',
      SLUICE_TEST_ANYTHING: '1',
      SLUICE_SCREENSHOTS: 'x',
      SLUICE__X: '1',
    },
  });
  assert.equal(settings.port, 5280);
});
