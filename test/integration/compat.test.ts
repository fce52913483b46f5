import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test, type TestContext } from 'node:test';
import { bodyOf, TestClient } from '../../src/cli/tools/client.ts';
import type { XmlElement } from '../../src/xml/tree.ts';
import { oldFraming } from '../support/clients/old-framing.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { skipWithout, type Account, type RealServer } from '../support/real-server.ts';
import { Inbox } from '../support/waiting.ts';

const COMPAT = join(import.meta.dirname, '../../src/compat/index.ts');

/**
 * A program as its authors wrote it for node-xmpp-bosh: CommonJS, events both ways, priorities, an argument that is replaced, an
 * event that is stopped.
 */
const PROGRAM = `
var nxb = require(process.argv[2]);
var options = JSON.parse(process.argv[3]);
function say(what) { console.log(JSON.stringify(what)); }

var bosh = nxb.start_bosh(options);
var ws = nxb.start_websocket(bosh, options);
var answer = { 1: 'from the program' };

[['bosh', bosh], ['websocket', ws]].forEach(function (pair) {
  var kind = pair[0], server = pair[1];
  server.on('stream-add', function (stream) {
    say({ event: 'stream-add', kind: kind, to: stream.to, sid: typeof stream.session.sid, named: stream.name.length > 20 });
  }, 10);
  server.on('stream-added', function (stream) { say({ event: 'stream-added', kind: kind }); }, 60);
  server.on('stream-restart', function (stream) { say({ event: 'stream-restart', kind: kind }); });
  server.on('stream-terminate', function (stream) { say({ event: 'stream-terminate', kind: kind }); });
  server.on('nodes', function (nodes, stream) {
    return [nodes.filter(function (node) {
      var body = node.is('message') && node.getChild('body');
      if (body && body.getText() === 'drop') return false;
      if (body && body.getText() === 'echo') {
        // An event in the other direction, of the program's own making.
        server.emit('response', '<message from="' + stream.to + '"><body>' + answer[1] + '</body></message>', stream);
        return false;
      }
      if (body && body.getText() === 'end') {
        server.emit('terminate', stream, 'policy-violation');
        return false;
      }
      if (body && body.getText() === 'change') body.children = ['changed'];
      return true;
    }), stream];
  }, 10);
  server.on('response', function (stanza, stream) {
    var body = stanza.is && stanza.is('message') && stanza.getChild('body');
    // Stopped before the gateway's own listener sees it.
    if (body && body.getText() === 'hide') return false;
  }, 10);
  server.on('error', function (error) { say({ event: 'error', message: String(error) }); });
});
bosh.on('response-acknowledged', function (acknowledged, session) {
  say({ event: 'response-acknowledged', rid: typeof acknowledged.rid, name: acknowledged.response.name, sid: typeof session.sid });
});

bosh.server.on('listening', function () { say({ event: 'listening', port: bosh.server.address().port }); });
process.stdin.on('data', function () {
  bosh.stop().then(function () { say({ event: 'stopped' }); process.stdin.pause(); });
});
`;

interface Said {
  readonly event: string;
  readonly [key: string]: unknown;
}

describe('sluice/compat: a program for node-xmpp-bosh', { skip: skipWithout(prosodyProgram), timeout: 120_000 }, () => {
  let server: RealServer;
  let alice: Account;
  let bob: Account;

  before(async () => {
    server = await startProsody();
    [alice, bob] = await server.pair('compat');
  });
  after(() => server?.stop());

  async function program(t: TestContext, more: object = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-compat-'));
    const file = join(folder, 'server.cjs');
    writeFileSync(file, PROGRAM);
    const domains = { [server.domain]: { host: '127.0.0.1', port: server.port, tls: 'starttls', ca: server.caFile } };
    // Old names and ours beside each other.
    const options = { path: '/http-bind/', port: 0, host: '127.0.0.1', max_data_held: 200_000, domains, ...more };
    const child = spawn(process.execPath, [file, COMPAT, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'pipe'] });
    t.after(() => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    });
    let err = '';
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    const all: Said[] = [];
    const port = new Inbox<number>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as Said;
      all.push(said);
      if (said.event === 'listening') port.push(Number(said['port']));
    });
    const exit = once(child, 'exit') as Promise<[number | null]>;
    const where = `127.0.0.1:${await port.take('the port', 20_000).catch((error: unknown) => assert.fail(`${String(error)} ${err}`))}`;
    return {
      all,
      err: () => err,
      urls: { bosh: `http://${where}/http-bind/`, websocket: `ws://${where}/any/path` },
      async stop() {
        child.stdin.write('stop\n');
        return (await exit)[0];
      },
    };
  }

  async function login(t: TestContext, url: string, account: Account) {
    const client = new TestClient(url);
    t.after(() => client.close());
    await client.login(account);
    const bodies = new Inbox<string>();
    const ends = new Inbox<string>();
    client.onStanza = (stanza: XmlElement) => {
      const body = bodyOf(stanza);
      if (body !== undefined) bodies.push(body);
    };
    client.onEnd = (error) => ends.push(error.message);
    return { client, bodies, ends };
  }

  for (const kind of ['bosh', 'websocket'] as const) {
    test(`events go both ways over ${kind}: seen, replaced, stopped, answered, ended`, async (t) => {
      const running = await program(t);
      const one = await login(t, running.urls[kind], alice);
      const two = await login(t, running.urls[kind], bob);
      for (const body of ['plain', 'drop', 'hide', 'change', 'last']) one.client.message(two.client.jid, body, body);
      assert.equal(await two.bodies.take('a message'), 'plain');
      assert.equal(await two.bodies.take('a changed message'), 'changed');
      assert.equal(await two.bodies.take('the last message'), 'last');
      one.client.message(two.client.jid, 'x', 'echo');
      assert.equal(await one.bodies.take("the program's answer"), 'from the program');
      one.client.message(two.client.jid, 'x', 'end');
      assert.match(await one.ends.take('the end'), /policy-violation/);
      await two.client.close();

      assert.equal(await running.stop(), 0);
      const events = running.all.filter((said) => said['kind'] === kind).map(({ event }) => event);
      const count = (event: string): number => events.filter((one) => one === event).length;
      assert.deepEqual(
        ['stream-add', 'stream-added', 'stream-restart', 'stream-terminate'].map(count),
        // As ever: what the server side ends is no stream-terminate.
        [2, 2, 2, 1],
        JSON.stringify(running.all),
      );
      assert.deepEqual(
        running.all.filter(({ event }) => event === 'stream-add').map(({ to, sid, named }) => [to, sid, named]),
        [
          [server.domain, 'string', true],
          [server.domain, 'string', true],
        ],
      );
      if (kind === 'bosh') {
        const acknowledged = running.all.find(({ event }) => event === 'response-acknowledged');
        assert.deepEqual(acknowledged, { event: 'response-acknowledged', rid: 'number', name: 'body', sid: 'string' });
      }
      assert.deepEqual(
        running.all.filter(({ event }) => event === 'error'),
        [],
      );
      assert.equal(running.all.at(-1)?.event, 'stopped');
      assert.match(running.err(), /SluiceCompatWarning: max_data_held: is maxBodyBytes now/);
    });
  }

  test('a client of that time comes in by WebSocket, with the framing of before RFC 7395', async (t) => {
    const running = await program(t);
    const options = { urls: running.urls, domain: server.domain };
    const one = await oldFraming.login({ ...options, account: alice });
    t.after(() => one.destroy());
    const two = await login(t, running.urls.bosh, bob);
    await one.sendMessage(two.client.jid, 'change');
    assert.equal(await two.bodies.take('a changed message'), 'changed');
    await one.logout();
    assert.equal(await running.stop(), 0);
  });

  test('stop ends sessions that are open, tells their clients, and lets the process go', async (t) => {
    const running = await program(t);
    const [one, two] = [await login(t, running.urls.bosh, alice), await login(t, running.urls.websocket, bob)];
    assert.equal(await running.stop(), 0);
    assert.match(await one.ends.take('the end of BOSH'), /system-shutdown|policy|ended/);
    assert.match(await two.ends.take('the end of the WebSocket'), /system-shutdown/);
  });

  test('the firewall of the old options holds, for WebSocket too', async (t) => {
    const running = await program(t, { domains: {}, firewall: { allow: ['example.org'] } });
    for (const url of Object.values(running.urls)) {
      await assert.rejects(new TestClient(url).login(alice), /host-unknown/);
    }
  });
});
