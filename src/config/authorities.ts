import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

const BEGIN = '-----BEGIN CERTIFICATE-----';

interface WithPems {
  ca?: string | undefined;
  clientCert?: string | undefined;
  clientKey?: string | undefined;
}

interface WithAuthorities {
  readonly domains: Record<string, WithPems>;
  readonly defaultEndpoint?: WithPems | undefined;
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  tlsClientCa?: string | undefined;
}

function readPem(key: string, pemOrFile: string): string {
  if (pemOrFile.includes('-----BEGIN')) return pemOrFile;
  try {
    return readFileSync(pemOrFile, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause);
    throw new ConfigError(key, `cannot read "${pemOrFile}": ${why}`, { cause });
  }
}

function readCertificates(key: string, pemOrFile: string): string {
  const pem = readPem(key, pemOrFile);
  try {
    if (!pem.includes(BEGIN)) throw new Error('no certificate');
    // Each of them, since tls.connect() skips the broken ones without a word.
    pem
      .split(BEGIN)
      .slice(1)
      .forEach((part) => void new X509Certificate(`${BEGIN}${part}`));
  } catch (cause) {
    throw new ConfigError(key, 'must be a PEM file with certificates (-----BEGIN CERTIFICATE-----)', { cause });
  }
  return pem;
}

/** Puts PEM text in the place of file names, so that a wrong one is told at the start and not at the first client. */
export function readAuthorities<T extends WithAuthorities>(settings: T): T {
  for (const [name, domain] of Object.entries(settings.domains)) readPems(`domains.${name}`, domain);
  if (settings.defaultEndpoint !== undefined) readPems('defaultEndpoint', settings.defaultEndpoint);
  if (settings.tlsCert !== undefined) settings.tlsCert = readCertificates('tlsCert', settings.tlsCert);
  if (settings.tlsClientCa !== undefined) settings.tlsClientCa = readCertificates('tlsClientCa', settings.tlsClientCa);
  if (settings.tlsKey !== undefined) settings.tlsKey = readKey('tlsKey', settings.tlsKey);
  return settings;
}

function readPems(place: string, endpoint: WithPems): void {
  const { ca, clientCert, clientKey } = endpoint;
  if (ca !== undefined) endpoint.ca = readCertificates(`${place}.ca`, ca);
  if (clientCert !== undefined) endpoint.clientCert = readCertificates(`${place}.clientCert`, clientCert);
  if (clientKey !== undefined) endpoint.clientKey = readKey(`${place}.clientKey`, clientKey);
}

function readKey(key: string, pemOrFile: string): string {
  const pem = readPem(key, pemOrFile);
  try {
    createPrivateKey(pem);
  } catch (cause) {
    throw new ConfigError(key, 'must be a PEM file with a private key that needs no passphrase', { cause });
  }
  return pem;
}
