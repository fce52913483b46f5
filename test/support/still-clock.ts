import type { TestContext } from 'node:test';
import { TestClock } from './test-clock.ts';

/** A clock for a whole gateway that stands still until the test moves it. Afterwards time flies, so that the gateway can stop. */
export function stillClock(t: TestContext): TestClock {
  const clock = new TestClock();
  t.after(() => {
    const timer = setInterval(() => clock.advance(1000), 5);
    timer.unref();
    setTimeout(() => clearInterval(timer), 5000).unref();
  });
  return clock;
}
