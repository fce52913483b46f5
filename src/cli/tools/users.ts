import { readFileSync } from 'node:fs';
import { ConfigError } from '../../config/config-error.ts';
import { readSource } from '../../config/source.ts';

export interface User {
  readonly jid: string;
  readonly password: string;
}

/** Users of a file: a JID and a password on each line; or JSON, or the predecessor's module with `exports.users`. */
export async function readUsers(file: string): Promise<readonly User[]> {
  const users = /\.(json|[cm]?js)$/.test(file) ? await fromModule(file) : fromLines(file);
  if (users.length === 0) throw new ConfigError('--users', `${file}: there is nobody in it`);
  return users;
}

/** Passwords are not repeated in messages. */
async function fromModule(file: string): Promise<User[]> {
  const said = await readSource(file, process.cwd());
  const list: unknown = typeof said === 'object' && said !== null && 'users' in said ? said.users : said;
  if (!Array.isArray(list)) throw new ConfigError('--users', `${file}: must hold a list of { jid, password }`);
  return list.map((entry: unknown, index) => {
    const { jid, password } = (entry ?? {}) as Partial<User>;
    if (typeof jid !== 'string' || typeof password !== 'string') {
      throw new ConfigError('--users', `${file}: number ${index + 1} has no jid and password`);
    }
    return { jid, password };
  });
}

function fromLines(file: string): User[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError('--users', `cannot read "${file}"`, { cause });
  }
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (/^\s*(#|$)/.test(line)) return [];
    const [, jid, password] = /^\s*(\S+)\s+(\S.*)$/.exec(line) ?? [];
    if (jid === undefined || password === undefined) {
      throw new ConfigError('--users', `${file}:${index + 1}: must be a JID and a password`);
    }
    return [{ jid, password }];
  });
}
