import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/.bin/tsc');

interface Locked {
  readonly packages: Readonly<Record<string, { readonly dependencies?: object }>>;
}

const locked = (file: string): Locked => JSON.parse(readFileSync(file, 'utf8')) as Locked;

function run(cwd: string, program: string, ...args: readonly string[]): string {
  const env = { ...process.env };
  // The runner's own, which would make a child report as a test, and npm's, which would make it work in our folder. Not all of
  // Node's: behind a proxy of the machine's owner, NODE_EXTRA_CA_CERTS is what lets npm reach the registry.
  for (const name of Object.keys(env)) if (/^(NODE_TEST|NODE_OPTIONS|npm_|INIT_CWD)/.test(name)) delete env[name];
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: 120_000 });
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

const USE = `
  const gateway = createGateway({ port: 0, host: '127.0.0.1', domains: { 'example.org': {} } });
  gateway.events.on('stream-add', ({ request }) => console.log(request.to));
  const start = async () => {
    await gateway.start();
    const answer = await fetch('http://127.0.0.1:' + gateway.port + '/http-bind/');
    console.log(answer.status, typeof prebind, typeof start_bosh);
    await gateway.stop();
  };
  void start();
`;
const NAMES = [
  ['{ createGateway }', 'sluice'],
  ['{ prebind }', 'sluice/prebind'],
  ['{ start_bosh }', 'sluice/compat'],
] as const;
const imports = NAMES.map(([names, from]) => `import ${names} from '${from}';\n`).join('');
const requires = NAMES.map(([names, from]) => `const ${names} = require('${from}');\n`).join('');
const typed = `const options: GatewayOptions = { maxWaitSeconds: 30 };\nvoid options;\n`;

describe('the package, installed in an empty project', { timeout: 240_000 }, () => {
  let folder: string;
  let project: string;
  let files: readonly string[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
    // What would be published, built now.
    const source = join(folder, 'source');
    mkdirSync(source);
    for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md'])
      cpSync(join(ROOT, name), join(source, name));
    run(ROOT, process.execPath, TSC, '-p', 'tsconfig.build.json', '--outDir', join(source, 'dist'));
    const packed = JSON.parse(run(source, 'npm', 'pack', '--json', '--pack-destination', folder)) as unknown;
    const [{ filename, files: list }] = Object.values(packed as object) as [
      { filename: string; files: { path: string }[] },
    ];
    files = list.map(({ path }) => path);
    project = join(folder, 'project');
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true }');
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];
    run(project, 'npm', 'install', ...quiet, join(folder, filename));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('package: nothing is in it but what is meant for its users', () => {
    const others = files.filter((path) => !path.startsWith('dist/'));
    assert.deepEqual(others.sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']);
    assert.deepEqual(
      files.filter((path) => path.startsWith('dist/') && !/\.(js|d\.ts)(\.map)?$/.test(path)),
      [],
    );
  });

  test('package: nothing comes along but the declared dependencies and what they declare', () => {
    const inProject = Object.keys(locked(join(project, 'node_modules/.package-lock.json')).packages);
    const { packages } = locked(join(ROOT, 'package-lock.json'));
    const ours = new Set<string>();
    const walk = (path: string): void => {
      for (const name of Object.keys(packages[path]?.dependencies ?? {})) {
        const found = `node_modules/${name}`;
        if (!ours.has(found)) walk((ours.add(found), found));
      }
    };
    walk('');
    assert.ok(ours.size >= 5);
    assert.deepEqual(inProject.sort(), [...ours, 'node_modules/sluice'].sort());
  });

  for (const [file, text] of [
    ['hello.mjs', imports + USE],
    ['hello.cjs', requires + USE],
  ] as const) {
    test(`package: ${file} runs`, () => {
      writeFileSync(join(project, file), text);
      assert.equal(run(project, process.execPath, '--no-warnings', file), '200 function function\n');
    });
  }

  for (const [file, text] of [
    ['hello.mts', `${imports}import type { GatewayOptions } from 'sluice';\n${typed}${USE}`],
    ['hello.cts', `${imports}import type { GatewayOptions } from 'sluice';\n${typed}${USE}`],
  ] as const) {
    test(`package: the types of ${file} resolve, and are checked`, () => {
      const types = join(project, 'node_modules/@types');
      mkdirSync(types, { recursive: true });
      // Whoever writes for Node has them.
      for (const name of ['node', 'undici-types']) {
        const target = name === 'node' ? join(types, name) : join(project, 'node_modules', name);
        rmSync(target, { recursive: true, force: true });
        symlinkSync(join(ROOT, 'node_modules', name === 'node' ? '@types/node' : name), target);
      }
      const check = (words: string): string[] => {
        writeFileSync(join(project, file), words);
        const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
        const { stdout } = spawnSync(process.execPath, [TSC, ...flags, file], { cwd: project, encoding: 'utf8' });
        return stdout.split('\n').filter((line) => line !== '');
      };
      assert.deepEqual(check(text), []);
      const wrong = check(text.replace('maxWaitSeconds: 30', "maxWaitSeconds: 'long'"));
      assert.match(wrong.join('\n'), /TS2322.*'string' is not assignable to type 'number/);
    });
  }
});
