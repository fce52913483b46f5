// Writes docs/configuration.md, docs/errors.md and docs/api.md from the schema, the error table and the types: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { variableOf } from '../src/config/environment.ts';
import { domainShape } from '../src/config/domain-shape.ts';
import { GROUPS } from '../src/config/schema.ts';
import { ERRORS } from '../src/core/errors.ts';
import { apiPage, entryPoints } from './api.ts';

interface Field {
  meta(): Partial<Record<'description' | 'expects' | 'unit' | 'otherwise', string | undefined>> | undefined;
  safeParse(value: undefined): { success: boolean; data?: unknown };
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

function row([key, field]: [string, Field], withVariable: boolean): string {
  const { description = '', expects = '', unit = '', otherwise } = field.meta() ?? {};
  const initial = otherwise ?? `\`${JSON.stringify(field.safeParse(undefined).data)}\``;
  // What it counts is in the name where it ends in it.
  const counted = unit === '' || expects.includes(unit) ? expects : `${expects} (${unit})`;
  const name = withVariable ? `\`${key}\`<br>\`${variableOf(key)}\`` : `\`${key}\``;
  return `| ${name} | ${initial} | ${cell(counted)} | ${cell(description)} |`;
}

function table(shape: Readonly<Record<string, Field>>, withVariable: boolean): string {
  const head = ['| setting | default | value | meaning |', '|---|---|---|---|'];
  return [...head, ...Object.entries(shape).map((entry) => row(entry, withVariable))].join('\n');
}

const NOTE = '<!-- Written by `npm run docs`. Do not edit: change';

export function configurationPage(): string {
  const groups = GROUPS.map(([title, shape]) => `## ${title}\n\n${table(shape, true)}\n`);
  return `${NOTE} src/config/schema.ts. -->

# Configuration

Sluice runs without any configuration: it then listens on port 5280 and serves \`localhost\` and every public XMPP domain.

Settings come from the command line, from the environment, from a file, and from the defaults, in this order: the first that
says something about a setting wins. An unknown or wrong setting stops the start with one line that names it, and exit code 2.

- **Command line**: \`--config FILE\`, \`--port\`, \`--host\`, \`--path\`, \`--log-level\`.
- **Environment**: each setting in upper case, such as \`SLUICE_MAX_WAIT_SECONDS=30\`. Lists are separated by commas
  (\`SLUICE_ORIGINS=https://a.example,https://b.example\`), \`SLUICE_DOMAINS\` and \`SLUICE_HEADERS\` are JSON, an empty
  variable counts as absent. An unknown \`SLUICE_…\` variable is an error.
- **File**: the one of \`--config\`, else of \`SLUICE_CONFIG\`, else \`sluice.toml\`, \`sluice.json\` or \`sluice.config.mjs\` in the
  working directory. The extension says what it is: \`.toml\`, \`.json\`, or a module (\`.js\`, \`.mjs\`, \`.cjs\`, \`.ts\`) that has a
  default export or exports \`config\`. A file of node-xmpp-bosh is read too: see [migrating.md](migrating.md).

\`\`\`toml
# sluice.toml
host = "127.0.0.1"                    # behind a reverse proxy
origins = ["https://chat.example.org"]

[domains."example.org"]               # only this domain is served
host = "10.0.0.5"
port = 5222
tls = "starttls"
ca = "example-ca.pem"                 # beside this file
\`\`\`

${groups.join('\n')}
## One domain

Each entry of \`domains\` may hold these. All are optional; an empty entry serves the domain as DNS says.

${table(domainShape, false)}
`;
}

export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { bosh, stream, close, http, level, help }]) =>
      `| \`${code}\` | ${cell(help)} | \`${bosh}\` | \`${stream}\` | ${close} | ${http} | ${level} |`,
  );
  return `${NOTE} src/core/errors.ts. -->

# Errors

Why a session or a stream ended, as the log has it in \`code\`, and what the client is told.

BOSH clients are answered with HTTP 200 and a terminal \`<body/>\` with the condition; the HTTP status is for clients of before
BOSH 1.6 and for requests that are refused before BOSH is reached. WebSocket clients see a stream error and the close code.

| code | meaning and mend | BOSH condition | stream error | WebSocket close | HTTP | logged as |
|---|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

if (process.argv[1] === import.meta.filename) {
  const docs = join(import.meta.dirname, '../docs');
  writeFileSync(join(docs, 'configuration.md'), configurationPage());
  writeFileSync(join(docs, 'errors.md'), errorsPage());
  writeFileSync(join(docs, 'api.md'), apiPage(entryPoints()));
}
