// Runs the tests: `npm test`, or `npm test -- test/unit/xml` for some of them.
import { statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { spec } from 'node:test/reporters';
import { findTests, groupsOf, requireNode, root, runGroup } from './find-tests.mjs';

process.chdir(root);
requireNode();

/** The files of the arguments; folders stand for all in them. */
function asked(names) {
  const files = names.flatMap((name) => (statSync(name).isDirectory() ? findTests(name) : [name]));
  return files.map((file) => relative(root, join(root, relative(root, file))));
}

const names = process.argv.slice(2);
const groups = groupsOf((names.length === 0 ? findTests('test') : asked(names)).sort());

if (groups.length === 0) {
  console.error('No test files: a test is a file test/**/*.test.ts');
  process.exit(1);
}

const totals = { tests: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
const skipped = [];
const started = performance.now();
for (const group of groups) {
  const events = runGroup(group);
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
