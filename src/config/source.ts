import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse as parseToml, TomlError } from 'smol-toml';
import { ConfigError } from './config-error.ts';

/** The files that are taken from the working directory where none is named, the first that exists. */
const USUAL = ['sluice.toml', 'sluice.json', 'sluice.config.mjs'];

export function usualFile(cwd: string): string | undefined {
  return USUAL.find((name) => existsSync(resolve(cwd, name)));
}

const firstLine = (text: string) => text.split('\n', 1)[0] ?? '';

/** Line and column of an offset, as editors count them. */
function position(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
}

/** True where `text` could go on to be JSON: what is wrong with it is only that it ends. */
function couldBeJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    if (/end of JSON|Unterminated/.test(message)) return true;
    return Number(/at position (\d+)/.exec(message)?.[1] ?? -1) >= text.length;
  }
}

/** Where JSON breaks. V8 tells it for some faults only, so the longest good beginning is searched. */
function jsonFault(text: string): number {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (couldBeJson(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // V8 adds a position in words of its own, or a piece of the text: both are said better by line and column.
    const why = (cause as Error).message.replace(/ in JSON at position[^]*|, (\.\.\.)?"[^]*is not valid JSON$/, '');
    throw new ConfigError('', `${file}:${position(text, jsonFault(text))}: is no JSON: ${why}`, { cause });
  }
}

function parseTomlFile(file: string, text: string): unknown {
  try {
    return parseToml(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const why = firstLine(cause.message).replace(/^Invalid TOML document: /, '');
    throw new ConfigError('', `${file}:${cause.line}:${cause.column}: is no TOML: ${why}`, { cause });
  }
}

/** Where in the module a thrown error comes from, if its stack says so. */
function thrownAt(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const name of [pathToFileURL(path).href, path]) {
    const at = stack.indexOf(`${name}:`);
    if (at >= 0) return `:${/^\d+(:\d+)?/.exec(stack.slice(at + name.length + 1))?.[0] ?? ''}`;
  }
  return '';
}

type Module = Record<string, unknown>;

/** COMPAT(node-xmpp-bosh): its usual file is CommonJS, and called bosh.js.conf. */
function requireModule(path: string): Module {
  return { default: createRequire(path)(path) as unknown };
}

async function loadModule(file: string, path: string): Promise<unknown> {
  let module: Module;
  try {
    module = extname(path) === '.conf' ? requireModule(path) : ((await import(pathToFileURL(path).href)) as Module);
  } catch (cause) {
    const why = cause instanceof Error ? `${cause.name}: ${firstLine(cause.message)}` : String(cause);
    throw new ConfigError('', `${file}${thrownAt(cause, path)}: the module does not load: ${why}`, { cause });
  }
  const exported = module['default'] ?? module['config'];
  if (exported === undefined) throw new ConfigError('', `${file}: must say \`export default { … }\``);
  // `exports.config = …` of CommonJS is one level below.
  return typeof exported === 'object' && exported !== null && 'config' in exported ? exported.config : exported;
}

/** Reads what a file says, by its extension. Throws `ConfigError` with file, line and column where they are known. */
export async function readSource(file: string, cwd: string): Promise<unknown> {
  const path = resolve(cwd, file);
  const kind = extname(file);
  if (!['.toml', '.json', '.js', '.mjs', '.cjs', '.ts', '.conf'].includes(kind)) {
    throw new ConfigError('', `${file}: the name must end in .toml, .json, .js, .mjs, .cjs or .ts`);
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'may not be read' : message;
    throw new ConfigError('', `${file}: ${why}`, { cause });
  }
  if (kind === '.toml') return parseTomlFile(file, text);
  if (kind === '.json') return parseJson(file, text);
  return loadModule(file, path);
}
