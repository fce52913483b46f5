import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

const BEGIN = '-----BEGIN CERTIFICATE-----';

interface WithAuthorities {
  readonly domains: Record<string, { ca?: string | undefined }>;
}

function readAuthority(key: string, ca: string): string {
  let pem = ca;
  if (!ca.includes('-----BEGIN')) {
    try {
      pem = readFileSync(ca, 'utf8');
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause);
      throw new ConfigError(key, `cannot read "${ca}": ${why}`, { cause });
    }
  }
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
  for (const [name, domain] of Object.entries(settings.domains)) {
    if (domain.ca !== undefined) domain.ca = readAuthority(`domains.${name}.ca`, domain.ca);
  }
  return settings;
}
