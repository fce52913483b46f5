import assert from 'node:assert/strict';
import test from 'node:test';
import { randomId, shortId } from '../../../src/core/id.ts';

test('BOSH-SEC-05: ids have 160 random bits, are safe in URLs, and none comes twice', () => {
  const ids = Array.from({ length: 10_000 }, randomId);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[\w-]{27}$/);
  // Each place takes each of the 64 characters about equally often: a part that repeats would be seen.
  for (let place = 0; place < 26; place++) {
    assert.equal(new Set(ids.map((id) => id[place])).size, 64, `place ${place}`);
  }
  assert.equal(shortId('abcdefghijkl'), 'abcdef...');
});
