import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { bodyOf, TestClient } from '../../../src/cli/tools/client.ts';
import {
  bosh,
  Element,
  lookup,
  proxy,
  start_bosh,
  start_websocket,
  type BoshEventPipe,
  type CompatStream,
} from '../../../src/compat/index.ts';
import { BIND, MECHANISMS, ScriptedServer, SUCCESS } from '../../support/scripted-server.ts';
import { BoshClient } from '../../support/bosh-client.ts';
import { eventually, Inbox } from '../../support/waiting.ts';

const OPTIONS = { port: 0, host: '127.0.0.1', drainSeconds: 0.2, closeSeconds: 0.3 };

const domainsFor = ({ port }: ScriptedServer) => ({ 'example.com': { host: '127.0.0.1', port, tls: 'none' } });

async function urlsOf(t: TestContext, server: BoshEventPipe) {
  t.after(() => server.stop());
  if (!server.server.listening) await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  return { port, bosh: `http://127.0.0.1:${port}/http-bind/`, websocket: `ws://127.0.0.1:${port}/` };
}

/** The rest of a login, for a program that is the server itself. */
function playServer(server: { on: BoshEventPipe['on']; emit: BoshEventPipe['emit'] }): void {
  const features = (inner: string): string => `<stream:features>${inner}</stream:features>`;
  server.on('stream-add', (stream: CompatStream) => {
    server.emit('stream-added', stream);
    server.emit('response', features(MECHANISMS), stream);
  });
  server.on('stream-restart', (stream: CompatStream) => server.emit('response', features(BIND), stream));
  server.on('nodes', (nodes: readonly Element[], stream: CompatStream) => {
    for (const node of nodes) {
      if (node.is('auth')) server.emit('response', SUCCESS, stream);
      else if (node.is('iq')) {
        const jid = `somebody@${stream.to}/here`;
        const bind = new Element('bind', 'urn:ietf:params:xml:ns:xmpp-bind').c('jid').t(jid).root();
        const answer = new Element('iq', { type: 'result', id: node.attrs['id'] });
        answer.cnode(bind);
        server.emit('response', answer, stream);
      } else server.emit('response', node, stream);
    }
  });
}

test('compat: without a connector the listeners are the server', async (t) => {
  const server = bosh.createServer(OPTIONS);
  playServer(server);
  const ends: boolean[] = [];
  server.on('stream-terminate', (stream: CompatStream) => void ends.push(stream.terminated));
  const client = new TestClient((await urlsOf(t, server)).bosh);
  await client.login({ jid: 'somebody@anywhere.test', password: 'x' });
  assert.equal(client.jid, 'somebody@anywhere.test/here');
  assert.deepEqual([Object.keys(server.sid_state).length, Object.keys(server.sn_state).length], [1, 1]);
  const heard = new Inbox<string>();
  client.onStanza = (stanza) => heard.push(bodyOf(stanza) ?? '');
  client.message(client.jid, '1', 'there and back');
  assert.equal(await heard.take('its own message'), 'there and back');
  await client.close();
  assert.deepEqual(ends, [true]);
  await eventually('nothing is left', () => Object.keys({ ...server.sid_state, ...server.sn_state }).length === 0);
});

test('compat: a listener that throws ends its stream, tells of the error, and harms nobody else', async (t) => {
  const server = bosh.createServer(OPTIONS);
  const errors = new Inbox<string>();
  server.on('error', (error: Error) => errors.push(error.message));
  server.on('nodes', (nodes: readonly Element[]) => {
    if (nodes[0]?.getChildText('body') === 'boom') throw new Error('a mistake of the program');
  }, 10); // prettier-ignore
  playServer(server);
  const { bosh: url } = await urlsOf(t, server);
  const [victim, other] = [new TestClient(url), new TestClient(url)];
  for (const client of [victim, other]) await client.login({ jid: 'somebody@anywhere.test', password: 'x' });
  const ends = new Inbox<string>();
  victim.onEnd = (error) => ends.push(error.message);
  victim.message(victim.jid, '1', 'boom');
  assert.match(await errors.take('the error'), /a mistake of the program/);
  assert.match(await ends.take('the end'), /internal-server-error/);
  const heard = new Inbox<string>();
  other.onStanza = (stanza) => heard.push(bodyOf(stanza) ?? '');
  other.message(other.jid, '1', 'still here');
  assert.equal(await heard.take('its own message'), 'still here');
  await other.close();
});

test('compat: terminate by the program ends the connection to the server too', async (t) => {
  const u = await ScriptedServer.start(t, { autoLogin: true });
  const server = start_bosh({ ...OPTIONS, domains: domainsFor(u) });
  server.on('nodes', (nodes: readonly Element[], stream: CompatStream) => {
    if (nodes[0]?.is('message') === true) server.emit('terminate', stream, 'host-gone');
  });
  const client = new TestClient((await urlsOf(t, server)).bosh);
  await client.login({ jid: 'a@example.com', password: 'x' });
  const ends = new Inbox<string>();
  client.onEnd = (error) => ends.push(error.message);
  client.message(client.jid, '1', 'x');
  assert.match(await ends.take('the end'), /host-gone/);
  await eventually('the server has seen the end', () => u.connections[0]?.ended === 'end tag');
});

test('compat: a WebSocket at any path, and none before start_websocket', async (t) => {
  const u = await ScriptedServer.start(t, { autoLogin: true });
  const options = { ...OPTIONS, domains: domainsFor(u) };
  const server = start_bosh(options);
  const { websocket } = await urlsOf(t, server);
  await assert.rejects(new TestClient(websocket).login({ jid: 'a@example.com', password: 'x' }), /no WebSocket there/);
  const sockets = start_websocket(server, options);
  const sids: string[] = [];
  sockets.on('stream-add', (stream: CompatStream) => void sids.push(stream.state.sid));
  assert.deepEqual([sockets.server === server.server, sockets.bosh_server === server], [true, true]);
  for (const path of ['', 'xmpp-websocket', 'http-bind/', 'a/b']) {
    const client = new TestClient(websocket + path);
    await client.login({ jid: 'a@example.com', password: 'x' });
    await client.close();
  }
  assert.deepEqual(sids, ['WEBSOCKET', 'WEBSOCKET', 'WEBSOCKET', 'WEBSOCKET']);
  await sockets.stop();
  await assert.rejects(new TestClient(websocket).login({ jid: 'a@example.com', password: 'x' }), /no WebSocket there/);
});

test('compat: what is not for the gateway goes to the listeners of the program, or is not found', async (t) => {
  const server = start_bosh(OPTIONS);
  const { port } = await urlsOf(t, server);
  const other = `http://127.0.0.1:${port}/other`;
  assert.equal((await fetch(other)).status, 404);
  server.server.on('request', (_request, response) => response.end('mine'));
  assert.equal(await (await fetch(other)).text(), 'mine');
  assert.match(await (await fetch(`http://127.0.0.1:${port}/http-bind`)).text(), /This is a BOSH endpoint/);
});

test('compat: stop is over when all is closed, and may be asked for twice', async (t) => {
  const u = await ScriptedServer.start(t, { autoLogin: true });
  const server = start_bosh({ ...OPTIONS, domains: domainsFor(u) });
  const client = new TestClient((await urlsOf(t, server)).bosh);
  await client.login({ jid: 'a@example.com', password: 'x' });
  await Promise.all([server.stop(), server.stop()]);
  assert.equal(server.server.listening, false);
  await eventually('the server has seen the end', () => u.connections[0]?.ended !== undefined);
});

test('compat: wrong options throw at once, a taken port is an error event', async (t) => {
  assert.throws(() => start_bosh({ max_data_hold: 1 }), /max_data_hold: is no setting.*did you mean "max_data_held"/);
  assert.throws(() => start_bosh({ firewall: { allow: [] } }), /firewall\.allow: is empty/);
  const first = start_bosh(OPTIONS);
  const { port } = await urlsOf(t, first);
  const second = start_bosh({ ...OPTIONS, port });
  t.after(() => second.stop());
  const errors = new Inbox<Error>();
  second.on('error', (error: Error) => errors.push(error));
  assert.match((await errors.take('the error')).message, /EADDRINUSE/);
});

test('compat: what never reached its client is told by no-client, and ua is found on the session', async (t) => {
  const u = await ScriptedServer.start(t, {});
  const server = start_bosh({ ...OPTIONS, domains: domainsFor(u) });
  const lost = new Inbox<Element>();
  server.on('no-client', (response: Element) => lost.push(response));
  const agents: unknown[] = [];
  server.on('stream-add', (stream: CompatStream) => void agents.push(stream.session.ua));
  const { port } = await urlsOf(t, server);
  const client = new BoshClient(t, port);
  const created = client.create({ ua: 'Mozilla/5.0', wait: 1 });
  const connection = await u.accept();
  await connection.negotiate();
  await created;
  connection.send("<message id='lost'><body>x</body></message>");
  await eventually('it waits', () => Object.keys(server.sid_state).length === 1);
  await server.stop();
  const response = await lost.take('the lost element');
  assert.deepEqual([response.name, response.getChild('message')?.attrs['id']], ['body', 'lost']);
  assert.deepEqual(agents, ['Mozilla/5.0']);
});

test('compat: an old lookup service says where to go, and is asked again when nobody is there', async (t) => {
  const u = await ScriptedServer.start(t, { autoLogin: true });
  const closed = await ScriptedServer.start(t);
  const { port: nobody } = closed;
  await closed.stop();
  const asked: unknown[] = [];
  class Finder extends EventEmitter {
    readonly #name: string;
    constructor(port: number, stream: CompatStream) {
      super();
      this.#name = stream.to;
      asked.push([port, stream.to]);
    }
    connect(socket: EventEmitter & { connect(port: number, host: string): void }): void {
      if (this.#name === 'nowhere.test') {
        this.emit('error', new Error('nothing is known of it'));
        return;
      }
      socket.once('error', () => socket.connect(u.port, '127.0.0.1'));
      socket.connect(nobody, '127.0.0.1');
    }
  }
  const server = start_bosh({ ...OPTIONS, lookup_service: Finder });
  const { bosh: url } = await urlsOf(t, server);
  const client = new TestClient(url);
  await client.login({ jid: 'a@found.test', password: 'x' });
  await client.close();
  assert.deepEqual(asked, [[5222, 'found.test']]);
  const refused = new TestClient(url).login({ jid: 'a@nowhere.test', password: 'x' });
  await assert.rejects(refused, /remote-connection-failed/);
});

test('compat: Proxy is one connection to a server', async (t) => {
  const u = await ScriptedServer.start(t, {});
  const options = { domains: domainsFor(u) };
  const told: unknown[][] = [];
  const connection = new proxy.Proxy('example.com', new lookup.LookupService(5222), { 'xml:lang': 'de' }, options);
  for (const event of ['connect', 'restart', 'stanza', 'close']) {
    connection.on(event, (...values: unknown[]) => void told.push([event, ...values.map(String)]));
  }
  connection.send("<early xmlns='urn:x'/>");
  connection.connect();
  const server = await u.accept();
  assert.match(await server.expectHeader(), /xml:lang='de'/);
  server.sendHeader('');
  await server.expect('<early');
  server.send("<message id='1'/>");
  await eventually('it is told', () => told.length === 3);
  assert.deepEqual(
    told.map(([event]) => event),
    ['connect', 'stanza', 'stanza'],
  );
  assert.match(String(told[2]?.[1]), /^<message .*id='1'/);
  connection.terminate();
  await server.expectEnd();
  server.end();
  await eventually('the end is told', () => told.at(-1)?.[0] === 'close');
  assert.equal(told.at(-1)?.[1], 'undefined');
});
