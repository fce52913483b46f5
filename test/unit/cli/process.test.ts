import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');

interface Options {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly main?: string;
}

/** The program in an empty folder of its own, as somebody would start it there. */
function start(t: TestContext, { args = [], env = {}, files = {}, main = MAIN }: Options) {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SLUICE|NODE)_/.test(name));
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { ...Object.fromEntries(inherited), ...env } });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(cwd, { recursive: true });
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => (said.out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said.err += data.toString()));
  const exit = once(child, 'close') as Promise<[code: number | null, signal: string | null]>;
  return { child, said, exit };
}

/** Runs until the program is up; the addresses come from its log. */
async function up(t: TestContext, options: Options) {
  const running = start(t, options);
  const lines = () => running.said.out.split('\n').flatMap((line) => (line.includes('"bosh"') ? [line] : []));
  while (lines().length === 0) {
    const event = await Promise.race([once(running.child.stdout, 'data'), running.exit]);
    assert.ok(Buffer.isBuffer(event[0]), `ended: ${running.said.err}`);
  }
  return { ...running, log: JSON.parse(lines()[0] ?? '{}') as { bosh: string; websocket: string; msg: string } };
}

async function taken(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

// prettier-ignore
const MISTAKES: readonly (readonly [string, Options, RegExp])[] = [
  ['a wrong option', { args: ['--prot', '1'] }, /^sluice: --prot: is no option; did you mean "--port"\?\n$/],
  ['a wrong command', { args: ['sevre'] }, /^sluice: sevre: is no command; did you mean "serve"\?\n$/],
  ['a port that is no number', { args: ['--port', 'x'] }, /^sluice: --port: must be a whole number from 0 to 65535, not "x"\n$/],
  ['an unknown key', { files: { 'sluice.toml': 'prot = 1' } }, /^sluice: sluice\.toml: prot: is no setting; did you mean "port"\?\n$/],
  ['an unknown variable', { env: { SLUICE_PROT: '1' } }, /^sluice: SLUICE_PROT: is no setting; did you mean "SLUICE_PORT"\?\n$/],
  ['broken TOML', { files: { 'sluice.toml': 'port = 1\nfoo bar' } }, /^sluice: sluice\.toml:2:5: is no TOML: [^\n]+\n$/],
  ['broken JSON', { args: ['--config', 'x.json'], files: { 'x.json': '{"port": 1,}' } }, /^sluice: x\.json:1:12: is no JSON: [^\n]+\n$/],
  ['a module that throws', { args: ['--config=x.mjs'], files: { 'x.mjs': 'throw new Error("boom")' } }, /^sluice: x\.mjs:1:7: the module does not load: Error: boom\n$/],
  ['a file that is not there', { args: ['--config=none.toml'] }, /^sluice: none\.toml: there is no such file\n$/],
  ['a host that is not ours', { args: ['--host=192.0.2.1', '--port=0'] }, /^sluice: host: "192\.0\.2\.1" is no address of this machine: [^\n]+\n$/],
];

for (const [what, options, expected] of MISTAKES) {
  test(`cli: ${what}: one line that names it and the mend, exit code 2`, async (t) => {
    const { said, exit } = start(t, options);
    assert.deepEqual(await exit, [2, null]);
    assert.match(said.err, expected);
    assert.equal(said.out, '');
  });
}

test('cli: a taken port: one line that names it and the mend, exit code 2', async (t) => {
  const port = await taken(t);
  const { said, exit } = start(t, { args: ['--host', '127.0.0.1', '--port', String(port)] });
  assert.deepEqual(await exit, [2, null]);
  assert.equal(
    said.err,
    `sluice: port: ${port} at 127.0.0.1 is taken by another program: stop it, or choose another port with --port\n`,
  );
});

test('cli: serve says where BOSH and WebSocket are, and answers there', async (t) => {
  const args = ['serve', '--port=0', '--host=127.0.0.1', '--path=/bosh'];
  const { log, said } = await up(t, { args });
  assert.match(log.bosh, /^http:\/\/127\.0\.0\.1:\d+\/bosh$/);
  assert.match(log.websocket, /^ws:\/\/127\.0\.0\.1:\d+\/xmpp-websocket$/);
  assert.ok(log.msg.includes(log.bosh) && log.msg.includes(log.websocket));
  assert.equal(said.err, '', 'a person reads stderr; this is none');
  const answer = await fetch(log.bosh, { method: 'POST', body: 'no XML' });
  assert.match(await answer.text(), /<body /);
});

test('cli: bosh-server is sluice serve', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bin-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const main = join(folder, 'bosh-server');
  symlinkSync(MAIN, main);
  const { said, exit } = start(t, { main, args: ['serve'] });
  assert.deepEqual(await exit, [2, null]);
  assert.match(said.err, /serve: is one word too many/);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`cli: ${signal} stops the gateway in order, exit code 0`, async (t) => {
    const { child, said, exit } = await up(t, { args: ['--port=0', '--host=127.0.0.1'] });
    child.kill(signal);
    assert.deepEqual(await exit, [0, null]);
    assert.match(said.out, /"msg":"stopped"/);
  });
}

test('cli: a reader that goes away is no reason to fail', async (t) => {
  const { child, exit } = start(t, { args: ['help'] });
  child.stdout.destroy();
  assert.deepEqual((await exit)[0], 0);
});

test('cli: the log lines of the last turn are not lost, whether the program exits or crashes', async (t) => {
  const log = new URL('../../../src/cli/log.ts', import.meta.url).href;
  for (const [end, code] of [
    ['process.exit(3)', 3],
    ["throw new Error('a crash')", 1],
  ] as const) {
    const program = `import { createLog } from '${log}';
      const log = createLog('info');
      for (let i = 0; i < 300; i++) log.info({ i }, 'line');
      setTimeout(() => { log.info('one more'); log.warn('the last'); ${end}; }, 20);`;
    const { said, exit } = start(t, { main: '--input-type=module', args: ['--eval', program] });
    assert.equal((await exit)[0], code);
    const lines = said.out.trim().split('\n');
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    assert.deepEqual(messages, [...Array.from({ length: 300 }, () => 'line'), 'one more', 'the last'], end);
  }
});

test('cli: log lines into a pipe that broke do not stop the gateway', async (t) => {
  const { child, exit, log } = await up(t, { args: ['--port=0', '--host=127.0.0.1'] });
  child.stdout.destroy();
  child.stderr.destroy();
  for (let i = 0; i < 3; i++) assert.equal((await fetch(log.bosh, { method: 'POST', body: 'x' })).status < 600, true);
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
});
