import { ConfigError } from '../config/config-error.ts';
import { prebind } from '../prebind/index.ts';
import type { Arguments } from './arguments.ts';
import { readPassword } from './password.ts';

const DEFAULT_URL = 'http://localhost:5280/http-bind/';

/** `sluice prebind JID`: one session, as JSON on standard output. */
export async function runPrebind({ topic: jid, values }: Arguments): Promise<void> {
  if (jid === undefined) throw new ConfigError('prebind', 'needs a JID such as alice@example.org');
  const { url = DEFAULT_URL, resource, 'password-file': file } = values;
  const password = await readPassword('prebind', jid, file);
  const session = await prebind({ url, jid, password, ...(resource !== undefined && { resource }) });
  process.stdout.write(`${JSON.stringify(session)}\n`);
}
