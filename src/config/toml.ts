import { stringify } from 'smol-toml';
import { ConfigError } from './config-error.ts';

/** Settings as a TOML file, with remarks in front. Throws `ConfigError` for what TOML cannot say. */
export function renderToml(settings: Readonly<Record<string, unknown>>, remarks: readonly string[]): string {
  const { path, ...rest } = settings;
  const plain = path === undefined ? rest : { path: path instanceof RegExp ? pathPattern(path) : path, ...rest };
  return [...remarks.map((remark) => `# ${remark}\n`), remarks.length > 0 ? '\n' : '', stringify(plain)].join('');
}

/** A regular expression as text: it begins with `^`, so what may stand before is said. */
function pathPattern({ source, flags }: RegExp): string {
  if (flags.includes('i')) {
    throw new ConfigError('path', 'has the flag i, which TOML cannot say: write [Aa] for each letter, or use a module');
  }
  return source.startsWith('^') && !source.includes('|') ? source : `^.*(?:${source})`;
}
