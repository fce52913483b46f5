import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { CHECKS } from './xml-checks.ts';

for (const { title, arbitrary, check, leastAccepted } of CHECKS) {
  test(title, () => {
    let accepted = 0;
    let runs = 0;
    fc.assert(
      fc.property(arbitrary, (input) => {
        runs++;
        if (check(input) !== false) accepted++;
      }),
      { numRuns: 3000 },
    );
    // Else the readers would agree on nothing but refusing.
    assert.ok(accepted >= leastAccepted * runs, `${accepted} of ${runs} were accepted`);
  });
}
