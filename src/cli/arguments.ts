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
  logging: { type: 'string' },
  jid: { type: 'string' },
  domain: { type: 'string' },
  users: { type: 'string' },
  messages: { type: 'string' },
  rate: { type: 'string' },
  sessions: { type: 'string' },
  seconds: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

type Flag = 'help' | 'version' | 'json';
type Values = Partial<Record<Exclude<keyof typeof OPTIONS, Flag>, string> & Record<Flag, boolean>>;

const ALLOWED: Record<string, readonly string[]> = {
  serve: ['config', 'port', 'host', 'path', 'log-level', 'logging'],
  demo: ['port', 'host'],
  check: ['config'],
  prebind: ['url', 'password-file', 'resource'],
  config: [],
  test: ['url', 'jid', 'password-file', 'domain', 'users', 'messages', 'rate', 'sessions', 'seconds', 'json'],
  help: [],
};

export interface Arguments {
  readonly command: 'serve' | 'demo' | 'check' | 'prebind' | 'config' | 'test' | 'help' | 'version';
  readonly values: Values;
  /** What `help` is asked about; the JID of `prebind`; the domain of `check`; which `test`; what to do with a `config`. */
  readonly topic: string | undefined;
  /** What stands behind: the file of `config translate`. */
  readonly rest: readonly string[];
  /** Started by the name that node-xmpp-bosh had. */
  readonly isBoshServer: boolean;
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
  const asked = { values, rest: more, isBoshServer: isServer };
  if (values.version) return { ...asked, command: 'version', topic: undefined };
  const allowed = Object.hasOwn(ALLOWED, command) ? ALLOWED[command] : undefined;
  if (allowed === undefined) {
    throw new ConfigError(command, `is no command; ${suggestion(command, Object.keys(ALLOWED), 'see sluice help')}`);
  }
  if (values.help)
    return { ...asked, command: 'help', topic: positionals.length === 0 && !isServer ? undefined : command };
  // What stands too much there may be a password: it is not repeated.
  if (command === 'prebind' && more.length > 0) {
    throw new ConfigError('prebind', 'takes one JID; its password is asked for, or read from --password-file');
  }
  const takesTopic = ['help', 'prebind', 'check', 'test'].includes(command);
  const extra = takesTopic ? more[0] : command === 'config' ? more[1] : topic;
  if (extra !== undefined) throw new ConfigError(extra, `is one word too many; see sluice help ${command}`);
  const stray = Object.keys(values).find((name) => !allowed.includes(name));
  if (stray !== undefined)
    throw new ConfigError(`--${stray}`, `is no option of sluice ${command}; see sluice help ${command}`);
  return { ...asked, command: command as Arguments['command'], topic };
}
