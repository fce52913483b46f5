import { globSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createAuthority } from './certificates.ts';
import {
  freePorts,
  requireProgram,
  startDaemon,
  untilListening,
  type Account,
  type RealServer,
  type ServerOptions,
} from './real-server.ts';

export const ejabberdProgram = '/usr/sbin/ejabberdctl';
const erlangProgram = '/usr/bin/erl';

interface Settings extends Required<ServerOptions> {
  readonly c2s: number;
  readonly http: number;
  readonly certificateFile: string;
  readonly keyFile: string;
}

function configuration({ domain, passwords, c2s, http, certificateFile, keyFile }: Settings): string {
  return `
loglevel: info
hosts: ["${domain}"]
acme: { auto: false }
certfiles: ["${certificateFile}", "${keyFile}"]
auth_method: [internal]
auth_password_format: ${passwords === 'plain' ? 'plain' : 'scram'}
# Behind a gateway nobody can bind SASL to the server's TLS (conformance CB-02). COMPAT(stanza 12): it takes a -PLUS mechanism
# that is offered, and fails.
disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"]
listen:
  - { port: ${c2s}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 1048576, access: all, starttls: true, starttls_required: true }
  - port: ${http}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: { /http-bind: mod_bosh, /xmpp-websocket: ejabberd_http_ws, /api: mod_http_api }
api_permissions:
  "the tests": { who: { ip: "127.0.0.1/8" }, what: ["register", "add_rosteritem", "status"] }
modules:
  mod_admin_extra: {}
  mod_blocking: {}
  mod_bosh: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_disco: {}
  mod_http_api: {}
  mod_last: {}
  mod_offline: {}
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub: { plugins: ["flat", "pep"] }
  mod_roster: { versioning: true }
  mod_stream_mgmt: { resend_on_timeout: if_offline }
  mod_vcard: { search: false }
  mod_version: {}
`;
}

/**
 * Starts ejabberd's Erlang directly, not through ejabberdctl: the node stays without a name, so that no epmd is needed,
 * and it may run as whoever runs the tests.
 */
export async function startEjabberd({
  domain = 'example.test',
  passwords = 'plain',
}: ServerOptions = {}): Promise<RealServer> {
  requireProgram(ejabberdProgram);
  const [application] = globSync('/usr/lib/*/ejabberd-*/ebin/ejabberd.app');
  if (application === undefined) throw new Error('not installed: the ejabberd application under /usr/lib');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-ejabberd-'));
  const authority = await createAuthority();
  const [c2s = 0, http = 0] = await freePorts(2);
  const certificate = await authority.issue({ names: [domain] });
  const configFile = join(folder, 'ejabberd.yml');
  const spool = join(folder, 'spool');
  await mkdir(spool);
  await writeFile(configFile, configuration({ domain, passwords, c2s, http, ...certificate }));

  const daemon = startDaemon(erlangProgram, ['-noinput', '-mnesia', 'dir', `"${spool}"`, '-s', 'ejabberd'], {
    cwd: spool,
    env: {
      HOME: folder,
      ERL_LIBS: dirname(dirname(dirname(application))),
      EJABBERD_CONFIG_PATH: configFile,
      EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
      ERL_CRASH_DUMP_BYTES: '0',
      CONTRIB_MODULES_PATH: join(folder, 'modules'),
      CONTRIB_MODULES_CONF_DIR: join(folder, 'modules'),
    },
  });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await authority.remove();
    await rm(folder, { recursive: true, force: true });
  };

  async function call(command: string, body: object): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${http}/api/${command}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`ejabberd refused ${command}: ${response.status} ${text}`);
  }
  try {
    await untilListening(daemon, [c2s, http]);
    await call('status', {});
  } catch (error) {
    await stop();
    throw new Error(`ejabberd did not start:\n${daemon.output()}`, { cause: error });
  }

  async function register(user: string): Promise<Account> {
    const password = `secret-${user}`;
    await call('register', { user, host: domain, password });
    return { user, jid: `${user}@${domain}`, password };
  }
  async function subscribe(localuser: string, user: string): Promise<void> {
    const item = { localuser, localserver: domain, user, server: domain, nick: user, group: '', subs: 'both' };
    await call('add_rosteritem', item);
  }
  return {
    name: 'ejabberd',
    domain,
    port: c2s,
    caFile: authority.caFile,
    urls: { bosh: `http://127.0.0.1:${http}/http-bind`, websocket: `ws://127.0.0.1:${http}/xmpp-websocket` },
    async pair(tag) {
      const alice = await register(`alice-${tag}`);
      const bob = await register(`bob-${tag}`);
      await subscribe(alice.user, bob.user);
      await subscribe(bob.user, alice.user);
      return [alice, bob];
    },
    log: daemon.output,
    stop,
  };
}
