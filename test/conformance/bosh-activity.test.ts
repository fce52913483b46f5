import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { GatewayOptions } from '../../src/gateway.ts';
import { AUTH, startBench, SUCCESS, type Bench } from '../support/bench.ts';
import type { Attributes, BoshClient } from '../support/bosh-client.ts';
import { stillClock } from '../support/still-clock.ts';
import type { TestClock } from '../support/test-clock.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;
const LITERAL = { pollingSeconds: 5, overactivity: 'literal' } as const;
const POLLING = { hold: 0 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A gateway whose time stands still. */
async function stillBench(t: TestContext, settings: Partial<GatewayOptions> = LITERAL) {
  const clock = stillClock(t);
  return { clock, bench: await startBench(t, { clock, authenticationSeconds: 600, ...settings }) };
}

/** A polling session that has logged in and asked for nothing since long ago. Only such are judged. */
async function poller(bench: Bench, clock: TestClock, attributes: Attributes = POLLING) {
  const { client, server } = await bench.session(attributes);
  await client.ask(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  await untilText(client, /<success/, () => clock.advance(6000));
  clock.advance(6000);
  return { client, server };
}

async function untilText(client: BoshClient, wanted: RegExp, between: () => void): Promise<void> {
  for (;;) {
    await pause(5);
    between();
    if (wanted.test((await client.ask()).text)) return;
  }
}

/** The gateway has read all that was sent before: it answers this later. */
async function received(bench: Bench): Promise<void> {
  await bench.request({ method: 'GET', path: '/http-bind/' });
}

test('BOSH-OVER-01: a request beyond the window, before the ones inside are answered, ends the session', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const { rid } = client;
  const second = await client.again(rid + 2);
  const third = await client.again(rid + 3);
  assert.match((await third.answer).condition ?? '', /^(policy-violation|item-not-found)$/);
  assert.equal((await second.answer).type, 'terminate');
  await server.expectEnd();
});

for (const overactivity of ['rate', 'literal'] as const) {
  test(`BOSH-OVER-02: ${overactivity}: twenty requests with payload, each right after the other, are no violation`, async (t) => {
    const { bench } = await stillBench(t, { pollingSeconds: 5, overactivity });
    const { client, server } = await bench.login();
    let before = await client.send(message(0));
    for (let i = 1; i <= 20; i++) {
      const next = await client.send(message(i));
      assert.equal((await before.answer).type, undefined);
      await server.expect(`id='${i - 1}'`);
      before = next;
    }
  });
}

test('BOSH-OVER-03: literal: an empty request that fills the window too soon is a violation', async (t) => {
  const { bench, clock } = await stillBench(t);
  const { client, server } = await bench.login();
  const held = await client.send();
  await received(bench);
  clock.advance(1000);
  const { type, condition } = await client.ask();
  assert.deepEqual([type, condition], ['terminate', 'policy-violation']);
  assert.equal((await held.answer).type, 'terminate');
  await server.expectEnd();
});

for (const [what, payload, attributes, ms] of [
  ['with payload', message('a'), {}, 1000],
  ['that pauses', '', { pause: 10 }, 1000],
  ['that comes later than that', '', {}, 5100],
] as const) {
  test(`BOSH-OVER-03: literal: a request ${what} may fill the window`, async (t) => {
    const { bench, clock } = await stillBench(t);
    const { client, server } = await bench.login();
    const held = await client.send();
    await received(bench);
    clock.advance(ms);
    const next = await client.send(payload, attributes);
    assert.equal((await held.answer).type, undefined);
    if (payload !== '') await server.expect("id='a'");
    assert.equal((await client.send(message('fence'))).rid, next.rid + 1);
    await server.expect('fence');
  });
}

test('BOSH-OVER-03: an empty request that fills the window too soon is let pass where only the rate counts', async (t) => {
  const { bench } = await stillBench(t, { pollingSeconds: 5, overactivity: 'rate' });
  const { client } = await bench.login();
  let before = await client.send();
  for (let i = 0; i < 50; i++) {
    const next = await client.send();
    assert.equal((await before.answer).type, undefined);
    before = next;
  }
});

test('BOSH-OVER-04, BOSH-RESP-05: without polling there is no limit on the rate', async (t) => {
  const { bench, clock } = await stillBench(t, { pollingSeconds: 0, overactivity: 'literal' });
  const { client } = await poller(bench, clock);
  assert.equal(client.created['polling'], undefined);
  for (let i = 0; i < 100; i++) assert.equal((await client.ask()).type, undefined);
  const holding = (await bench.login()).client;
  const held = await holding.send();
  await holding.send();
  assert.equal((await held.answer).type, undefined);
});

test('BOSH-OVER-05, BOSH-POLL-05: literal: repeats are no new requests', async (t) => {
  const { bench, clock } = await stillBench(t);
  const { client, server } = await bench.login();
  const held = await client.send();
  for (let i = 0; i < 3; i++) await client.again(held.rid);
  const last = await client.again(held.rid);
  server.send("<message id='x'/>");
  // Repeats on living connections may be a duplicated tab's: for a moment nothing is answered.
  await bench.request({ method: 'GET', path: '/http-bind/' });
  clock.advance(300);
  assert.match((await last.answer).text, /id='x'/);
  const polling = await poller(bench, clock);
  await polling.client.ask();
  for (let i = 0; i < 3; i++) {
    const again = await polling.client.again(polling.client.rid);
    assert.equal((await again.answer).type, undefined);
  }
});

test('BOSH-OVER-06: literal: one more request than fits, if it terminates', async (t) => {
  const { bench } = await stillBench(t);
  const { client, server } = await bench.login();
  const { rid } = client;
  await client.again(rid + 2, message('b'));
  const first = await client.again(rid + 1, message('a'));
  const last = await client.again(rid + 3, '', { type: 'terminate' });
  for (const { answer } of [first, last]) assert.equal((await answer).condition, undefined);
  await server.expect("id='a'");
  await server.expect("id='b'");
  await server.expectEnd();
});

for (const attributes of [{ hold: 0 }, { wait: 0 }, { hold: 0, wait: 0 }]) {
  test(`BOSH-POLL-01: ${JSON.stringify(attributes)} makes a polling session: answers at once, and a longer inactivity`, async (t) => {
    const bench = await startBench(t);
    const { client } = await bench.session(attributes);
    const normal = (await bench.session()).client.created;
    const [inactivity, polling] = [Number(client.created['inactivity']), Number(client.created['polling'])];
    assert.ok(inactivity > Number(normal['inactivity']) + polling);
    for (let i = 0; i < 3; i++) {
      const request = await client.send();
      assert.ok((await request.answer).response.at - request.sentAt < 100);
    }
  });
}

test('BOSH-POLL-02: nobody is forced to poll: requests is never 1', async (t) => {
  const bench = await startBench(t);
  for (const hold of [0, 1, 5]) assert.ok(Number((await bench.session({ hold })).client.created['requests']) >= 2);
});

test('BOSH-POLL-03: literal: a second empty poll after an empty answer, too soon, is a violation', async (t) => {
  const { bench, clock } = await stillBench(t);
  const { client, server } = await poller(bench, clock);
  assert.deepEqual((await client.ask()).payload, []);
  clock.advance(1000);
  assert.equal((await client.ask()).condition, 'policy-violation');
  await server.expectEnd();
  assert.equal((await client.ask()).condition, 'item-not-found');
});

test('BOSH-POLL-03: literal: polls in their time are no violation', async (t) => {
  const { bench, clock } = await stillBench(t);
  const { client } = await poller(bench, clock);
  for (let i = 0; i < 10; i++) {
    assert.equal((await client.ask()).type, undefined);
    clock.advance(5100);
  }
});

test('BOSH-POLL-03: literal: who got something may ask again at once', async (t) => {
  const { bench, clock } = await stillBench(t);
  const { client, server } = await poller(bench, clock);
  // Before its restart the server may say nothing more (U-28).
  const restart = await client.restart();
  await server.expectHeader();
  server.sendHeader('');
  await restart.answer;
  clock.advance(6000);
  for (let i = 0; i < 5; i++) {
    server.send('<message/>');
    await untilText(client, /<message/, () => clock.advance(5100));
    assert.equal((await client.ask()).type, undefined);
    clock.advance(5100);
  }
});

test('BOSH-POLL-03: literal: a request with payload is no poll', async (t) => {
  const { bench, clock } = await stillBench(t);
  const { client } = await poller(bench, clock);
  for (let i = 0; i < 5; i++) {
    assert.equal((await client.ask()).type, undefined);
    assert.equal((await client.ask(message(i))).type, undefined);
  }
});

for (const seconds of [1, 5, 60]) {
  test(`BOSH-RESP-05, BOSH-POLL-03, BOSH-POLL-04: polling='${seconds}' is what is kept, with a little tolerance`, async (t) => {
    const { bench, clock } = await stillBench(t, { ...LITERAL, pollingSeconds: seconds });
    const { client } = await poller(bench, clock);
    assert.equal(client.created['polling'], String(seconds));
    clock.advance(60_000);
    await client.ask();
    clock.advance(seconds * 1000 - 50);
    assert.equal((await client.ask()).type, undefined);
    clock.advance(seconds * 1000 - 200);
    assert.equal((await client.ask()).condition, 'policy-violation');
  });
}

test('BOSH-POLL-04: the wall clock may jump', async (t) => {
  const bench = await startBench(t, { ...LITERAL, pollingSeconds: 0.3 });
  const { client, server } = await bench.session(POLLING);
  await client.ask(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  await pause(300);
  assert.match((await client.ask()).text, /<success/);
  const { now } = Date;
  t.mock.method(Date, 'now', () => now() - 3_600_000);
  await pause(300);
  assert.equal((await client.ask()).type, undefined);
  await pause(300);
  assert.equal((await client.ask()).type, undefined);
  t.mock.method(Date, 'now', () => now() + 3_600_000);
  assert.equal((await client.ask()).condition, 'policy-violation');
});

test('BOSH-POLL-05: literal: who waits for features may ask for them: after creation', async (t) => {
  const { bench } = await stillBench(t, { ...LITERAL, creationWaitSeconds: 0 });
  const client = bench.bosh();
  await client.create(POLLING);
  for (let i = 0; i < 5; i++) assert.equal((await client.ask()).type, undefined);
  await (await bench.u.accept()).negotiate();
  await untilText(client, /<stream:features/, () => {});
});

test('BOSH-POLL-05: literal: who waits for features may ask for them: after a restart', async (t) => {
  const { bench, clock } = await stillBench(t);
  const { client, server } = await poller(bench, clock);
  assert.equal((await (await client.restart()).answer).type, undefined);
  await server.expectHeader();
  assert.equal((await client.ask()).type, undefined);
});

for (const [mode, settings] of [
  ['rate', {}],
  ['literal', LITERAL],
] as const) {
  test(`B-43: ${mode}: a storm of empty polls is a violation`, async (t) => {
    const { bench, clock } = await stillBench(t, settings);
    const { client, server } = await poller(bench, clock);
    let answer = await client.ask();
    for (let i = 0; i < 100 && answer.type === undefined; i++) {
      clock.advance(10);
      answer = await client.ask();
    }
    assert.equal(answer.condition, 'policy-violation');
    await server.expectEnd();
  });
}

test('B-43: rate: a burst of polls is let pass, and polls in their time always', async (t) => {
  const { bench, clock } = await stillBench(t, { pollingSeconds: 5 });
  const { client } = await poller(bench, clock);
  for (let i = 0; i < 10; i++) assert.equal((await client.ask()).type, undefined);
  for (let i = 0; i < 100; i++) {
    clock.advance(5000);
    assert.equal((await client.ask()).type, undefined);
  }
});

test('BOSH-POLL-05: rate: polls before the login, which are not judged, are not held against the client after it', async (t) => {
  const { bench, clock } = await stillBench(t, { pollingSeconds: 5 });
  const { client, server } = await bench.session(POLLING);
  for (let i = 0; i < 50; i++) assert.equal((await client.ask()).type, undefined);
  await client.ask(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  await untilText(client, /<success/, () => clock.advance(50));
  for (let i = 0; i < 5; i++) assert.equal((await client.ask()).type, undefined);
});
