import { parseArgs } from 'node:util';
import * as fc from 'fast-check';
import { CHECKS } from './xml-checks.ts';

/**
 * Holds our XML readers against saxes and libxml2, for as long as one likes: `npm run fuzz -- --seconds 600 --seed 1`.
 * Each round has a seed of its own, one more than the last: a round that fails is run again with that seed and `--seconds 0`.
 */

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
let seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 30));
if (!Number.isFinite(seconds) || !Number.isInteger(seed)) throw new Error('--seconds and --seed are numbers');

const RUNS = 500;
const start = performance.now();
const elapsed = (): number => (performance.now() - start) / 1000;
let runs = 0;
let accepted = 0;
let told = 0;

console.log(`From seed ${seed}, for ${seconds} s: ${CHECKS.length} checks, ${RUNS} inputs of each a round`);
do {
  for (const { title, arbitrary, check } of CHECKS) {
    const details = fc.check(
      fc.property(arbitrary, (input) => {
        runs++;
        if (check(input) === true) accepted++;
      }),
      { seed, numRuns: RUNS },
    );
    if (!details.failed) continue;
    console.error(`\n${title}\n${await fc.asyncDefaultReportMessage(details)}`);
    console.error(`\nAgain: npm run fuzz -- --seconds 0 --seed ${seed}`);
    process.exit(1);
  }
  seed++;
  if (elapsed() - told >= 10) {
    told = elapsed();
    console.log(`${told.toFixed(0)} s: ${runs} inputs, ${accepted} of them accepted; next seed ${seed}`);
  }
} while (elapsed() < seconds);
console.log(`No disagreement in ${runs} inputs, ${accepted} of them accepted, in ${elapsed().toFixed(0)} s`);
