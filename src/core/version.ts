import { readFileSync } from 'node:fs';

/** The version of this package, as `sluice --version` says it; `unknown` where it was bundled into another program. */
export function version(): string {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}
