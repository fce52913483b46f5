import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { ConfigError } from '../config/config-error.ts';

/**
 * A password from a file, or asked for; never from an argument, which every user of the machine could see. Throws `ConfigError`
 * where there is none. `command`: who wants it.
 */
export async function readPassword(command: string, jid: string, file: string | undefined): Promise<string> {
  const password = file === undefined ? await ask(`Password of ${jid}: `, command) : firstLine(file);
  if (password === '') throw new ConfigError(command, 'there is no password');
  return password;
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (cause) {
    throw new ConfigError('--password-file', `cannot read "${file}"`, { cause });
  }
}

/** The first line of standard input. On a terminal it is asked for, and what is typed is not shown. */
function ask(question: string, command: string): Promise<string> {
  const { stdin, stderr } = process;
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: unseen, terminal: stdin.isTTY });
  if (stdin.isTTY) stderr.write(question);
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    lines.once('SIGINT', () => reject(new ConfigError(command, 'was given up')));
    lines.once('close', () => {
      if (stdin.isTTY) stderr.write('\n');
      resolve('');
    });
  });
}
