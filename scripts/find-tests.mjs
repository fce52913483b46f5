// Which tests there are and how they run: for `npm test` and `npm run conformance`.
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { pathToFileURL } from 'node:url';

export const root = join(import.meta.dirname, '..');
const watchdog = pathToFileURL(join(import.meta.dirname, 'watchdog.mjs')).href;

/** Ends the process where Node is too old to run the sources as they are. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return;
  console.error(`Node ${process.versions.node} cannot run TypeScript: use \`npm test\`, which brings its own.`);
  process.exit(1);
}

/** The test files of a folder, by their paths from the root. */
export const findTests = (folder) => globSync(join(folder, '**/*.test.ts'), { cwd: root }).sort();

/** What starts servers or opens browsers, or measures times and memory. */
export const isSerial = (file) => /^test.(integration|browser|chaos|bench)./.test(file);

/** What starts servers or opens browsers runs one file at a time; the rest runs side by side. */
export function groupsOf(files) {
  const groups = [
    { files: files.filter((file) => !isSerial(file)), concurrency: 2, timeout: 120_000 },
    { files: files.filter(isSerial), concurrency: 1, timeout: 300_000 },
  ];
  return groups.filter((group) => group.files.length > 0);
}

/** Runs a group; yields the events of node:test. */
export const runGroup = (group) => run({ ...group, cwd: root, execArgv: ['--import', watchdog] });
