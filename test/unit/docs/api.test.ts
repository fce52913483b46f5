import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { SNAPSHOT, apiPage, entryPoints, snapshot, type EntryPoint } from '../../../scripts/api.ts';

describe('the public API', () => {
  let entries: readonly EntryPoint[];
  before(() => {
    entries = entryPoints();
  });

  test('api: the declarations are those that were reviewed (npm run api, and read what changed)', () => {
    assert.equal(snapshot(entries), readFileSync(SNAPSHOT, 'utf8'));
  });

  test('api: docs/api.md says what the types say (npm run docs)', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/api.md'), 'utf8');
    assert.equal(page, apiPage(entries));
  });

  test('api: nothing that programs have to write is left unnamed', () => {
    const main = entries.find(({ name }) => name === 'sluice');
    assert.ok(main !== undefined && main.exported.length > 30);
    // What is mentioned and not exported can be used, but not named.
    assert.deepEqual(
      main.mentioned.map(({ name }) => name),
      ['PrebindErrorEntry'],
    );
  });

  test('api: what is for programs to call or to write says what it is', () => {
    for (const { name, exported } of entries.filter(({ name }) => name !== 'sluice/compat')) {
      for (const one of exported) {
        if (/^export (declare (function|class)|interface)/.test(one.text)) {
          assert.notEqual(one.comment, '', `${name}: ${one.name} has no comment`);
        }
      }
    }
  });
});
