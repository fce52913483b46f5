import { silentLogger, type Logger } from '../core/ports.ts';
import { startDevServer } from '../devserver/server.ts';
import { createGateway } from '../gateway.ts';
import { demoPages, findConverse, type DemoUser } from './demo-page.ts';
import { explainListenError } from './listen-error.ts';
import { version } from '../core/version.ts';

const USERS: readonly DemoUser[] = [
  { name: 'romeo', nick: 'Romeo', password: 'montague' },
  { name: 'juliet', nick: 'Juliet', password: 'capulet' },
];

const DEFAULT_PORT = 5280;

export interface DemoOptions {
  /** Default: 5280. 0 takes a free one. */
  readonly port?: number;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  readonly log?: Logger;
  /** Where the greeting goes. Default: standard output. */
  readonly print?: (text: string) => void;
}

export interface Demo {
  readonly url: string;
  stop(): Promise<void>;
}

/** `sluice demo`: the embedded XMPP server, the gateway in front of it, and pages that chat through both. */
export async function demo(options: DemoOptions = {}): Promise<Demo> {
  const { port = DEFAULT_PORT, host = '127.0.0.1', log = silentLogger } = options;
  const { print = (text: string) => process.stdout.write(text) } = options;
  const server = await startDevServer({ users: USERS, anonymous: true, log });
  const { domain } = server;
  const gateway = createGateway({
    port,
    host,
    domains: { [domain]: { host: '127.0.0.1', port: server.port, tls: 'none' } },
    // Nobody loses anything here, so nobody is waited for.
    drainSeconds: 1,
    logger: log,
    pages: demoPages({
      version: version(),
      domain,
      serverPort: server.port,
      users: USERS,
      converse: findConverse(),
      prebind: ({ name, password }) => gateway.prebind({ jid: `${name}@${domain}`, password }),
    }),
  });
  try {
    await gateway.start();
  } catch (error) {
    await server.stop();
    throw explainListenError(error, port, host);
  }
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const url = `http://${name}:${gateway.port}/`;
  print(`Sluice ${version()} demo: open ${url} in a browser. Ctrl+C stops it.\n`);
  print('This is no production server: its passwords are on that page.\n');

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= gateway.stop().then(() => server.stop()));
  return { url, stop };
}
