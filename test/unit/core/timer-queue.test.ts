import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { TimerQueue, type Queued } from '../../../src/core/timer-queue.ts';

interface Waiting extends Queued {
  readonly name: number;
}

const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), name: fc.nat(9), at: fc.nat(50) }),
  fc.record({ do: fc.constant('remove' as const), name: fc.nat(9) }),
  fc.record({ do: fc.constant('due' as const), now: fc.nat(50) }),
);

test('timer queue: whatever is set, moved and taken away, what is due comes out, the soonest first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new TimerQueue<Waiting>();
      const times = new Map<number, number>();
      const soonest = (): number => Math.min(...times.values());
      const all = Array.from({ length: 10 }, (_, name): Waiting => ({ name, place: -1 }));
      for (const one of steps) {
        if (one.do === 'set') {
          queue.set(all[one.name] as Waiting, one.at);
          times.set(one.name, one.at);
        } else if (one.do === 'remove') {
          queue.remove(all[one.name] as Waiting);
          times.delete(one.name);
        } else {
          const found = queue.due(one.now);
          const at = found === undefined ? undefined : times.get(found.name);
          assert.equal(at, soonest() <= one.now ? soonest() : undefined);
          if (found !== undefined) times.delete(found.name);
        }
        assert.equal(queue.soonest, soonest());
        for (const { name, place } of all) assert.equal(place >= 0, times.has(name));
      }
    }),
  );
});

test('timer queue: 100,000 that are set, moved and taken away cost no more than their logarithm', () => {
  const queue = new TimerQueue<Waiting>();
  const all = Array.from({ length: 100_000 }, (_, name): Waiting => ({ name, place: -1 }));
  const start = performance.now();
  for (const one of all) queue.set(one, (one.name * 7919) % 100_003);
  for (const one of all) queue.set(one, (one.name * 104_729) % 100_003);
  for (const one of all) if (one.name % 2 === 0) queue.remove(one);
  let last = -1;
  let count = 0;
  for (let next = queue.due(Infinity); next !== undefined; next = queue.due(Infinity)) {
    const at = (next.name * 104_729) % 100_003;
    assert.ok(at >= last);
    last = at;
    count++;
  }
  assert.equal(count, 50_000);
  // Linear work for each would take minutes.
  assert.ok(performance.now() - start < 5000);
});
