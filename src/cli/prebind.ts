import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { ConfigError } from '../config/config-error.ts';
import { prebind } from '../prebind/index.ts';
import type { Arguments } from './arguments.ts';

const DEFAULT_URL = 'http://localhost:5280/http-bind/';

/** `sluice prebind JID`: one session, as JSON on standard output. */
export async function runPrebind({ topic: jid, values }: Arguments): Promise<void> {
  if (jid === undefined) throw new ConfigError('prebind', 'needs a JID such as alice@example.org');
  const { url = DEFAULT_URL, resource, 'password-file': file } = values;
  const password = file === undefined ? await ask(`Password of ${jid}: `) : firstLine(file);
  if (password === '') throw new ConfigError('prebind', 'there is no password');
  const session = await prebind({ url, jid, password, ...(resource !== undefined && { resource }) });
  process.stdout.write(`${JSON.stringify(session)}\n`);
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (cause) {
    throw new ConfigError('--password-file', `cannot read "${file}"`, { cause });
  }
}

/** The first line of standard input. On a terminal it is asked for, and what is typed is not shown. */
function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: unseen, terminal: stdin.isTTY });
  if (stdin.isTTY) stderr.write(question);
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    lines.once('SIGINT', () => reject(new ConfigError('prebind', 'was given up')));
    lines.once('close', () => {
      if (stdin.isTTY) stderr.write('\n');
      resolve('');
    });
  });
}
