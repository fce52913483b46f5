import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

export const prosodyProgram = '/usr/bin/prosody';

interface Ports {
  readonly c2s: number;
  readonly direct: number;
  readonly http: number;
}

interface ProsodyOptions extends ServerOptions {
  /** TLS 1.2 at most: what Prosody can bind a login to. */
  readonly tls12?: boolean;
  /** What happens when somebody logs in with a resource that is taken; `kick_old` is Prosody's default. */
  readonly sameResource?: 'kick_old' | 'random';
}

function configuration(
  folder: string,
  { domain, passwords, sameResource, tls12 }: Required<ProsodyOptions>,
  ports: Ports,
): string {
  return `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}"
log = { { levels = { min = "info" }, to = "console" } }
interfaces = { "127.0.0.1" }
modules_enabled = {
  "roster", "saslauth", "tls", "disco", "carbons", "pep", "private", "blocklist", "vcard4", "vcard_legacy",
  "ping", "time", "version", "offline", "smacks", "csi_simple", "bosh", "websocket",
}
modules_disabled = { "s2s" }
c2s_ports = { ${ports.c2s} }
c2s_direct_tls_ports = { ${ports.direct} }
c2s_require_encryption = true
http_ports = { ${ports.http} }
http_interfaces = { "127.0.0.1" }
https_ports = { }
http_default_host = "${domain}"
consider_bosh_secure = true
consider_websocket_secure = true
authentication = "internal_${passwords}"
conflict_resolve = "${sameResource}"
storage = "internal"
VirtualHost "${domain}"
  ssl = { certificate = "${folder}/server.crt", key = "${folder}/server.key"${tls12 ? '; protocol = "tlsv1_2"' : ''} }
VirtualHost "anonymous.${domain}"
  authentication = "anonymous"
  ssl = { certificate = "${folder}/server.crt", key = "${folder}/server.key" }
`;
}

/** Prosody's own way of naming the files of a host or user. */
function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

export async function startProsody({
  domain = 'example.test',
  passwords = 'plain',
  sameResource = 'kick_old',
  tls12 = false,
}: ProsodyOptions = {}): Promise<RealServer> {
  requireProgram(prosodyProgram);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-prosody-'));
  const authority = await createAuthority();
  const [c2s = 0, http = 0, direct = 0] = await freePorts(3);
  const data = join(folder, 'data', fileName(domain));
  await mkdir(join(data, 'accounts'), { recursive: true });
  await mkdir(join(data, 'roster'));
  const certificate = await authority.issue({ names: [domain, `anonymous.${domain}`] });
  await copyFile(certificate.certificateFile, join(folder, 'server.crt'));
  await copyFile(certificate.keyFile, join(folder, 'server.key'));
  const configFile = join(folder, 'prosody.cfg.lua');
  await writeFile(configFile, configuration(folder, { domain, passwords, sameResource, tls12 }, { c2s, http, direct }));

  const daemon = startDaemon(prosodyProgram, ['-F', '--config', configFile], { cwd: folder });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await authority.remove();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(daemon, [c2s, http, direct]);
  } catch (error) {
    await stop();
    throw new Error(`Prosody did not start:\n${daemon.output()}`, { cause: error });
  }

  async function register(user: string, contact: string): Promise<Account> {
    const password = `secret-${user}`;
    await writeFile(join(data, 'accounts', `${fileName(user)}.dat`), `return { ["password"] = "${password}" };\n`);
    await writeFile(
      join(data, 'roster', `${fileName(user)}.dat`),
      `return { [false] = { ["version"] = 1 };\n` +
        `["${contact}@${domain}"] = { ["subscription"] = "both"; ["groups"] = {}; ["name"] = "${contact}" } };\n`,
    );
    return { user, jid: `${user}@${domain}`, password };
  }
  return {
    name: 'Prosody',
    pid: daemon.pid,
    domain,
    anonymousDomain: `anonymous.${domain}`,
    port: c2s,
    directPort: direct,
    caFile: authority.caFile,
    urls: { bosh: `http://127.0.0.1:${http}/http-bind`, websocket: `ws://127.0.0.1:${http}/xmpp-websocket` },
    pair: (tag) => Promise.all([register(`alice-${tag}`, `bob-${tag}`), register(`bob-${tag}`, `alice-${tag}`)]),
    log: daemon.output,
    stop,
  };
}
