// Says of each item of the checklist what the tests, run for it now, have shown: `npm run conformance`.
//   --part 17   one part only, or C1, or B for all vectors; may be given again for another
//   --json      an array of { id, part, level, status, reason } instead of the list and the totals
//   --all       with the tests against real servers and in browsers
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseArgs } from 'node:util';
import { findTests, groupsOf, isSerial, requireNode, root, runGroup } from './find-tests.mjs';

requireNode();
const { ITEMS, PARTS, partsNamed } = await import('../test/conformance/items/index.ts');
const { DECLINED } = await import('../test/conformance/declined.ts');
const { Tally, list, totals } = await import('../test/conformance/tally.ts');

/** What the arguments ask for, or one line that says what is wrong with them. */
function options() {
  try {
    const { values } = parseArgs({
      options: {
        part: { type: 'string', multiple: true, default: [] },
        json: { type: 'boolean', default: false },
        all: { type: 'boolean', default: false },
      },
    });
    const wrong = values.part.find((name) => partsNamed(name).length === 0);
    if (wrong !== undefined) throw new Error(`no part '${wrong}': there are ${[...PARTS.keys()].join(', ')}, B and C`);
    return values;
  } catch (cause) {
    console.error(`conformance: ${cause.message}`);
    return process.exit(1);
  }
}

/** The text of a test and of the helpers that it imports; what lists the whole checklist is no use of it. */
function textOf(file, seen = new Set()) {
  if (seen.has(file) || /^test\/conformance\/(items|declined)\b/.test(file) || !file.startsWith('test/')) return '';
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  const imported = [...text.matchAll(/from '(\.{1,2}\/[^']+\.ts)'/g)];
  return text + imported.map(([, path]) => textOf(posix.join(posix.dirname(file), path), seen)).join('');
}

const { part: parts, json, all } = options();
const wanted = new Set(parts.length === 0 ? PARTS.keys() : parts.flatMap(partsNamed));
const items = ITEMS.filter(({ part }) => wanted.has(part));

let files = findTests('test').map((file) => file.replaceAll('\\', '/'));
if (!all) files = files.filter((file) => !isSerial(file));
if (parts.length > 0) {
  const named = new RegExp(`\\b(?:${items.map(({ id }) => id).join('|')})(?!\\d)`);
  files = files.filter((file) => named.test(textOf(file)));
}

console.error(`conformance: running ${files.length} test files ...`);
const tally = new Tally();
for (const group of groupsOf(files)) {
  const events = runGroup(group);
  events.on('test:start', (told) => tally.start(told));
  events.on('test:pass', (told) => tally.pass(told));
  events.on('test:fail', (told) => tally.fail(told));
  for await (const _ of events);
}

const results = tally.results(items, DECLINED);
console.log(json ? JSON.stringify(results, null, 2) : `${list(results, ITEMS)}\n\n${totals(results)}`);

const known = new Set(ITEMS.map(({ id }) => id));
for (const id of tally.named()) if (!known.has(id)) console.error(`conformance: a test names ${id}, which is no item`);
for (const id of DECLINED.keys()) if (tally.has(id)) console.error(`conformance: ${id} is declined, yet a test passed`);
for (const name of tally.failures) console.error(`conformance: failed: ${name}`);
// Not process.exit(): a pipe behind us may still be taking lines.
process.exitCode = tally.failures.length > 0 ? 1 : 0;
