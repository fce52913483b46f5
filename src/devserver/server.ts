import { createServer, type AddressInfo, type Server } from 'node:net';
import { silentLogger, type Logger } from '../core/ports.ts';
import { Connection } from './connection.ts';
import { Host, type DevUser } from './host.ts';

export interface DevServerOptions {
  /** 0 or absent: any free one. */
  readonly port?: number;
  /** Default: `localhost`. */
  readonly domain?: string;
  readonly users: readonly DevUser[];
  /** Offers SASL ANONYMOUS. Default: false. */
  readonly anonymous?: boolean;
  readonly log?: Logger;
}

export interface DevServer {
  readonly port: number;
  readonly domain: string;
  /** Ends all streams with `system-shutdown`; resolves when the last connection is gone. Idempotent. */
  stop(): Promise<void>;
}

const MOST_CONNECTIONS = 500;

/**
 * Starts the embedded XMPP server of `sluice demo` and of the tests.
 *
 * NOT FOR PRODUCTION: no TLS, passwords known to all, everything in memory and forgotten at exit, every subscription granted,
 * no federation, no rooms. It listens on 127.0.0.1 and nowhere else. Rejects with the listen error of `node:net`.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const log = options.log ?? silentLogger;
  const { domain = 'localhost', users, anonymous = false } = options;
  const host = new Host({ domain, users, anonymous, log });
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = new Connection(host, socket, () => connections.delete(connection));
    connections.add(connection);
  });
  server.maxConnections = MOST_CONNECTIONS;
  await listen(server, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  log.warn(
    { port, domain: host.domain },
    'the embedded XMPP server runs: for demonstrations and tests only, NEVER FOR PRODUCTION (no TLS, nothing is kept)',
  );

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopped ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const connection of connections) connection.end('system-shutdown');
    }));
  return { port, domain: host.domain, stop };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
