import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';

/** What each folder of src may import of ours. `type:` allows types only; a path with a slash means one file. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  xml: [],
  core: ['type:xml'],
  stream: ['core', 'xml'],
  session: ['stream', 'core', 'xml'],
  http: ['core'],
  bosh: ['session', 'stream', 'http', 'core', 'xml'],
  websocket: ['session', 'stream', 'http', 'core', 'xml'],
  upstream: ['core', 'xml', 'stream/stream-error'],
  prebind: ['bosh', 'session', 'stream', 'http', 'core', 'xml'],
  discovery: ['http', 'core'],
  cluster: ['session', 'http', 'core'],
  metrics: ['session', 'http', 'core'],
  admin: ['session', 'http', 'core'],
  config: ['core'],
  devserver: ['core', 'xml'],
  cli: ['*'],
  compat: ['*'],
  'gateway.ts': ['*'],
  'index.ts': ['*'],
};

/** The composition at the top: who may import it. */
const TOP: Record<string, readonly string[]> = {
  'gateway.ts': ['index.ts', 'cli', 'compat'],
  'index.ts': [],
  cli: [],
  compat: ['index.ts', 'cli'],
};

/** The one door of each library. */
const DOORS: Record<string, readonly string[]> = {
  // What tests hold our own reader against.
  saxes: [],
  ws: ['websocket/'],
  zod: ['config/'],
  'smol-toml': ['config/'],
  pino: ['cli/', 'gateway.ts'],
  'node:net': ['upstream/', 'http/', 'devserver/'],
  'node:tls': ['upstream/', 'http/', 'devserver/'],
};

const MAX_LINES = 400;
const SRC = join(import.meta.dirname, '../src');
const IMPORT = /^(?:import|export)( type)?\s(?:[^;'"]*?from )?'([^']+)';|\bimport\('([^']+)'\)/gm;

interface Import {
  readonly file: string;
  readonly target: string;
  readonly isType: boolean;
}

const sources = new Map(globSync('**/*.ts', { cwd: SRC }).map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const imports: Import[] = [...sources].flatMap(([file, text]) =>
  [...text.matchAll(IMPORT)].map(([, type, plain, dynamic]) => {
    const target = plain ?? dynamic ?? '';
    return {
      file,
      isType: type !== undefined,
      target: target.startsWith('.') ? posix.join(dirname(file), target) : target,
    };
  }),
);
/** The folder of a file, or the file itself where it lies at the top. */
const room = (file: string): string => file.split('/', 1)[0] ?? '';
const ours = imports.filter(({ target }) => sources.has(target));
const line = ({ file, target }: Import): string => `${file} imports ${target}`;

test('architecture: imports are found at all', () => {
  assert.ok(sources.size > 20);
  assert.ok(ours.length > sources.size);
  const lost = imports.filter(({ target }) => target.endsWith('.ts') && !sources.has(target));
  assert.deepEqual(lost.map(line), []);
});

test('architecture: each folder imports only what stands to its right or below', () => {
  const breaches = ours.filter(({ file, target, isType }) => {
    const [from, to] = [room(file), room(target)];
    const allowed = MAY_IMPORT[from] ?? [];
    if (from === to || allowed.includes('*') || allowed.includes(to)) return false;
    return !allowed.includes(target.replace(/\.ts$/, '')) && !(isType && allowed.includes(`type:${to}`));
  });
  assert.deepEqual(breaches.map(line), []);
});

test('architecture: nothing but the top imports the top', () => {
  const breaches = ours.filter(({ file, target }) => {
    const above = TOP[room(target)];
    return above !== undefined && room(file) !== room(target) && !above.includes(room(file));
  });
  assert.deepEqual(breaches.map(line), []);
});

test('architecture: each folder of src is in the table', () => {
  const unknown = [...new Set([...sources.keys()].map(room))].filter((name) => !Object.hasOwn(MAY_IMPORT, name));
  assert.deepEqual(unknown, []);
});

test('architecture: each library has one door', () => {
  const breaches = imports.filter(({ file, target }) => DOORS[target]?.some((door) => file.startsWith(door)) === false);
  assert.deepEqual(breaches.map(line), []);
});

test('architecture: only core/clock.ts reads the time or sets a timer', () => {
  const clocks = [...sources].filter(([, text]) =>
    /\b(setTimeout|setInterval|Date\.now|performance\.now)\(/.test(text),
  );
  assert.deepEqual(
    clocks.map(([file]) => file),
    ['core/clock.ts'],
  );
});

test(`architecture: no file of src is longer than ${MAX_LINES} lines`, () => {
  const long = [...sources].filter(([, text]) => text.split('\n').length - 1 > MAX_LINES);
  assert.deepEqual(
    long.map(([file]) => file),
    [],
  );
});
