/**
 * What nobody can do for less on the same runtime: relays between clients and the sink that look at no XML. `relays.ts KIND PORT`,
 * started by `fork`; says its port.
 */
import { createServer, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { WebSocketServer } from 'ws';

const [kind, sinkPort] = process.argv.slice(2);

function toSink(): Socket {
  const socket = connect({ port: Number(sinkPort), host: '127.0.0.1', noDelay: true });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** A session by long polling: its name is the path, one request is held (XEP-0124's `hold='1'`). */
class Polled {
  readonly sink = toSink();
  #held: ServerResponse | undefined;
  #waiting: Buffer[] = [];

  constructor() {
    this.sink.on('data', (chunk: Buffer) => {
      this.#waiting.push(chunk);
      if (this.#held !== undefined) this.#answer(this.#held);
    });
    this.sink.on('close', () => this.#held && this.#answer(this.#held));
  }

  #answer(response: ServerResponse): void {
    if (this.#held === response) this.#held = undefined;
    const body = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting);
    this.#waiting = [];
    response.writeHead(200, { 'Content-Type': 'text/xml; charset=utf-8', 'Content-Length': body.length });
    response.end(body);
  }

  take(body: Buffer | undefined, response: ServerResponse): void {
    if (body !== undefined) this.sink.write(body);
    const older = this.#held;
    this.#held = response;
    if (older !== undefined) this.#answer(older);
    else if (this.#waiting.length > 0) this.#answer(response);
  }
}

function httpRelay(): Server {
  const sessions = new Map<string, Polled>();
  return createServer({ keepAliveTimeout: 75_000, noDelay: true }, (request, response) => {
    const name = request.url ?? '';
    let session = sessions.get(name);
    if (session === undefined) {
      session = new Polled();
      sessions.set(name, session);
      session.sink.once('close', () => sessions.delete(name));
    }
    const polled = session;
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    request.on('data', (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else (more ??= [first]).push(chunk);
    });
    request.on('end', () => polled.take(more === undefined ? first : Buffer.concat(more), response));
  });
}

function webSocketRelay(): Server {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });
  sockets.on('connection', (client) => {
    const sink = toSink();
    client.on('message', (data: Buffer) => void sink.write(data));
    client.on('close', () => sink.destroy());
    sink.on('data', (chunk: Buffer) => client.send(chunk, { binary: false }));
    sink.on('close', () => client.close());
  });
  return server;
}

function tcpRelay(): Server {
  return createTcpServer({ noDelay: true }, (client) => {
    const sink = toSink();
    client.on('error', () => client.destroy());
    client.on('data', (chunk: Buffer) => void sink.write(chunk));
    client.on('close', () => sink.destroy());
    sink.on('data', (chunk: Buffer) => void client.write(chunk));
    sink.on('close', () => client.destroy());
  });
}

const server = kind === 'http' ? httpRelay() : kind === 'ws' ? webSocketRelay() : tcpRelay();
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
