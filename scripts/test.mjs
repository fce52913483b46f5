// Runs the tests: `npm test`, or `npm test -- test/unit/xml` for some of them.
// What listens, starts servers or opens browsers runs one file at a time; the rest runs side by side.
import { globSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = join(import.meta.dirname, '..');
process.chdir(root);
const watchdog = pathToFileURL(join(import.meta.dirname, 'watchdog.mjs')).href;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`Node ${process.versions.node} cannot run TypeScript: use \`npm test\`, which brings its own.`);
  process.exit(1);
}

const find = (folder) => globSync(join(folder, '**/*.test.ts'));

/** The files of the arguments; folders stand for all in them. */
function asked(names) {
  const files = names.flatMap((name) => (statSync(name).isDirectory() ? find(name) : [name]));
  return files.map((file) => relative(root, join(root, relative(root, file))));
}

const names = process.argv.slice(2);
const files = (names.length === 0 ? find('test') : asked(names)).sort();
const isSerial = (file) => /^test.(integration|browser)./.test(file);
const groups = [
  { files: files.filter((file) => !isSerial(file)), concurrency: 2, timeout: 120_000 },
  { files: files.filter(isSerial), concurrency: 1, timeout: 300_000 },
].filter((group) => group.files.length > 0);

if (groups.length === 0) {
  console.error('No test files: a test is a file test/**/*.test.ts');
  process.exit(1);
}

const totals = { tests: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
const skipped = [];
const started = performance.now();
for (const group of groups) {
  const events = run({ ...group, cwd: root, execArgv: ['--import', watchdog] });
  events.on('test:summary', ({ file, counts }) => {
    // Each file has a summary, and the group has one.
    if (file === undefined) for (const key of Object.keys(totals)) totals[key] += counts[key] ?? 0;
  });
  events.on('test:pass', ({ name, skip }) => {
    if (skip !== undefined) skipped.push(typeof skip === 'string' ? `${name} (${skip})` : name);
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
}

// Last, below the failures: what somebody looks for first.
const seconds = ((performance.now() - started) / 1000).toFixed(1);
const { tests, passed, failed, cancelled, skipped: skips, todo } = totals;
const counts = { tests, pass: passed, fail: failed, cancelled, skipped: skips, todo };
console.log(`\nAll together, in ${seconds} s:`);
for (const [name, count] of Object.entries(counts)) console.log(`ℹ ${name} ${count}`);
const isStrict = Boolean(process.env.CI) && skipped.length > 0;
if (isStrict) console.error(`\nNo test may be skipped in CI:\n  ${skipped.join('\n  ')}`);
// Not process.exit(): a pipe behind us may still be taking lines.
process.exitCode = totals.failed > 0 || totals.cancelled > 0 || isStrict ? 1 : 0;
