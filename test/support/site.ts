import { join } from 'node:path';
import { freePorts, startDaemon, untilListening, type Account } from './real-server.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');

/** One of examples/: how it is started on a port. */
export interface Example {
  readonly name: string;
  readonly program: string;
  /** A file of the library that it needs. */
  readonly library?: string;
  readonly args: (port: number) => readonly string[];
  readonly env?: (port: number) => Record<string, string>;
}

export const nodeSite: Example = {
  name: 'Node',
  program: process.execPath,
  args: () => [join(EXAMPLES, 'prebind-node/site.mjs')],
  env: (port) => ({ PORT: String(port) }),
};
export const djangoView: Example = {
  name: 'Django',
  program: '/usr/bin/python3',
  library: '/var/lib/dpkg/info/python3-django.list',
  args: (port) => ['-B', join(EXAMPLES, 'prebind-django/views.py'), String(port)],
};
export const phpPage: Example = {
  name: 'PHP',
  program: '/usr/bin/php',
  args: (port) => ['-S', `127.0.0.1:${port}`, join(EXAMPLES, 'prebind-php/index.php')],
  env: () => ({ PHP_CLI_SERVER_WORKERS: '4' }),
};
export const sinatraRoute: Example = {
  name: 'Sinatra',
  program: '/usr/bin/ruby',
  library: '/var/lib/dpkg/info/ruby-sinatra.list',
  args: (port) => [join(EXAMPLES, 'prebind-sinatra/app.rb'), '-p', String(port), '-e', 'production'],
};

export interface Site {
  readonly url: string;
  readonly output: () => string;
  stop(): Promise<void>;
}

export interface SiteSettings {
  /** Of the gateway. */
  readonly gateway: string;
  readonly key: string;
  readonly converse?: string;
  readonly accounts: readonly Account[];
}

/** The password by which a user logs in to the site. */
export const sitePassword = (user: string): string => `site-${user}`;

/** Starts an example, whose users are those accounts. */
export async function startSite(
  example: Example,
  { gateway, key, converse = '', accounts }: SiteSettings,
): Promise<Site> {
  const [port = 0] = await freePorts(1);
  const users = accounts.map(({ user, jid, password: xmpp }) => [user, { password: sitePassword(user), jid, xmpp }]);
  const env = {
    SLUICE_URL: gateway,
    SLUICE_KEY: key,
    CONVERSE: converse,
    USERS: JSON.stringify(Object.fromEntries(users)),
    ...example.env?.(port),
  };
  const daemon = startDaemon(example.program, example.args(port), { cwd: EXAMPLES, env });
  try {
    await untilListening(daemon, [port]);
  } catch (error) {
    await daemon.stop();
    throw new Error(`the ${example.name} site did not start:\n${daemon.output()}`, { cause: error });
  }
  return { url: `http://127.0.0.1:${port}/`, output: daemon.output, stop: () => daemon.stop() };
}
