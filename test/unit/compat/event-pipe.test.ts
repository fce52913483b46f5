import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventPipe } from '../../../src/compat/event-pipe.ts';

test('compat: listeners run by priority, then in the order in which they came', () => {
  const pipe = new EventPipe();
  const ran: string[] = [];
  const note = (name: string) => () => void ran.push(name);
  pipe.on('x', note('usual'));
  pipe.on('x', note('late'), 60);
  pipe.on('x', note('early'), 10);
  pipe.on('x', note('usual too'));
  assert.equal(pipe.emit('x'), true);
  assert.deepEqual(ran, ['early', 'usual', 'usual too', 'late']);
  assert.equal(pipe.emit('y'), false);
});

test('compat: an array replaces the arguments for those after it, false stops, all else passes', () => {
  const pipe = new EventPipe();
  const seen: unknown[][] = [];
  pipe.on('x', (...values) => void seen.push(values), 1);
  pipe.on('x', (first: number, second: number) => [first + 1, second], 2);
  pipe.on('x', (...values) => {
    seen.push(values);
    return 'something';
  });
  pipe.on('x', (first: number) => first < 5, 60);
  pipe.on('x', (...values) => void seen.push(values), 70);
  pipe.emit('x', 1, 2);
  assert.deepEqual(seen, [
    [1, 2],
    [2, 2],
    [2, 2],
  ]);
  seen.length = 0;
  assert.equal(pipe.emit('x', 7, 8), true, 'a stopped event was heard all the same');
  assert.deepEqual(seen, [
    [7, 8],
    [8, 8],
  ]);
});

test('compat: listeners leave, also while an event is under way', () => {
  const pipe = new EventPipe();
  const ran: string[] = [];
  const gone = (): void => void ran.push('gone');
  pipe.once('x', () => void ran.push('once'));
  pipe.on('x', () => void pipe.removeListener('x', gone), 10);
  pipe.on('x', gone);
  pipe.emit('x');
  assert.deepEqual(ran, ['once', 'gone'], 'who was there when it began hears of it');
  pipe.emit('x');
  assert.deepEqual(ran, ['once', 'gone']);
  assert.deepEqual([pipe.listenerCount('x'), pipe.listeners('x').length], [1, 1]);
  pipe.removeAllListeners('x');
  assert.equal(pipe.emit('x'), false);
});

test('compat: an error without a listener is thrown, and one with a listener is not', () => {
  const pipe = new EventPipe();
  const error = new Error('x');
  assert.throws(() => pipe.emit('error', error), error);
  assert.throws(() => pipe.emit('error', 'text'), /text/);
  pipe.on('error', () => {});
  assert.equal(pipe.emit('error', error), true);
});
