// `npm run chaos -- --seconds 120 --sessions 200 --seed N`: the chaos test for as long as one likes.
import { parseArgs } from 'node:util';
import { runChaos, summary } from './chaos.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    sessions: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const [seconds, sessions, seed] = [values.seconds, values.sessions, values.seed].map(Number) as [
  number,
  number,
  number,
];
if (!(seconds >= 10 && sessions >= 1 && Number.isSafeInteger(sessions) && Number.isSafeInteger(seed))) {
  console.error('--seconds is 10 at least; --sessions and --seed are whole numbers.');
  process.exit(2);
}
console.log(`chaos: seed ${seed}, ${sessions} sessions, ${seconds} s`);
const report = await runChaos({ seed, sessions, seconds, progress: (line) => console.log(line) });
for (const failure of report.failures) console.error(`\n${failure}`);
console.log(`\n${summary(report)}`);
if (report.failures.length > 0) console.log(`  again with  --seed ${seed} --sessions ${sessions} --seconds ${seconds}`);
process.exitCode = report.failures.length > 0 ? 1 : 0;
