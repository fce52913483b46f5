import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decimal } from '../../../src/core/decimal.ts';

test('BOSH-RID-01: decimal digits say what they say to JavaScript, up to the largest safe integer', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (number) => decimal(String(number)) === number));
  fc.assert(fc.property(fc.stringMatching(/^\d{1,16}$/), (text) => decimal(text) === Number(text)));
});

test('BOSH-RID-02: what is not all digits, or has more than sixteen, is no number', () => {
  for (const text of ['', '+1', '-1', ' 1', '1 ', '1.0', '1e3', '0x1', '١', '12345678901234567', 'Infinity']) {
    assert.ok(Number.isNaN(decimal(text)), text);
  }
  fc.assert(fc.property(fc.string(), (text) => /^\d{1,16}$/.test(text) || Number.isNaN(decimal(text))));
});
