import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';

test('system clock: timers fire once, in the order of their times, and not before', async () => {
  const fired: number[] = [];
  const start = systemClock.now();
  for (const ms of [30, 5, 20, 5, 0]) {
    systemClock.after(
      ms,
      (due) => {
        assert.ok(systemClock.now() - start >= due);
        fired.push(due);
      },
      ms,
    );
  }
  await delay(80);
  assert.deepEqual(fired, [0, 5, 5, 20, 30]);
});

test('system clock: one that is cancelled does not fire, one that is restarted fires at its new time alone', async () => {
  const fired: string[] = [];
  const cancelled = systemClock.after(10, () => fired.push('cancelled'));
  const later = systemClock.after(10, () => fired.push('later'));
  const sooner = systemClock.after(1000, () => fired.push('sooner'));
  later.restart(60);
  sooner.restart(20);
  cancelled.cancel();
  cancelled.cancel();
  await delay(40);
  assert.deepEqual(fired, ['sooner']);
  await delay(60);
  assert.deepEqual(fired, ['sooner', 'later']);
  later.restart(1);
  await delay(20);
  assert.deepEqual(fired, ['sooner', 'later', 'later']);
});

test('system clock: a timer may set others when it fires', async () => {
  const fired: number[] = [];
  const again = (left: number): void => {
    fired.push(left);
    if (left > 0) systemClock.after(1, again, left - 1);
  };
  systemClock.after(1, again, 3);
  await delay(60);
  assert.deepEqual(fired, [3, 2, 1, 0]);
});

test('system clock: one that throws does not keep the others from firing', async (t) => {
  const thrown: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  const error = new Error('a timer broke');
  let fired = 0;
  systemClock.after(5, () => {
    throw error;
  });
  systemClock.after(5, () => fired++);
  systemClock.after(20, () => fired++);
  await delay(60);
  assert.deepEqual(thrown, [error]);
  assert.equal(fired, 2);
});

test('system clock: a delay of more than 2^31 - 1 ms does not fire at once', async () => {
  let fired = false;
  const timer = systemClock.after(2 ** 40, () => (fired = true));
  await delay(20);
  timer.cancel();
  assert.ok(!fired);
});
