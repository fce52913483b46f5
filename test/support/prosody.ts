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
  readonly http: number;
}

interface ProsodyOptions extends ServerOptions {
  /** What happens when somebody logs in with a resource that is taken; `kick_old` is Prosody's default. */
  readonly sameResource?: 'kick_old' | 'random';
}

function configuration(
  folder: string,
  { domain, passwords, sameResource }: Required<ProsodyOptions>,
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
}: ProsodyOptions = {}): Promise<RealServer> {
  requireProgram(prosodyProgram);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-prosody-'));
  const authority = await createAuthority();
  const [c2s = 0, http = 0] = await freePorts(2);
  const data = join(folder, 'data', fileName(domain));
  await mkdir(join(data, 'accounts'), { recursive: true });
  await mkdir(join(data, 'roster'));
  const certificate = await authority.issue({ names: [domain] });
  await copyFile(certificate.certificateFile, join(folder, 'server.crt'));
  await copyFile(certificate.keyFile, join(folder, 'server.key'));
  const configFile = join(folder, 'prosody.cfg.lua');
  await writeFile(configFile, configuration(folder, { domain, passwords, sameResource }, { c2s, http }));

  const daemon = startDaemon(prosodyProgram, ['-F', '--config', configFile], { cwd: folder });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await authority.remove();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(daemon, [c2s, http]);
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
    domain,
    port: c2s,
    caFile: authority.caFile,
    urls: { bosh: `http://127.0.0.1:${http}/http-bind`, websocket: `ws://127.0.0.1:${http}/xmpp-websocket` },
    pair: (tag) => Promise.all([register(`alice-${tag}`, `bob-${tag}`), register(`bob-${tag}`, `alice-${tag}`)]),
    log: daemon.output,
    stop,
  };
}
