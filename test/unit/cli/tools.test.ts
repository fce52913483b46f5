import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { basic } from '../../../src/cli/tools/basic.ts';
import { Times } from '../../../src/cli/tools/report.ts';
import { sendRecv } from '../../../src/cli/tools/send-recv.ts';
import { Stress } from '../../../src/cli/tools/stress.ts';
import { readUsers } from '../../../src/cli/tools/users.ts';
import { bosh, Element, type CompatStream } from '../../../src/compat/index.ts';
import { BIND, MECHANISMS, SUCCESS } from '../../support/scripted-server.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const FAILURE = `<failure xmlns='${SASL}'><not-authorized/></failure>`;

/** What becomes of a message: the number of copies, for the number of messages that went before. */
type Fate = (count: number) => number | 'late';

/** An XMPP server, made of the compat events, that treats messages as it is told. Its password is "right". */
async function faultyServer(t: TestContext, fate: Fate, acceptsAll = false): Promise<string> {
  const server = bosh.createServer({ port: 0, host: '127.0.0.1', drainSeconds: 0.1 });
  t.after(() => server.stop());
  const streams = new Map<string, CompatStream>();
  const late: [string, CompatStream][] = [];
  let users = 0;
  let count = 0;
  const tell = (stream: CompatStream, element: unknown): boolean => server.emit('response', element, stream);
  const deliver = (node: Element, receiver: CompatStream): void => {
    const copies = fate(count++);
    if (copies === 'late') {
      late.push([node.toString(), receiver]);
      return;
    }
    for (let copy = 0; copy < copies; copy++) tell(receiver, node.clone());
    for (const [text, to] of late.splice(0)) tell(to, text);
  };
  const answer = (node: Element, stream: CompatStream): void => {
    if (node.is('auth')) {
      const isRight = Buffer.from(node.getText(), 'base64').toString().split('\0')[2] === 'right';
      tell(stream, isRight || acceptsAll ? SUCCESS : FAILURE);
    } else if (node.is('iq')) {
      const jid = `user@${stream.to}/${users++}`;
      streams.set(jid, stream);
      const bind = new Element('bind', 'urn:ietf:params:xml:ns:xmpp-bind').c('jid').t(jid).root();
      tell(stream, new Element('iq', { type: 'result', id: node.attrs['id'] }).cnode(bind).root());
    } else {
      const receiver = streams.get(String(node.attrs['to']));
      if (receiver !== undefined) deliver(node, receiver);
    }
  };
  server.on('stream-add', (stream: CompatStream) => {
    server.emit('stream-added', stream);
    tell(stream, `<stream:features>${MECHANISMS}</stream:features>`);
  });
  server.on('stream-restart', (stream: CompatStream) => tell(stream, `<stream:features>${BIND}</stream:features>`));
  server.on('nodes', (nodes: readonly Element[], stream: CompatStream) => {
    for (const node of nodes) answer(node, stream);
  });
  if (!server.server.listening) await once(server.server, 'listening');
  return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}/http-bind/`;
}

const silent = () => {
  const lines: string[] = [];
  const last = { text: '' };
  const report = {
    line: (text: string) => void lines.push(text),
    progress: (text: () => string) => void (last.text = text()),
  };
  return { report, lines, last };
};

const USERS = [1, 2, 3].map((number) => ({ jid: `user${number}@example.com`, password: 'right' }));
const PLAN = { messages: 2, rate: 200, silenceMs: 300 };

// prettier-ignore
const FATES: readonly (readonly [string, Fate, object])[] = [
  ['all is well', () => 1, { ok: true, received: 18, missing: 0, doubles: 0, disordered: 0 }],
  ['one is lost', (count) => (count === 4 ? 0 : 1), { ok: false, received: 17, missing: 1, doubles: 0 }],
  ['one comes twice', (count) => (count === 4 ? 2 : 1), { ok: false, received: 18, missing: 0, doubles: 1 }],
];

for (const [what, fate, expected] of FATES) {
  test(`tools: send-recv finds out that ${what}`, async (t) => {
    const { report, lines, last } = silent();
    const found = await sendRecv(await faultyServer(t, fate), USERS, PLAN, report);
    assert.deepEqual({ ...found, ...expected }, found);
    assert.equal(found['sent'], 18);
    assert.match(lines.join('\n'), /missing, .* twice, .* out of order/);
    assert.match(last.text, /^18 of 18 sent, 1\d received$/);
  });
}

test('tools: send-recv finds out what comes out of order', async (t) => {
  const { report } = silent();
  const url = await faultyServer(t, (count) => (count === 0 ? 'late' : 1));
  const found = await sendRecv(url, USERS.slice(0, 1), { ...PLAN, messages: 3 }, report);
  assert.deepEqual([found.ok, found['received'], found['disordered'], found['missing']], [false, 3, 3, 0]);
});

test('tools: send-recv says who cannot log in', async (t) => {
  const { report, lines } = silent();
  const users = [...USERS, { jid: 'bad@example.com', password: 'wrong' }];
  const found = await sendRecv(await faultyServer(t, () => 1), users, PLAN, report);
  assert.equal(found.ok, false);
  assert.match(lines.join('\n'), /FAIL {2}bad@example\.com: .*not-authorized/);
});

test('tools: basic is content with a server that lets in who may, and only those', async (t) => {
  const { report, lines } = silent();
  const user = { jid: 'user@example.com', password: 'right' };
  assert.equal((await basic(await faultyServer(t, () => 1), user, report)).ok, true, lines.join('\n'));
  const open = silent();
  assert.equal((await basic(await faultyServer(t, () => 1, true), user, open.report)).ok, false);
  assert.deepEqual(
    open.lines.map((line) => line.slice(0, 8).trim()),
    ['ok', 'FAIL', 'FAIL'],
  );
  assert.match(open.lines[1] ?? '', /it logged in$/);
});

test('tools: stress counts what failed, and gives percentiles', async (t) => {
  const plan = { sessions: 3, seconds: 1, rate: 100, lastMs: 300 };
  const good = silent();
  const found = await new Stress(await faultyServer(t, () => 1), USERS, plan, good.report).run();
  assert.deepEqual([found.ok, found['opened'], found['missing']], [true, 3, 0], good.lines.join('\n'));
  assert.ok((found['messageMilliseconds'] as { p50: number }).p50 > 0);
  assert.match(
    good.last.text,
    /^\d sessions open, 0 failed, 0 lost; \d+ messages, half of them in [\d.]+ ms; \d s left$/,
  );
  const lossy = silent();
  const lost = await new Stress(
    await faultyServer(t, (count) => (count === 0 ? 0 : 1)),
    USERS,
    plan,
    lossy.report,
  ).run();
  assert.deepEqual([lost.ok, lost['missing']], [false, 1]);
  const strangers = [{ jid: 'bad@example.com', password: 'wrong' }];
  const refused = await new Stress(await faultyServer(t, () => 1), strangers, plan, silent().report).run();
  assert.deepEqual([refused.ok, refused['failed'], refused['opened']], [false, 3, 0]);
  assert.match(JSON.stringify(refused['reasons']), /not-authorized.*:3/);
});

test('tools: percentiles are of the nearest rank', () => {
  const times = new Times();
  assert.equal(times.summary(), undefined);
  for (let value = 100; value >= 1; value--) times.add(value);
  assert.deepEqual(times.summary(), { p50: 50, p95: 95, p99: 99, max: 100 });
});

test('tools: users are read from lines, JSON and the old module, and passwords are never repeated', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-users-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const users = [
    { jid: 'a@b', password: 'x y' },
    { jid: 'c@d', password: 'z' },
  ];
  assert.deepEqual(await readUsers(write('users.txt', '# people\n\na@b x y\r\n  c@d\tz\n')), users);
  assert.deepEqual(await readUsers(write('users.json', JSON.stringify(users))), users);
  const old = "exports.users = [{ jid: 'a@b', password: 'x y', route: '' }, { jid: 'c@d', password: 'z' }];";
  assert.deepEqual(await readUsers(write('users.js', old)), users);
  for (const [name, text] of [
    ['bad.txt', 'a@b secret\nsecret\n'],
    ['empty.txt', '# secret\n'],
    ['bad.json', '[{"jid":"secret"}]'],
    ['none.json', '{"secret":1}'],
  ] as const) {
    await assert.rejects(readUsers(write(name, text)), (error: Error) => {
      assert.equal(error.name, 'ConfigError');
      return !error.message.includes('secret');
    });
  }
  await assert.rejects(readUsers(join(folder, 'nobody.txt')), /cannot read/);
});

for (const [args, expected] of [
  [[], /test: is no test; see sluice help test/],
  [['strees'], /strees: is no test; did you mean "stress"\?/],
  [['basic'], /test basic: needs --jid user@example\.org/],
  [['basic', '--jid', 'example.org'], /test basic: needs --jid user@example\.org/],
  [['send-recv'], /test send-recv: needs --users FILE/],
  [['stress'], /test stress: needs --users FILE, --jid JID or --domain DOMAIN/],
  [['stress', '--domain', 'x', '--sessions', '0'], /--sessions: must be a whole number above 0, not "0"/],
  [['basic', '--url', 'ftp://x'], /--url: must be an address of BOSH/],
  [['basic', '--password', 'secret'], /--password: is no option; did you mean "--password-file"/],
] as const) {
  test(`tools: sluice test ${args.join(' ')}: one line, exit code 2`, async (t) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SLUICE|NODE)_/.test(name)));
    const child = spawn(process.execPath, [MAIN, 'test', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    let err = '';
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    assert.deepEqual(await once(child, 'close'), [2, null]);
    assert.match(err, expected);
    assert.equal(err.trim().split('\n').length, 1);
  });
}
