import assert from 'node:assert/strict';
import test from 'node:test';
import { runChaos, summary } from './chaos.ts';

/** The same faults each time; `npm run chaos` draws others, and `SLUICE_CHAOS_SEED` replays them here. */
const seed = Number(process.env['SLUICE_CHAOS_SEED'] ?? 1);

test('BOSH-BRK, BOSH-RID, BOSH-PAY-15: 200 sessions on a bad network: each stanza once and in order, none lost, no leak', async (t) => {
  t.diagnostic(`chaos: seed ${seed}`);
  const report = await runChaos({ seed, sessions: 200, seconds: 20 });
  t.diagnostic(summary(report));
  const { failures, counts, stanzas } = report;
  assert.deepEqual(failures, [], `${failures.join('\n\n')}\n\nagain: SLUICE_CHAOS_SEED=${seed} or --seed ${seed}`);
  // A run without chaos would prove nothing.
  assert.equal(Object.keys(counts.faults).length, 11, 'each kind of fault has been');
  assert.ok(counts.requests > 5000 && counts.repeats > 500 && counts.reordered > 20 && counts.reloads > 20);
  assert.ok(stanzas.fromClients > 2000 && stanzas.fromServer > 2000);
});
