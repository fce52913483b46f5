// A gateway beside the routes of Express; with Fastify it is `gateway.attach(app.server)`, with Hono `gateway.attach(serve(app))`.
import { createServer } from 'node:http';
import express from 'express';
import { createGateway } from 'sluice';

const app = express();
app.get('/', (_request, response) => void response.send('The chat is at /http-bind/ and /xmpp-websocket.'));

export const server = createServer(app);
// Longer than the proxy in front, and than the time between two requests of a BOSH client.
server.keepAliveTimeout = 75_000;

export const gateway = createGateway({ domains: { 'example.org': {} }, origins: ['https://chat.example.org'] });
gateway.attach(server);

if (process.argv[1] === import.meta.filename) {
  server.listen(8080);
  process.once('SIGTERM', () => void gateway.stop().then(() => server.close()));
}
