import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, suggestion } from '../config/config-error.ts';

const OPTIONS = {
  config: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  path: { type: 'string' },
  'log-level': { type: 'string' },
  url: { type: 'string' },
  'password-file': { type: 'string' },
  resource: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

type Values = Partial<Record<Exclude<keyof typeof OPTIONS, 'help' | 'version'>, string>>;

const ALLOWED: Record<string, readonly string[]> = {
  serve: ['config', 'port', 'host', 'path', 'log-level'],
  demo: ['port', 'host'],
  check: ['config'],
  prebind: ['url', 'password-file', 'resource'],
  help: [],
};

export interface Arguments {
  readonly command: 'serve' | 'demo' | 'check' | 'prebind' | 'help' | 'version';
  readonly values: Values;
  /** What `help` is asked about; the JID of `prebind`; the domain of `check`. */
  readonly topic: string | undefined;
}

/** The words of a mistake that `parseArgs` found, in our own form. */
function explain(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  const name = /'(?:-\w, )?(-[^' =]*)/.exec(message)?.[1] ?? '';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const known = Object.keys(OPTIONS).map((option) => `--${option}`);
    return new ConfigError(name, `is no option; ${suggestion(name, known, 'see sluice help')}`);
  }
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return error;
  const flag = message.includes('does not take');
  return new ConfigError(name, flag ? 'takes no value' : `needs a value: ${name}=VALUE`);
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw explain(error);
  }
}

/** What the command line asks for. `bosh-server` is another name of `sluice serve`. Throws `ConfigError`. */
export function readArguments(program: string, args: string[]): Arguments {
  const { values, positionals } = parse(args);
  const isServer = basename(program).replace(/\.\w+$/, '') === 'bosh-server';
  const [command = 'serve', topic, ...more] = isServer ? ['serve', ...positionals] : positionals;
  if (values.version) return { command: 'version', values, topic: undefined };
  const allowed = Object.hasOwn(ALLOWED, command) ? ALLOWED[command] : undefined;
  if (allowed === undefined) {
    throw new ConfigError(command, `is no command; ${suggestion(command, Object.keys(ALLOWED), 'see sluice help')}`);
  }
  if (values.help)
    return { command: 'help', values, topic: positionals.length === 0 && !isServer ? undefined : command };
  // What stands too much there may be a password: it is not repeated.
  if (command === 'prebind' && more.length > 0) {
    throw new ConfigError('prebind', 'takes one JID; its password is asked for, or read from --password-file');
  }
  const takesTopic = ['help', 'prebind', 'check'].includes(command);
  const extra = takesTopic ? more[0] : topic;
  if (extra !== undefined) throw new ConfigError(extra, `is one word too many; see sluice help ${command}`);
  const stray = Object.keys(values).find((name) => !allowed.includes(name));
  if (stray !== undefined)
    throw new ConfigError(`--${stray}`, `is no option of sluice ${command}; see sluice help ${command}`);
  return { command: command as Arguments['command'], values, topic };
}
