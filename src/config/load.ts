import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { fromText, readEnvironment, variableOf } from './environment.ts';
import { isLegacy, translateLegacy, type Translation } from './legacy.ts';
import { parseSettings, type Settings, type settingsShape } from './schema.ts';
import { readSource, usualFile } from './source.ts';

export interface LoadOptions {
  /** The file that the command line names. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Settings from the command line, as text, by key. */
  readonly flags: Readonly<Partial<Record<keyof typeof settingsShape, string>>>;
  /** The file that is read where there is no other, if it exists. */
  readonly fallback?: string | undefined;
  /** Where relative names start; the working directory unless given. */
  readonly cwd?: string;
}

export interface Loaded {
  readonly settings: Settings;
  /** The file that was read, if any. */
  readonly source: string | undefined;
  /** What a configuration of node-xmpp-bosh says in words that have changed: a line a key. */
  readonly warnings: readonly string[];
  /** The constructor of an old lookup service, which such a configuration may name. */
  readonly lookupService: unknown;
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What names a PEM file in an entry of `domains`. */
const PEMS = ['ca', 'clientCert', 'clientKey'];

/** Names of PEM files are relative to the file that names them. */
function anchorPems(entry: unknown, folder: string): unknown {
  if (!isTable(entry)) return entry;
  const anchored = { ...entry };
  for (const key of PEMS) {
    const pem = entry[key];
    const isFile = typeof pem === 'string' && pem !== '' && !pem.includes('-----BEGIN') && !isAbsolute(pem);
    if (isFile) anchored[key] = resolve(folder, pem);
  }
  return anchored;
}

/** Where a mistake in a file is told to be. */
function inFile(file: string, error: unknown): unknown {
  return error instanceof ConfigError ? new ConfigError('', `${file}: ${error.message}`, { cause: error }) : error;
}

const NOTHING: Translation = { settings: {}, origins: new Map(), warnings: [], lookupService: undefined };

async function fromFile(file: string, cwd: string): Promise<Translation> {
  const said = await readSource(file, cwd);
  if (!isTable(said)) throw new ConfigError('', `${file}: must hold an object with settings`);
  try {
    const translation = isLegacy(said) ? translateLegacy(said) : { ...NOTHING, settings: said };
    return { ...translation, settings: anchored(translation.settings, file, cwd) };
  } catch (error) {
    throw inFile(file, error);
  }
}

function anchored(said: Record<string, unknown>, file: string, cwd: string): Record<string, unknown> {
  const folder = dirname(resolve(cwd, file));
  const { domains, defaultEndpoint } = said;
  const entries = isTable(domains)
    ? Object.fromEntries(Object.entries(domains).map(([name, domain]) => [name, anchorPems(domain, folder)]))
    : domains;
  return {
    ...said,
    ...(domains !== undefined && { domains: entries }),
    ...(defaultEndpoint !== undefined && { defaultEndpoint: anchorPems(defaultEndpoint, folder) }),
  };
}

/** The command line's name of a setting: `logLevel` → `--log-level`. */
const flagOf = (key: string) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * Settings from the command line, the environment and a file, in this order of precedence, checked, with defaults.
 * Throws `ConfigError` whose message says where the wrong one stands.
 */
export async function loadSettings(options: LoadOptions): Promise<Loaded> {
  const { file, env, flags, fallback, cwd = process.cwd() } = options;
  const last = fallback !== undefined && existsSync(fallback) ? fallback : undefined;
  const source = file ?? (env['SLUICE_CONFIG'] || (usualFile(cwd) ?? last));
  const read = source === undefined ? NOTHING : await fromFile(source, cwd);
  const { warnings, lookupService } = read;
  const merged = { ...read.settings };
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
    return { settings: parseSettings(merged), source, warnings, lookupService };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [key = '', ...inner] = error.key.split('.');
    const place = places.get(key);
    if (place !== undefined) throw new ConfigError([place, ...inner].join('.'), error.problem, { cause: error });
    const said = [read.origins.get(key) ?? key, ...inner].join('.');
    throw source === undefined ? error : inFile(source, new ConfigError(said, error.problem, { cause: error }));
  }
}
