import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startBench } from '../../support/bench.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');

async function run(
  t: TestContext,
  args: readonly string[],
  input = '',
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, 'prebind', ...args]);
  t.after(() => child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => (said.out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said.err += data.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...said };
}

test('cli: prebind prints a session; the password comes from standard input or a file', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const url = `http://127.0.0.1:${bench.port}/http-bind/`;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-prebind-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'password');
  writeFileSync(file, 'from the file\r\nand more\n');

  const piped = await run(t, ['alice@example.com', '--url', url, '--resource', 'desk'], 'from the pipe\n');
  assert.deepEqual([piped.code, piped.err], [0, '']);
  const session = JSON.parse(piped.out) as Record<string, unknown>;
  assert.deepEqual(Object.keys(session), ['jid', 'sid', 'rid', 'wait', 'inactivity', 'url']);
  assert.equal(session['url'], url);
  const filed = await run(t, ['alice@example.com', '--url', url, `--password-file=${file}`]);
  assert.equal(filed.code, 0, filed.err);
  const passwords = [...bench.u.received.matchAll(/mechanism='PLAIN'>([^<]*)</g)].map(
    ([, data = '']) => Buffer.from(data, 'base64').toString().split('\0')[2],
  );
  assert.deepEqual(passwords, ['from the pipe', 'from the file']);
  assert.match(bench.u.received, /<resource>desk</);
});

test('cli: what is wrong with a prebind is one line, and a password is never repeated', async (t) => {
  const wrong: readonly (readonly [readonly string[], string, number, RegExp])[] = [
    [[], '', 2, /prebind: needs a JID such as alice@example\.org/],
    [['alice@example.com', 'secret'], '', 2, /prebind: takes one JID; its password is asked for/],
    [['alice@example.com', '--password=secret'], '', 2, /--password: is no option; did you mean "--password-file"\?/],
    [['alice@example.com', '--password-file', '/no/secret-file'], '', 2, /--password-file: cannot read/],
    [['alice@example.com'], '\n', 2, /prebind: there is no password/],
    [['alice@example.com', '--url', 'http://127.0.0.1:1/'], 'secret\n', 1, /cannot be reached/],
    [['alice@exa mple.com'], 'secret\n', 1, /jid is no JID/],
  ];
  for (const [args, input, exit, message] of wrong) {
    const { code, out, err } = await run(t, args, input);
    assert.deepEqual([code, out, err.trim().split('\n').length], [exit, '', 1], err);
    assert.match(err, message);
    assert.ok(!/secret(?!-file)/.test(err), err);
  }
});
