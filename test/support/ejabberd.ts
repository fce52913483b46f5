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

interface EjabberdOptions extends ServerOptions {
  /** `all` offers what it can, at `anonymous.` and the domain too; `usual` leaves out what nobody can do through a gateway. */
  readonly mechanisms?: 'usual' | 'all';
}

const UNUSUAL = ['X-OAUTH2', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-512-PLUS'];

interface Settings extends Required<EjabberdOptions> {
  readonly c2s: number;
  readonly direct: number;
  readonly proxied: number;
  readonly http: number;
  readonly certificateFile: string;
  readonly keyFile: string;
}

function configuration({
  domain,
  passwords,
  mechanisms,
  c2s,
  direct,
  proxied,
  http,
  certificateFile,
  keyFile,
}: Settings): string {
  // COMPAT(ejabberd, 23.01): under TLS 1.3 it binds to what only TLS 1.2 has.
  const tls12 = mechanisms === 'all';
  const disabled = ['digest-md5', ...(mechanisms === 'all' ? [] : UNUSUAL)];
  return `
loglevel: info
hosts: ["${domain}", "anonymous.${domain}"]
host_config: { "anonymous.${domain}": { auth_method: [anonymous], anonymous_protocol: sasl_anon } }
acme: { auto: false }
certfiles: ["${certificateFile}", "${keyFile}"]
auth_method: [internal]
auth_password_format: ${passwords === 'plain' ? 'plain' : 'scram'}
# Behind a gateway nobody can bind SASL to the server's TLS (conformance CB-02). COMPAT(stanza 12): it takes a -PLUS mechanism
# that is offered, and fails.
disable_sasl_mechanisms: ${JSON.stringify(disabled)}
listen:
  - { port: ${c2s}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 1048576, access: all, starttls: true, starttls_required: true${tls12 ? ', protocol_options: [no_tlsv1_3]' : ''} }
  - { port: ${direct}, ip: "127.0.0.1", module: ejabberd_c2s, access: all, tls: true }
  - { port: ${proxied}, ip: "127.0.0.1", module: ejabberd_c2s, access: all, starttls: true, starttls_required: true, use_proxy_protocol: true }
  - port: ${http}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: { /http-bind: mod_bosh, /xmpp-websocket: ejabberd_http_ws, /api: mod_http_api }
api_permissions:
  "the tests": { who: { ip: "127.0.0.1/8" }, what: ["register", "add_rosteritem", "status", "user_sessions_info"] }
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
  mechanisms = 'usual',
}: EjabberdOptions = {}): Promise<RealServer> {
  requireProgram(ejabberdProgram);
  const [application] = globSync('/usr/lib/*/ejabberd-*/ebin/ejabberd.app');
  if (application === undefined) throw new Error('not installed: the ejabberd application under /usr/lib');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-ejabberd-'));
  const authority = await createAuthority();
  const [c2s = 0, http = 0, direct = 0, proxied = 0] = await freePorts(4);
  const certificate = await authority.issue({ names: [domain, `anonymous.${domain}`] });
  const configFile = join(folder, 'ejabberd.yml');
  const spool = join(folder, 'spool');
  await mkdir(spool);
  await writeFile(
    configFile,
    configuration({ domain, passwords, mechanisms, c2s, direct, proxied, http, ...certificate }),
  );

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

  async function call(command: string, body: object): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${http}/api/${command}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`ejabberd refused ${command}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
  try {
    // Not the one behind PROXY: it would take a mere connection for a fault.
    await untilListening(daemon, [c2s, http, direct]);
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
    pid: daemon.pid,
    domain,
    anonymousDomain: `anonymous.${domain}`,
    port: c2s,
    directPort: direct,
    proxyPort: proxied,
    async addressOf(user) {
      const sessions = (await call('user_sessions_info', { user, host: domain })) as { ip: string }[];
      return sessions[0]?.ip;
    },
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
