import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { nextAnswer, nextDeadline, type HeldRequest, type Holding } from '../../src/bosh/holder.ts';
import { RidWindow } from '../../src/bosh/window.ts';
import { BoshModel } from '../support/bosh-model.ts';

const STEPS = {
  ask: (model) => model.ask(),
  arrive: (model, which) => model.arrive(which),
  drop: (model, which) => model.drop(which),
  repeat: (model, which) => model.repeat(which),
  kill: (model, which) => model.kill(which),
  breakOff: (model, which) => model.breakOff(which),
  tell: (model) => model.tell(),
  writeOut: (model, which) => model.writeOut(which),
  read: (model, which) => model.read(which),
  data: (model) => model.data(),
  flow: (model) => model.flow(),
  pass: (model, which) => model.pass(which * 4000),
} as const satisfies Record<string, (model: BoshModel, which: number) => void>;

type Step = readonly [keyof typeof STEPS, number];

const often = ['ask', 'arrive', 'arrive', 'read', 'data', 'repeat', 'kill'] as const;
const rare = ['ask', 'drop', 'writeOut', 'writeOut', 'breakOff', 'breakOff', 'tell', 'flow', 'pass'] as const;
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom<keyof typeof STEPS>(...often, ...often, ...rare),
  fc.nat({ max: 7 }),
);

/** A whole life of a session: whatever the network did, then a good network. */
function live(hold: number, steps: readonly Step[]): BoshModel {
  const model = new BoshModel(hold);
  for (const [name, which] of steps) {
    STEPS[name](model, which);
    model.check();
  }
  model.settle();
  return model;
}

const life = fc.tuple(fc.nat({ max: 2 }), fc.array(step, { maxLength: 60 }));

test('BOSH-RID-03, BOSH-BRK-02: for any order, loss and repeat, each stanza is forwarded exactly once and in rid order', () => {
  fc.assert(
    fc.property(life, ([hold, steps]) => {
      const { forwarded } = live(hold, steps);
      assert.deepEqual(
        forwarded,
        forwarded.map((_, i) => String(1001 + i)),
      );
    }),
    { numRuns: 2000 },
  );
});

test('BOSH-BRK-06, BOSH-PAY-15: for any order, loss and repeat, each server stanza reaches the client exactly once and in order', () => {
  fc.assert(
    fc.property(life, ([hold, steps]) => {
      const { delivered, sent } = live(hold, steps);
      assert.deepEqual(delivered, sent);
    }),
    { numRuns: 2000 },
  );
});

test('BOSH-ERR-04, B-52: however and whenever a session ends, each connection is answered and nothing is left', () => {
  const steps = fc.array(step, { maxLength: 30 });
  fc.assert(
    fc.property(fc.nat({ max: 2 }), steps, fc.nat({ max: 6 }), steps, (hold, before, how, after) => {
      const model = new BoshModel(hold);
      for (const [name, which] of before) STEPS[name](model, which);
      model.end(how);
      for (const [name, which] of after) STEPS[name](model, which);
      model.expire();
    }),
    { numRuns: 2000 },
  );
});

test('BOSH-ERR-15: why a session ended is told again to a client whose answer was lost on the way, for the time of `wait`', () => {
  const model = new BoshModel(1);
  model.ask();
  model.arrive(0);
  model.end(2);
  const toldAgain = (): string | undefined => model.lastWords.of(model.session.id)?.body;
  assert.equal(toldAgain(), undefined, 'the client has been told');
  model.kill(0);
  assert.match(toldAgain() ?? '', /condition='remote-connection-failed'/);
  model.clock.advance(59_000);
  assert.match(toldAgain() ?? '', /condition='remote-connection-failed'/);
  model.clock.advance(2000);
  assert.equal(toldAgain(), undefined);
});

test('BOSH-BRK-07: an answer that was read on a newer connection is not delivered again when the older connection breaks', () => {
  const model = live(1, [
    ['data', 0],
    ['ask', 0],
    ['arrive', 0],
    ['repeat', 0],
    ['arrive', 0],
    ['read', 1],
    ['kill', 0],
  ]);
  assert.deepEqual(model.delivered, model.sent);
});

test('BOSH-BRK-06: a connection that broke gets no payload, though HTTP has not said yet that it broke: a reloaded page goes on with its next rid', () => {
  const model = new BoshModel(1);
  model.ask();
  model.arrive(0);
  model.breakOff(0);
  model.data();
  model.ask();
  model.arrive(0);
  model.read(0);
  assert.deepEqual(model.received, model.sent);
});

/** The window as the standard puts it, told with plain sets. */
class PlainWindow {
  last: number;
  readonly size: number;
  readonly parked = new Set<number>();
  readonly open = new Set<number>();
  answers: number[] = [];

  constructor(first: number, size: number) {
    this.last = first;
    this.size = size;
    this.open.add(first);
  }

  judge(rid: number): string {
    if (this.parked.has(rid) || this.open.has(rid)) return 'repeat';
    if (this.answers.includes(rid)) return 'replay';
    if (rid === this.last + 1) return 'accept';
    return rid > this.last && rid <= this.last + this.size ? 'park' : 'refuse';
  }
}

test('BOSH-RID-04, BOSH-BRK-01: the window is (last, last + requests], the newest answers are kept, for any sequence', () => {
  const first = fc.constantFrom(1, 1000, Number.MAX_SAFE_INTEGER - 40);
  const moves = fc.array(fc.tuple(fc.integer({ min: -6, max: 6 }), fc.boolean()), { maxLength: 40 });
  fc.assert(
    fc.property(first, fc.integer({ min: 1, max: 5 }), moves, (start, size, sequence) => {
      const window = new RidWindow<{ rid: number }, string>(start, size, Infinity);
      const plain = new PlainWindow(start, size);
      for (const [offset, answer] of sequence) {
        const rid = plain.last + offset;
        if (rid < 1 || rid > Number.MAX_SAFE_INTEGER) continue;
        const verdict = window.judge(rid);
        assert.equal(verdict, plain.judge(rid), `rid ${rid - start}`);
        if (verdict === 'park') {
          window.park({ rid });
          plain.parked.add(rid);
        }
        if (verdict === 'accept') {
          for (let next: number | undefined = rid; next !== undefined; next = window.unpark()?.rid) {
            window.accept(next);
            plain.parked.delete(next);
            plain.open.add((plain.last = next));
          }
        }
        const oldest = Math.min(...plain.open);
        if (!answer || plain.open.size === 0) continue;
        window.answered(oldest, `answer ${oldest}`, 1);
        plain.open.delete(oldest);
        plain.answers = [...plain.answers, oldest].slice(-Math.max(size, 2));
        for (const kept of plain.answers) assert.equal(window.answerTo(kept), `answer ${kept}`);
      }
      assert.deepEqual([window.last, window.allParked().length], [plain.last, plain.parked.size]);
    }),
    { numRuns: 2000 },
  );
});

test('BOSH-ACK-10: what is kept for a repeat is bounded in bytes, and the newest answer always kept', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 8 }),
      (sizes, size) => {
        const window = new RidWindow<never, number>(0, size, 4000);
        sizes.forEach((bytes, rid) => {
          if (rid > 0) window.accept(rid);
          window.answered(rid, bytes, bytes);
          const kept = sizes.map((_, old) => window.answerTo(old)).filter((old) => old !== undefined);
          assert.equal(window.answerTo(rid), bytes);
          assert.ok(kept.length === 1 || kept.reduce((sum, old) => sum + old, 0) <= 4000);
        });
      },
    ),
  );
});

const heldRequest = fc.record({
  deadline: fc.nat({ max: 100 }),
  isAlive: fc.boolean(),
  isBare: fc.boolean(),
  isOpening: fc.constant(false),
});

const holding: fc.Arbitrary<Holding> = fc
  .record({
    held: fc.array(heldRequest, { maxLength: 4 }),
    hold: fc.nat({ max: 3 }),
    polling: fc.boolean(),
    hasPayload: fc.boolean(),
    isPausing: fc.boolean(),
    isReporting: fc.boolean(),
    serverIsFull: fc.boolean(),
    end: fc.constantFrom('asked' as const, 'told' as const, undefined),
    now: fc.nat({ max: 100 }),
  })
  .map((state) => ({ ...state, held: state.held.map((request, i): HeldRequest => ({ ...request, rid: i + 1 })) }));

const isLate = ({ held, now }: Holding): boolean => held.some(({ isAlive, deadline }) => isAlive && deadline <= now);
const isAnyAlive = ({ held }: Holding): boolean => held.some(({ isAlive }) => isAlive);

test('BOSH-PAY-07: whatever the state, only the oldest request is answered', () => {
  fc.assert(
    fc.property(holding, (state) => {
      const answer = nextAnswer(state);
      if (answer !== undefined) assert.equal(answer.rid, state.held[0]?.rid);
    }),
  );
});

test('BOSH-PAY-05: whatever the state, something is answered when the time of any request is up', () => {
  fc.assert(
    fc.property(holding, (state) => {
      if (isLate(state)) assert.notEqual(nextAnswer(state), undefined);
      const deadline = nextDeadline(state.held);
      assert.equal(deadline !== Infinity, isAnyAlive(state));
      if (deadline !== Infinity) assert.ok(isLate({ ...state, now: deadline }));
      if (deadline !== Infinity) assert.ok(!isLate({ ...state, now: deadline - 1 }));
    }),
  );
});

test('BOSH-BRK-06: whatever the state, nothing is answered where nobody listens, and no payload goes to the dead', () => {
  fc.assert(
    fc.property(holding, (state) => {
      const answer = nextAnswer(state);
      if (!isAnyAlive(state)) assert.equal(answer, undefined);
      else if (state.held[0]?.isAlive === false) assert.equal(answer?.content, 'nothing');
    }),
  );
});

test('BOSH-PAY-06, BOSH-PAY-12: whatever the state, no more than hold requests are left waiting, and none of a polling session', () => {
  fc.assert(
    fc.property(holding, (state) => {
      let { held, hasPayload } = state;
      for (let answer = nextAnswer({ ...state, held, hasPayload }); answer !== undefined && answer.content !== 'end';) {
        if (answer.content === 'payload') hasPayload = false;
        held = held.slice(1);
        answer = nextAnswer({ ...state, held, hasPayload });
      }
      const waiting = held.filter(({ isAlive }) => isAlive).length;
      if (state.end !== undefined || state.serverIsFull) return;
      assert.ok(waiting <= (state.polling ? 0 : state.hold), `${waiting} waiting`);
    }),
  );
});

test('BOSH-PAUSE-02: whatever the state, a pause request is answered without payload', () => {
  fc.assert(
    fc.property(holding, (state) => {
      const [oldest] = state.held;
      if (oldest?.isBare === true && state.end === undefined) assert.notEqual(nextAnswer(state)?.content, 'payload');
    }),
  );
});

test('B-52: whatever the state, an ended session answers all its living requests', () => {
  fc.assert(
    fc.property(holding, (state) => {
      if (state.end === undefined || !isAnyAlive(state)) return;
      assert.notEqual(nextAnswer(state), undefined);
    }),
  );
});
