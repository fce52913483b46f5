import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RawWebSocket } from '../../support/raw-websocket.ts';
import { readArguments } from '../../../src/cli/arguments.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');

/** The keys of the example that came with node-xmpp-bosh, in our words. */
const EXAMPLE = `
exports.config = {
  // Where it listens.
  port: 0,
  host: '127.0.0.1',
  path: /^\\/http-bind(\\/+)?$/,
  logging: 'INFO',
  // Bytes and seconds.
  max_data_held: 100000,
  max_bosh_connections: 2,
  window_size: 2,
  default_inactivity: 70,
  max_inactivity: 160,
  http_socket_keepalive: 60,
  max_streams_per_session: 8,
  http_headers: { 'X-Shard': 'a' },
  no_tls_domains: [ /* 'chat.facebook.com' */ ],
  firewall: { allow: ['localhost', /^.*\\.example\\.org$/], deny: ['bad.example.org'] },
  route_filter: /.*/,
  pidgin_compatible: true,
  max_xmpp_stanza_size: 500000,
  trim_default_length: 256,
  system_info_password: 'a long password',
  websocket_ping_interval: 30
};
`;

/** The program under its old name, in a folder with the example. */
function start(t: TestContext, args: readonly string[], program = 'bosh-server') {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-bosh-server-'));
  writeFileSync(join(cwd, 'bosh.conf.js'), EXAMPLE);
  symlinkSync(MAIN, join(cwd, program));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SLUICE|NODE)_/.test(name)));
  const child = spawn(process.execPath, [join(cwd, program), ...args], { cwd, env });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(cwd, { recursive: true });
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => (said.out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said.err += data.toString()));
  return { child, said, exit: once(child, 'close') as Promise<[number | null]> };
}

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly bosh?: string;
}

test("bosh-server: the predecessor's example configuration starts, with one warning a key that changed", async (t) => {
  const { child, said, exit } = start(t, ['--config=bosh.conf.js', '--host=127.0.0.1', '--logging=DEBUG']);
  const lines = (): Line[] => said.out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
  while (!said.out.includes('"bosh"')) {
    const [data] = (await Promise.race([once(child.stdout, 'data'), exit])) as [unknown];
    assert.ok(Buffer.isBuffer(data), `ended: ${said.err}`);
  }
  const warned = lines().filter(({ level }) => level === 'warn');
  const keys = warned.map(({ msg }) => msg.slice(0, msg.indexOf(':')));
  assert.deepEqual(new Set(keys).size, keys.length);
  // All but port, host, path and the empty list.
  assert.equal(keys.length, 16, keys.join(' '));
  const where = /^http:\/\/127\.0\.0\.1:(\d+)/.exec(lines().find(({ bosh }) => bosh !== undefined)?.bosh ?? '');
  const own = `http://127.0.0.1:${where?.[1]}`;
  for (const [path, status] of [
    ['/http-bind', 200],
    ['/http-bind//', 200],
    ['/http-bind/x', 404],
  ] as const) {
    const response = await fetch(own + path);
    assert.deepEqual([response.status, response.headers.get('x-shard')], [status, 'a'], path);
  }
  assert.equal((await fetch(`${own}/sysinfo/`)).status, 401);
  assert.match(await (await fetch(own)).text(), /Sessions/);
  for (const path of ['/', '/any/path']) {
    assert.equal((await RawWebSocket.connect(t, Number(where?.[1]), { path })).status, 101, path);
  }
  child.kill('SIGTERM');
  assert.deepEqual((await exit)[0], 0);
  assert.equal(said.err, '');
});

test('bosh-server: flags in the old form mean what they say', async (t) => {
  const args = ['--config=bosh.conf.js', '--host=127.0.0.1', '--port=0', '--path=chat'];
  const { child, said, exit } = start(t, args);
  while (!said.out.includes('"bosh"')) {
    const [data] = (await Promise.race([once(child.stdout, 'data'), exit])) as [unknown];
    assert.ok(Buffer.isBuffer(data), `ended: ${said.err}`);
  }
  assert.match(said.out, /"bosh":"http:\/\/127\.0\.0\.1:\d+\/chat"/);
});

test('bosh-server: an unknown level is one line, exit code 2', async (t) => {
  const { said, exit } = start(t, ['--logging=LOUD']);
  assert.equal((await exit)[0], 2);
  assert.equal(said.err, 'sluice: --logging: must be a level such as INFO, not "LOUD"\n');
});

test('cli: config translate prints the new file, and it starts', async (t) => {
  const { said, exit } = start(t, ['config', 'translate', 'bosh.conf.js'], 'sluice');
  assert.equal((await exit)[0], 0, said.err);
  assert.match(
    said.out,
    /^# Translated from bosh\.conf\.js by sluice config translate\.\n# logging: is logLevel now\n/,
  );
  assert.match(said.out, /\npath = "\^\\\\\/http-bind\(\\\\\/\+\)\?\$"\n/);
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-translated-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'sluice.toml'), said.out);
  const check = spawn(process.execPath, [MAIN, 'check', '--config', join(cwd, 'sluice.toml')]);
  assert.deepEqual(await once(check, 'close'), [0, null]);
});

for (const [args, expected] of [
  [['config'], 'config: goes: sluice config translate FILE'],
  [['config', 'translate'], 'config: goes: sluice config translate FILE'],
  [['config', 'show', 'bosh.conf.js'], 'config: goes: sluice config translate FILE'],
  [['config', 'translate', 'none.js'], 'none.js: there is no such file'],
  [['config', 'translate', 'a', 'b'], 'b: is one word too many; see sluice help config'],
] as const) {
  test(`cli: sluice ${args.join(' ')}: one line, exit code 2`, async (t) => {
    const { said, exit } = start(t, args, 'sluice');
    assert.equal((await exit)[0], 2);
    assert.equal(said.err, `sluice: ${expected}\n`);
  });
}

test('cli: bosh-server is known by its name, and takes the flags that it had', () => {
  const asked = readArguments('/usr/bin/bosh-server', ['--logging=WARN', '--path=/x']);
  assert.deepEqual([asked.command, asked.isBoshServer, asked.values.logging], ['serve', true, 'WARN']);
  assert.equal(readArguments('/usr/bin/sluice', []).isBoshServer, false);
});
