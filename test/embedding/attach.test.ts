import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from 'ws';
import { createGateway, type Gateway, type GatewayOptions } from '../../src/gateway.ts';
import { BoshClient } from '../support/bosh-client.ts';
import { EchoConnector, PlugBench, message } from '../support/plugs.ts';
import { RawHttp } from '../support/raw-http.ts';
import { RawWebSocket } from '../support/raw-websocket.ts';
import { eventually } from '../support/waiting.ts';

const TIMES = { drainSeconds: 0.2, closeSeconds: 0.3, pingSeconds: 0 };

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function embedded(t: TestContext, server: Server, options: GatewayOptions = {}): Gateway {
  const gateway = createGateway({ connector: new EchoConnector(), ...TIMES, ...options });
  gateway.attach(server);
  t.after(() => gateway.stop());
  return gateway;
}

/** Both fronts work on that port. */
async function proveGateway(t: TestContext, port: number, path = '/http-bind/'): Promise<void> {
  const client = new BoshClient(t, port, { path });
  assert.match((await client.create()).text, /features/);
  assert.match((await client.ask(message('over-bosh'))).text, /over-bosh/);
  await client.ask('', { type: 'terminate' });
  const socket = await RawWebSocket.connect(t, port, { path: path === '/http-bind/' ? '/xmpp-websocket' : path });
  assert.equal(socket.status, 101);
  socket.open();
  await socket.message('<open/>');
  socket.reset();
}

/** The program's own server answers there as if there was no gateway. */
async function proveHost(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}`;
  assert.equal(await (await fetch(`${url}/`)).text(), 'home');
  assert.equal(await (await fetch(`${url}/http-bindings`)).text(), 'home');
  assert.equal(await (await fetch(`${url}/echo`, { method: 'POST', body: 'said' })).text(), 'said');
  const unknown = await fetch(`${url}/http-bind/../nothing`);
  assert.equal(unknown.headers.get('access-control-allow-origin'), null);
}

async function answer(request: IncomingMessage): Promise<string> {
  return request.url === '/echo' ? text(request) : 'home';
}

const plain = (): Server =>
  createServer((request, response) => void answer(request).then((words) => response.end(words)));

test('a gateway lives on a plain server, before it listens, and leaves it as it was', async (t) => {
  const server = plain();
  const before = [server.listeners('request'), server.listeners('upgrade')];
  const gateway = embedded(t, server);
  const port = await listening(t, server);
  await proveHost(port);
  await proveGateway(t, port);
  await gateway.stop();
  assert.deepEqual([server.listeners('request'), server.listeners('upgrade')], before);
  assert.ok(!Object.hasOwn(server, 'emit') || server.emit === Object.getPrototypeOf(server).emit);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/http-bind/`)).text(), 'home');
  assert.throws(() => gateway.attach(server), /stopped/);
});

test('a gateway lives beside Express, also where it comes later and has no route for it', async (t) => {
  const { default: express } = await import('express');
  const app = express();
  app.get('/', (_request, response) => void response.send('home'));
  app.post('/echo', express.text({ type: '*/*' }), (request, response) => void response.send(request.body));
  app.use((_request, response) => void response.send('home'));
  const server = createServer(app);
  const port = await listening(t, server);
  embedded(t, server);
  await proveHost(port);
  await proveGateway(t, port);
});

test('a gateway lives beside Fastify', async (t) => {
  const { fastify } = await import('fastify');
  const app = fastify({ forceCloseConnections: true });
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.get('/', async () => 'home');
  app.post('/echo', async ({ body }) => body);
  app.setNotFoundHandler(async () => 'home');
  embedded(t, app.server);
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  await proveHost(port);
  await proveGateway(t, port);
});

test('a gateway lives beside Hono', async (t) => {
  const [{ Hono }, { createAdaptorServer }] = await Promise.all([import('hono'), import('@hono/node-server')]);
  const app = new Hono();
  app.get('/', (context) => context.text('home'));
  app.post('/echo', async (context) => context.text(await context.req.text()));
  app.notFound((context) => context.text('home'));
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  embedded(t, server);
  const port = await listening(t, server);
  await proveHost(port);
  await proveGateway(t, port);
});

test("the program's own WebSockets stay its own", async (t) => {
  const server = plain();
  embedded(t, server);
  const own = new WebSocketServer({ noServer: true });
  // The gateway was there first; `ws` answers what is for it, and what is for nobody.
  server.on('upgrade', (request, socket, head) => {
    assert.notEqual(request.url, '/xmpp-websocket');
    if (request.url === '/own') own.handleUpgrade(request, socket, head, (client) => client.send('mine'));
    else socket.end('HTTP/1.1 410 Gone\r\nConnection: close\r\n\r\n');
  });
  const port = await listening(t, server);
  const client = await RawWebSocket.connect(t, port, { path: '/own' });
  assert.equal(await client.message(), 'mine');
  assert.equal((await RawWebSocket.connect(t, port, { path: '/other' })).status, 410);
  await proveGateway(t, port);
  client.reset();
});

test('a request that asks to be upgraded where nobody upgrades is a plain request, as it was', async (t) => {
  const server = plain();
  const port = await listening(t, server);
  const ask = async (): Promise<string> => {
    const http = await RawHttp.connect(t, port);
    http.write('GET /page HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    const { status, text: body } = await http.response(2000);
    return `${status} ${body}`;
  };
  assert.equal(await ask(), '200 home');
  embedded(t, server);
  assert.equal(await ask(), '200 home');
});

test('Expect: 100-continue reaches the gateway, whatever the program does with it', async (t) => {
  const server = plain();
  server.on('checkContinue', (_request, response) => void response.writeHead(417).end());
  embedded(t, server);
  const port = await listening(t, server);
  const asked = httpRequest({ port, path: '/http-bind/', method: 'POST', headers: { Expect: '100-continue' } });
  asked.flushHeaders();
  await once(asked, 'continue');
  asked.end('<body/>');
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  assert.match(await text(response), /terminate/);
  const other = httpRequest({ port, path: '/', method: 'POST', headers: { Expect: '100-continue' } });
  other.flushHeaders();
  const [refused] = (await once(other, 'response')) as [IncomingMessage];
  assert.equal(refused.statusCode, 417);
  other.destroy();
});

test('two gateways on one server, and on two: each has its own sessions, and goes alone', async (t) => {
  const [server, second] = [plain(), plain()];
  const a = embedded(t, server, { path: '/a', websocketPath: '/a' });
  const b = embedded(t, server, { path: '/b', websocketPath: '/b' });
  a.attach(second);
  const port = await listening(t, server);
  const secondPort = await listening(t, second);
  await proveGateway(t, port, '/a');
  await proveGateway(t, port, '/b');
  await proveGateway(t, secondPort, '/a');
  assert.deepEqual([a.stats().sessionsInTotal, b.stats().sessionsInTotal], [4, 2]);
  // The one that stands behind goes first.
  await a.stop();
  await proveHost(port);
  await proveGateway(t, port, '/b');
  assert.equal(await (await fetch(`http://127.0.0.1:${secondPort}/a`)).text(), 'home');
  await b.stop();
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/b`)).text(), 'home');
});

test('a gateway may have a port of its own beside the server that it is attached to', async (t) => {
  const server = plain();
  const gateway = embedded(t, server, { port: 0, host: '127.0.0.1' });
  const port = await listening(t, server);
  await gateway.start();
  assert.notEqual(gateway.port, port);
  await proveGateway(t, port);
  await proveGateway(t, gateway.port);
});

test('drain: no new sessions, those that are there go on, and the last one ends it', async (t) => {
  const bench = await PlugBench.start(t, { connector: new EchoConnector() });
  const clients = [await bench.client('bosh'), await bench.client('websocket')];
  for (const client of clients) await client.until('features');
  let isDrained = false;
  const drained = bench.gateway.drain().then(() => (isDrained = true));
  assert.equal(await (await bench.client('bosh')).ended(), 'system-shutdown');
  assert.equal((await RawWebSocket.connect(t, bench.gateway.port)).status, 503);
  for (const client of clients) {
    await client.send(message('go-on'));
    await client.until('go-on');
    assert.equal(isDrained, false);
    await client.close();
  }
  await drained;
  await bench.gateway.stop();
  await bench.gateway.drain();
});

test('stop ends what drain waits for, at any number of calls', async (t) => {
  const bench = await PlugBench.start(t, { connector: new EchoConnector() });
  const client = await bench.client('websocket');
  await client.until('features');
  const drains = [bench.gateway.drain(), bench.gateway.drain()];
  const stops = [bench.gateway.stop(), bench.gateway.stop()];
  assert.equal(await client.ended(), 'system-shutdown');
  await Promise.all([...drains, ...stops]);
  await eventually('all is gone', () => bench.gateway.stats().streams === 0);
});
