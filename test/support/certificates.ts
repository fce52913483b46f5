import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  /** Further alternative names, as openssl writes them. */
  readonly others?: readonly string[];
  /** The common name; the first of the names unless given. */
  readonly commonName?: string;
  /** An RSA key of so many bits, instead of one on P-256. */
  readonly rsaBits?: number;
  /** Not valid before the end of this century. */
  readonly isEarly?: boolean;
  /** Signed by itself. */
  readonly isSelfSigned?: boolean;
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
    async issue({ names, addresses = [], others = [], days = 30, commonName, rsaBits, isEarly, isSelfSigned }) {
      const base = join(folder, `${++issued}`);
      const [certificateFile, keyFile, requestFile, extensionFile] = ['crt', 'key', 'csr', 'ext'].map(
        (ending) => `${base}.${ending}`,
      ) as [string, string, string, string];
      const alternatives = [
        ...names.map((name) => `DNS:${name}`),
        ...addresses.map((address) => `IP:${address}`),
        ...others,
      ];
      const subjectAltName = alternatives.length === 0 ? '' : `subjectAltName=${alternatives.join(',')}\n`;
      await writeFile(
        extensionFile,
        `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n${subjectAltName}`,
      );
      const cn = `/CN=${commonName ?? names[0] ?? addresses[0] ?? 'nobody'}`;
      const key = rsaBits === undefined ? newKey : ['-newkey', `rsa:${rsaBits}`, '-nodes'];
      await run('openssl', ['req', '-new', ...key, '-subj', cn, '-keyout', keyFile, '-out', requestFile]);
      const signer = isSelfSigned === true ? ['-signkey', keyFile] : ['-CA', caFile, '-CAkey', caKey];
      const common = ['-extfile', extensionFile, '-out', certificateFile];
      if (isEarly === true) await signEarly(base, { requestFile, extensionFile, certificateFile, caFile, caKey });
      else {
        await run('openssl', [
          ...['x509', '-req', '-in', requestFile, ...signer, '-days', `${days}`, '-set_serial', `${issued}`],
          ...common,
        ]);
      }
      return { certificateFile, keyFile };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

interface Files {
  readonly requestFile: string;
  readonly extensionFile: string;
  readonly certificateFile: string;
  readonly caFile: string;
  readonly caKey: string;
}

/** Only `openssl ca` sets the day on which a certificate begins. */
async function signEarly(base: string, { requestFile, extensionFile, certificateFile, caFile, caKey }: Files) {
  const [config, database] = [`${base}.cnf`, `${base}.db`];
  await writeFile(database, '');
  await writeFile(
    config,
    `[ca]\ndefault_ca=own\n[own]\ndatabase=${database}\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n` +
      `new_certs_dir=${base.slice(0, base.lastIndexOf('/'))}\n[any]\ncommonName=supplied\n`,
  );
  await run('openssl', [
    ...['ca', '-batch', '-config', config, '-in', requestFile, '-cert', caFile, '-keyfile', caKey],
    ...['-startdate', '20980101000000Z', '-enddate', '20990101000000Z', '-extfile', extensionFile],
    ...['-notext', '-out', certificateFile],
  ]);
}

/** The texts of a certificate and its key. */
export async function readCertificate({
  certificateFile,
  keyFile,
}: Certificate): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
  return { cert, key };
}
