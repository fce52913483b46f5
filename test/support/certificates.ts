import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CertificateRequest {
  /** DNS names of the certificate. */
  readonly names: readonly string[];
  /** IP addresses of the certificate. */
  readonly addresses?: readonly string[];
  /** How long it is valid from now; 0 makes one that has run out. */
  readonly days?: number;
}

/** Paths of PEM files. */
export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A certificate authority that nobody but the test trusts. */
export interface Authority {
  /** PEM file with the authority's own certificate: what a client names as `ca`. */
  readonly caFile: string;
  issue(request: CertificateRequest): Promise<Certificate>;
  /** Deletes all files. */
  remove(): Promise<void>;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes an authority in a temporary folder, with the `openssl` program. */
export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-ca-'));
  const caFile = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca.key');
  const subject = `/CN=Sluice test authority ${process.pid}`;
  await run('openssl', [
    ...['req', '-x509', ...newKey, '-days', '30', '-subj', subject, '-keyout', caKey, '-out', caFile],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  let issued = 0;
  return {
    caFile,
    async issue({ names, addresses = [], days = 30 }) {
      const base = join(folder, `${++issued}`);
      const [certificateFile, keyFile, requestFile, extensionFile] = ['crt', 'key', 'csr', 'ext'].map(
        (ending) => `${base}.${ending}`,
      ) as [string, string, string, string];
      const alternatives = [...names.map((name) => `DNS:${name}`), ...addresses.map((address) => `IP:${address}`)];
      await writeFile(
        extensionFile,
        `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=${alternatives.join(',')}\n`,
      );
      const cn = `/CN=${names[0] ?? addresses[0] ?? 'nobody'}`;
      await run('openssl', ['req', '-new', ...newKey, '-subj', cn, '-keyout', keyFile, '-out', requestFile]);
      await run('openssl', [
        ...['x509', '-req', '-in', requestFile, '-CA', caFile, '-CAkey', caKey, '-days', `${days}`],
        ...['-set_serial', `${issued}`, '-extfile', extensionFile, '-out', certificateFile],
      ]);
      return { certificateFile, keyFile };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
