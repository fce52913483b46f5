import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createGateway, type Gateway } from '../../src/gateway.ts';
import { ejabberdProgram, startEjabberd } from '../support/ejabberd.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { freePorts, skipWithout, type Account, type RealServer } from '../support/real-server.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

const KINDS = [
  { name: 'Prosody', skip: skipWithout(prosodyProgram), start: () => startProsody() },
  { name: 'ejabberd', skip: skipWithout(ejabberdProgram), start: () => startEjabberd({ mechanisms: 'all' }) },
] as const;

async function run(args: readonly string[], password?: string) {
  const env = { ...process.env, ...(password !== undefined && { SLUICE_TEST_PASSWORD: password }) };
  const child = spawn(process.execPath, [MAIN, 'test', ...args, '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => (said.out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said.err += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  const found = (said.out === '' ? {} : JSON.parse(said.out)) as Record<string, unknown>;
  return { code, found, ...said };
}

for (const { name, skip, start } of KINDS) {
  describe(`sluice test against ${name}`, { skip, timeout: 120_000 }, () => {
    let server: RealServer;
    let gateway: Gateway;
    let users: readonly Account[];
    let folder: string;
    let file: string;
    /** The gateway in front of the server, and the server's own. */
    let urls: readonly string[];
    /** Those that keep what comes in two requests at once. COMPAT(ejabberd, 23.01): its own BOSH loses some of it under load. */
    let steady: readonly string[];

    before(async () => {
      server = await start();
      const reached = { host: '127.0.0.1', port: server.port, tls: 'starttls' as const, ca: server.caFile };
      gateway = createGateway({
        port: 0,
        host: '127.0.0.1',
        domains: { [server.domain]: reached, [server.anonymousDomain]: reached },
      });
      await gateway.start();
      users = [...(await server.pair('one')), ...(await server.pair('two'))];
      folder = mkdtempSync(join(tmpdir(), 'sluice-tools-'));
      file = join(folder, 'users.txt');
      writeFileSync(file, `# users\n${users.map(({ jid, password }) => `${jid} ${password}\n`).join('\n')}`);
      const { bosh, websocket } = server.urls;
      const own = `127.0.0.1:${gateway.port}`;
      urls = [`http://${own}/http-bind/`, `ws://${own}/xmpp-websocket`, bosh, websocket];
      steady = urls.filter((url) => name !== 'ejabberd' || url !== bosh);
    });

    after(async () => {
      await gateway?.stop();
      await server?.stop();
      if (folder !== undefined) rmSync(folder, { recursive: true });
    });

    test('basic: the right password logs in, a wrong one and an unknown user do not', async () => {
      const [{ jid, password } = assert.fail()] = users;
      for (const url of urls) {
        const { code, found, err } = await run(['basic', '--url', url, '--jid', jid], password);
        assert.deepEqual([code, found['ok']], [0, true], `${url}: ${JSON.stringify(found)} ${err}`);
        assert.equal((found['steps'] as unknown[]).length, 3);
      }
    });

    test('basic: a wrong password is a failure, with the reason', async () => {
      const [{ jid } = assert.fail()] = users;
      for (const url of urls.slice(0, 2)) {
        const { code, found } = await run(['basic', '--url', url, '--jid', jid], 'wrong');
        assert.deepEqual([code, found['ok']], [1, false]);
        const [first] = found['steps'] as { ok: boolean; detail: string }[];
        assert.equal(first?.ok, false);
        assert.match(first?.detail ?? '', /not-authorized/);
      }
    });

    test('send-recv: everybody writes to everybody, and each message comes once and in order', async () => {
      for (const url of steady) {
        const args = ['send-recv', '--url', url, '--users', file, '--messages', '3', '--rate', '50'];
        const { code, found, err } = await run(args);
        const numbers = ['users', 'sent', 'received', 'missing', 'doubles', 'disordered'].map((key) => found[key]);
        assert.deepEqual(numbers, [4, 48, 48, 0, 0, 0], `${url}: ${JSON.stringify(found)} ${err}`);
        assert.equal(code, 0);
      }
    });

    test('stress: sessions are kept busy, and the percentiles are told', async () => {
      for (const [index, url] of steady.entries()) {
        const who = index < 2 ? ['--domain', server.anonymousDomain] : ['--users', file];
        const args = ['stress', '--url', url, ...who, '--sessions', '8', '--seconds', '2', '--rate', '20'];
        const { code, found, err } = await run(args);
        assert.deepEqual(
          [code, found['opened'], found['failed'], found['lost'], found['missing']],
          [0, 8, 0, 0, 0],
          `${url}: ${JSON.stringify(found)} ${err}`,
        );
        assert.ok(Number(found['received']) >= 8);
        const { p50, p95, p99, max } = found['messageMilliseconds'] as Record<string, number>;
        assert.ok(p50! > 0 && p50! <= p95! && p95! <= p99! && p99! <= max!);
      }
    });
  });
}

test('sluice test: where nobody answers, it fails with the reason', async () => {
  const [port] = await freePorts(1);
  const { code, found } = await run(['basic', '--url', `http://127.0.0.1:${port}/`, '--jid', 'a@example.org'], 'x');
  assert.deepEqual([code, found['ok']], [1, false]);
  assert.match(JSON.stringify(found), /no answer: .*ECONNREFUSED/);
});
