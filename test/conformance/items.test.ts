import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DECLINED } from './declined.ts';
import { ITEMS, LEVELS, PARTS, partsNamed } from './items/index.ts';
import { idsIn, idsOf, list, Tally, totals, type Result } from './tally.ts';

const TESTS = join(import.meta.dirname, '..');
const TITLE = /\b(?:test|it|describe|suite)(?:\.(?:only|skip|todo))?\(\s*(['"`])([^'"`\n]*?:)/g;
const LITERAL = /(['"])([A-Z][A-Z0-9-]*-\d\d(?:, [A-Z][A-Z0-9-]*-\d\d)*)\1/g;

/** The items that tests name, in titles and in the tables that titles are made from, and where. */
const named = new Map<string, string>();
for (const file of globSync('**/*.ts', { cwd: TESTS })) {
  if (/^conformance.(items|declined|tally)\b/.test(file)) continue;
  const text = readFileSync(join(TESTS, file), 'utf8');
  for (const [, , title = ''] of text.matchAll(TITLE)) for (const id of idsIn(title)) named.set(id, file);
  for (const [, , words = ''] of text.matchAll(LITERAL)) for (const id of idsOf(words)) named.set(id, file);
}
const known = new Set(ITEMS.map(({ id }) => id));

test('checklist: 425 requirements, 53 vectors and 229 bad inputs, each once', () => {
  const count = (parts: RegExp) => ITEMS.filter(({ part }) => parts.test(part)).length;
  assert.deepEqual([count(/^\d/), count(/^B/), count(/^C/)], [425, 53, 229]);
  assert.equal(known.size, 707);
});

test('checklist: each part has its number of items', () => {
  const counts = [...PARTS.keys()].map((name) => [name, ITEMS.filter(({ part }) => part === name).length]);
  assert.deepEqual(
    counts,
    [...PARTS].map(([name, [, size]]) => [name, size]),
  );
  const sizes =
    '16 7 11 21 17 15 10 16 11 9 20 8 9 15 10 6 28 11 16 37 11 20 14 13 13 14 13 15 15 4 26 6 15 6 44 54 52 44 35';
  assert.equal(counts.map(([, size]) => size).join(' '), sizes);
  assert.deepEqual(partsNamed('B'), ['B1', 'B2', 'B3', 'B4']);
  assert.deepEqual(partsNamed('1'), ['1']);
});

test('checklist: each level has its number of requirements', () => {
  const requirements = ITEMS.filter(({ part }) => /^\d/.test(part));
  const counts = LEVELS.map((level) => requirements.filter((item) => item.level === level).length);
  assert.deepEqual(counts, [271, 1, 118, 35]);
  assert.equal(requirements.filter(({ own }) => own).length, 183);
});

test('checklist: each item says in a line what it is about, and by which clause', () => {
  const poor = ITEMS.filter(({ title, clause }) => title.length < 10 || title.length > 72 || clause === '');
  assert.deepEqual(poor, []);
});

test('checklist: what tests name is in the list', () => {
  assert.ok(named.size > 100);
  assert.deepEqual(
    [...named].filter(([id]) => !known.has(id)),
    [],
  );
});

test('checklist: what is declined is in the list, has a reason, and no test', () => {
  const wrong = [...DECLINED].filter(([id, reason]) => !known.has(id) || reason.length < 20 || named.has(id));
  assert.deepEqual(wrong, []);
});

test('checklist: titles name items in front of the first colon, and neither ranges nor families', () => {
  assert.deepEqual(idsIn('BOSH-BRK-03, X-37: as B-01: says'), ['BOSH-BRK-03', 'X-37']);
  assert.deepEqual(idsIn('SASL2-04: success'), ['SASL2-04']);
  for (const title of ['B-02…B-05: x', 'BOSH-SESSION-09/10: x', 'BOSH-KEY-*: x', 'XEP-0124 §7: x', 'B-01 passes']) {
    assert.deepEqual(idsIn(title), [], title);
  }
});

/** The statuses after a run that told what `tell` says. */
function statuses(tell: (tally: Tally) => void, declined = new Map<string, string>()): Map<string, Result> {
  const tally = new Tally();
  tell(tally);
  return new Map(tally.results(ITEMS, declined).map((result) => [result.id, result]));
}

test('checklist: an item has passed when a test passed that names it or stands in a suite that does', () => {
  const found = statuses((tally) => {
    tally.start({ name: 'X-01: suite', nesting: 0 });
    tally.start({ name: 'X-02: test', nesting: 1 });
    tally.pass({ name: 'X-02: test', nesting: 1 });
    tally.pass({ name: 'X-01: suite', nesting: 0, details: { type: 'suite' } });
    tally.start({ name: 'X-03: empty suite', nesting: 0 });
    tally.pass({ name: 'X-03: empty suite', nesting: 0, details: { type: 'suite' } });
    tally.start({ name: 'X-04: test', nesting: 0 });
    tally.pass({ name: 'X-04: test', nesting: 0, skip: 'no server' });
    tally.pass({ name: 'X-05: test', nesting: 0, todo: true });
  });
  const five = ['X-01', 'X-02', 'X-03', 'X-04', 'X-05'].map((id) => found.get(id)?.status);
  assert.deepEqual(five, ['passed', 'passed', 'untested', 'untested', 'untested']);
  assert.equal(found.get('X-04')?.reason, 'skipped: no server');
});

test('checklist: one failed test is enough for an item to have failed, declined or not', () => {
  const found = statuses(
    (tally) => {
      tally.pass({ name: 'X-01: good', nesting: 0 });
      tally.fail({ name: 'X-01, X-02: bad', nesting: 0 });
      tally.fail({ name: 'X-04: some day', nesting: 0, todo: true });
    },
    new Map([
      ['X-02', 'not wanted'],
      ['X-03', 'not wanted either'],
    ]),
  );
  const four = ['X-01', 'X-02', 'X-03', 'X-04'].map((id) => found.get(id)?.status);
  assert.deepEqual(four, ['failed', 'failed', 'declined', 'untested']);
  assert.deepEqual([found.get('X-01')?.reason, found.get('X-03')?.reason], ['X-01, X-02: bad', 'not wanted either']);
});

test('checklist: the list and the totals by part and level', () => {
  const results = new Tally().results(
    ITEMS.filter(({ part }) => part === '16'),
    DECLINED,
  );
  assert.match(list(results, ITEMS), /^16\. BOSH: script syntax\n {2}untested {2}SHOULD {4}BOSH-SCRIPT-01 {4}/);
  assert.deepEqual(totals(results).split('\n').slice(0, 3), [
    'part  level     items  passed  failed  declined  untested',
    '16    MUST          5       0       0         4         1',
    '16    SHOULD        1       0       0         0         1',
  ]);
});
