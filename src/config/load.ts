import { dirname, isAbsolute, resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { fromText, readEnvironment, variableOf } from './environment.ts';
import { parseSettings, type Settings, type settingsShape } from './schema.ts';
import { readSource, usualFile } from './source.ts';

export interface LoadOptions {
  /** The file that the command line names. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Settings from the command line, as text, by key. */
  readonly flags: Readonly<Partial<Record<keyof typeof settingsShape, string>>>;
  /** Where relative names start; the working directory unless given. */
  readonly cwd?: string;
}

export interface Loaded {
  readonly settings: Settings;
  /** The file that was read, if any. */
  readonly source: string | undefined;
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** File names of authorities are relative to the file that names them. */
function anchorAuthorities(domains: unknown, folder: string): unknown {
  if (!isTable(domains)) return domains;
  const anchored = Object.entries(domains).map(([name, domain]) => {
    const ca = isTable(domain) ? domain['ca'] : undefined;
    const isFile = typeof ca === 'string' && ca !== '' && !ca.includes('-----BEGIN') && !isAbsolute(ca);
    return [name, isFile && isTable(domain) ? { ...domain, ca: resolve(folder, ca) } : domain];
  });
  return Object.fromEntries(anchored);
}

async function fromFile(file: string, cwd: string): Promise<Record<string, unknown>> {
  const said = await readSource(file, cwd);
  if (!isTable(said)) throw new ConfigError('', `${file}: must hold an object with settings`);
  if (said['domains'] === undefined) return { ...said };
  return { ...said, domains: anchorAuthorities(said['domains'], dirname(resolve(cwd, file))) };
}

/** The command line's name of a setting: `logLevel` → `--log-level`. */
const flagOf = (key: string) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * Settings from the command line, the environment and a file, in this order of precedence, checked, with defaults.
 * Throws `ConfigError` whose message says where the wrong one stands.
 */
export async function loadSettings({ file, env, flags, cwd = process.cwd() }: LoadOptions): Promise<Loaded> {
  const source = file ?? (env['SLUICE_CONFIG'] || usualFile(cwd));
  const merged = source === undefined ? {} : await fromFile(source, cwd);
  const places = new Map<string, string>();
  for (const [key, value] of readEnvironment(env)) {
    merged[key] = value;
    places.set(key, variableOf(key));
  }
  for (const [key, text] of Object.entries(flags)) {
    if (text === undefined) continue;
    merged[key] = fromText(key as keyof typeof settingsShape, text, flagOf(key));
    places.set(key, flagOf(key));
  }
  try {
    return { settings: parseSettings(merged), source };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [key = '', ...inner] = error.key.split('.');
    const place = places.get(key);
    if (place !== undefined) throw new ConfigError([place, ...inner].join('.'), error.problem, { cause: error });
    throw source === undefined ? error : new ConfigError('', `${source}: ${error.message}`, { cause: error });
  }
}
