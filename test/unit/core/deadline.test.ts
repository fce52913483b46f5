import assert from 'node:assert/strict';
import test from 'node:test';
import { Deadline } from '../../../src/core/deadline.ts';
import { TestClock } from '../../support/test-clock.ts';

function started() {
  const clock = new TestClock();
  const reached: number[] = [];
  const deadline = new Deadline(clock, (list) => list.push(clock.now()), reached);
  return { clock, reached, deadline };
}

test('deadline: it is reached once, at its time', () => {
  const { clock, reached, deadline } = started();
  deadline.set(100);
  clock.advance(99);
  assert.deepEqual(reached, []);
  clock.advance(1000);
  assert.deepEqual(reached, [100]);
});

test('deadline: one that is put off again and again is not reached before its last time, and has one timer', () => {
  const { clock, reached, deadline } = started();
  for (let now = 0; now < 1000; now += 10) {
    deadline.set(now + 50);
    assert.equal(clock.pending, 1);
    clock.advance(10);
  }
  assert.deepEqual(reached, []);
  clock.advance(1000);
  assert.deepEqual(reached, [1040]);
});

test('deadline: one that is brought forward is reached at the new time', () => {
  const { clock, reached, deadline } = started();
  deadline.set(1000);
  clock.advance(10);
  deadline.set(20);
  clock.advance(2000);
  assert.deepEqual(reached, [20]);
});

test('deadline: one that was taken away is not reached, and may be set again', () => {
  const { clock, reached, deadline } = started();
  deadline.set(100);
  deadline.set(Infinity);
  clock.advance(500);
  assert.deepEqual(reached, []);
  deadline.set(600);
  clock.advance(500);
  assert.deepEqual(reached, [600]);
});

test('deadline: one that was cancelled leaves no timer', () => {
  const { clock, reached, deadline } = started();
  deadline.set(100);
  deadline.cancel();
  assert.equal(clock.pending, 0);
  clock.advance(500);
  assert.deepEqual(reached, []);
});

test('deadline: it may be set anew when it is reached', () => {
  const clock = new TestClock();
  const reached: number[] = [];
  const again = (list: number[]): void => {
    list.push(clock.now());
    if (list.length < 3) deadline.set(clock.now() + 10);
  };
  const deadline = new Deadline(clock, again, reached);
  deadline.set(10);
  clock.advance(1000);
  assert.deepEqual(reached, [10, 20, 30]);
});
