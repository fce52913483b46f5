import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { bench, costOf, faultsOf, type Sample } from '../../bench/bench.ts';
import { ratioOf } from '../../bench/report.ts';
import { scenariosOf } from '../../bench/scenarios.ts';
import { targets } from '../../bench/targets.ts';

/**
 * A gross slip is to be seen, not a slow machine: how often as much CPU a message may cost as in the relay of the same run. What it
 * should be stands in docs/performance.md.
 */
const MOST = { bosh: 4, websocket: 3 } as const;

const dist = join(import.meta.dirname, '../../dist');

function of(samples: readonly Sample[], transport: Sample['transport'], isFloor: boolean): Sample[] {
  return samples.filter((sample) => sample.transport === transport && sample.isFloor === isFloor);
}

test('benchmark: under load nothing is lost, repeated or disordered, and a message costs no multiple of what a relay takes', async (t) => {
  const samples = await bench({
    scenarios: scenariosOf(['closed']),
    targets: targets(dist).filter(({ name }) => ['http relay', 'ws relay', 'sluice'].includes(name)),
    transports: ['bosh', 'websocket'],
    rounds: 2,
    seconds: 1,
    warmupSeconds: 0.5,
    settleSeconds: 0,
    descriptors: 1024,
    progress: (line) => t.diagnostic(line),
  });
  assert.equal(samples.length, 8);
  for (const sample of samples) {
    assert.deepEqual(faultsOf(sample), [], `${sample.target} by ${sample.transport}`);
    assert.ok(sample.count > 200, `${sample.target} by ${sample.transport}: only ${sample.count} messages`);
  }
  for (const transport of ['bosh', 'websocket'] as const) {
    const ratio = ratioOf(of(samples, transport, false), of(samples, transport, true), costOf);
    assert.ok(ratio !== undefined);
    // The better round: another process may have had the machine in one of them.
    assert.ok(ratio.least < MOST[transport], `${transport}: ${ratio.least.toFixed(1)} times the relay's CPU`);
  }
});
