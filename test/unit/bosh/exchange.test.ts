import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { HttpExchange } from '../../../src/bosh/exchange.ts';

const SETTINGS = { compression: false, compressAboveBytes: 1000 };

/** A request that is at the server, and the client's end of its connection. */
async function asked(t: TestContext): Promise<{ exchange: HttpExchange; socket: Socket; client: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
  const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
  return { exchange: new HttpExchange(request, response, SETTINGS, []), socket: request.socket, client };
}

function lossOf(exchange: HttpExchange): Promise<void> {
  return new Promise((resolve) => exchange.tellLoss({ onLost: () => resolve() }));
}

test('BOSH-BRK-06: an answer to a connection that is closed, where HTTP has not said so yet, is a loss', async (t) => {
  const { exchange, socket } = await asked(t);
  const lost = lossOf(exchange);
  assert.ok(exchange.isOpen);
  socket.destroy();
  assert.ok(!exchange.isOpen);
  exchange.answer('<body/>', 'text/xml');
  await lost;
});

test('BOSH-BRK-06: an answer after the client has closed its side is a loss', async (t) => {
  const { exchange, socket, client } = await asked(t);
  const lost = lossOf(exchange);
  client.end();
  await once(socket, 'end');
  assert.ok(!exchange.isOpen);
  exchange.answer('<body/>', 'text/xml');
  await lost;
});

test('BOSH-BRK-06: whoever is to answer on a connection that is closed already learns of the loss at once', async (t) => {
  const { exchange, socket } = await asked(t);
  socket.destroy();
  let lost = 0;
  exchange.tellLoss({ onLost: () => (lost += 1) });
  assert.equal(lost, 1);
  await once(socket, 'close');
  assert.equal(lost, 1);
});
