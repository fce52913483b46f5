import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { eventually } from '../support/waiting.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;
const SHORT = { inactivitySeconds: 1, maxInactivitySeconds: 3, firstRequestSeconds: 60 };

test('BOSH-INACT-01: the clock does not run while a request is held', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session({ wait: 3 });
  const held = await client.send();
  await pause(2500);
  server.send('<message/>');
  assert.equal((await held.answer).payload.length, 1);
});

test('BOSH-INACT-01, BOSH-INACT-02, BOSH-INACT-03, BOSH-RESP-06: silence ends the session, and the stream orderly', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session({ wait: 1 });
  const { at } = (await client.ask()).response;
  await server.expectEnd();
  const silence = performance.now() - at;
  assert.ok(silence >= 950 && silence < 2000, `${silence} ms`);
  assert.equal(await endedBy(server), 'end tag');
  await bench.settled();
  const late = await client.ask();
  const stranger = await bench.bosh().ask('', { sid: 'unknown' });
  assert.deepEqual([late.condition, late.text], ['item-not-found', stranger.text]);
});

async function endedBy(server: { end(): void; closed(): Promise<string> }): Promise<string> {
  server.end();
  return server.closed();
}

test('BOSH-INACT-02: a session is alive shortly before its time is up', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session({ wait: 1 });
  for (let i = 0; i < 3; i++) {
    await client.ask();
    await pause(600);
  }
  await client.send(message('alive'));
  await server.expect('alive');
});

test('BOSH-INACT-04: a repeat and a request out of order are signs of life', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session({ wait: 1, hold: 1 });
  const { rid } = client;
  await client.ask();
  for (let i = 0; i < 3; i++) {
    await pause(600);
    assert.equal((await (await client.again(rid + 1)).answer).type, undefined);
  }
  await pause(600);
  await client.again(rid + 3, message('parked'));
  await pause(600);
  await client.again(rid + 2, message('alive'));
  await server.expect('alive');
});

test('BOSH-INACT-04: data from the server is no sign of life', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session({ wait: 1 });
  await client.ask();
  const timer = setInterval(() => server.send('<presence/>'), 200);
  t.after(() => clearInterval(timer));
  await server.expectEnd();
});

test('BOSH-INACT-06, BOSH-POLL-01: a polling session is given more time', async (t) => {
  const bench = await startBench(t, SHORT);
  const normal = (await bench.session()).client.created;
  const polling = (await bench.session({ hold: 0 })).client.created;
  assert.ok(Number(polling['inactivity']) > Number(normal['inactivity']));
});

test('BOSH-INACT-07: a reset under a held request does not end the session; its clock runs from then', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session();
  const held = await client.send();
  await pause(1200);
  held.abort();
  await pause(600);
  const next = await client.send(message('alive'));
  await server.expect('alive');
  next.abort();
  await server.expectEnd();
});

test('BOSH-INACT-07, H-36: a client that half-closes while it waits keeps its session', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send();
  held.http.end();
  await pause(50);
  server.send("<message id='late'/>");
  const answer = await Promise.any([held.answer, client.ask()]);
  assert.match(answer.text, /late/);
});

test('BOSH-PAUSE-01: a pause answers everything at once, and sets the period', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session();
  const held = await client.send();
  const pausing = await client.send('', { pause: 3 });
  for (const { answer } of [held, pausing]) {
    const { payload, type, response } = await answer;
    assert.deepEqual([payload, type], [[], undefined]);
    assert.ok(response.at - pausing.sentAt < 100);
  }
  await pause(2000);
  assert.equal(bench.gateway.stats().sessions, 1);
  await server.expectEnd();
  assert.ok(performance.now() - pausing.sentAt >= 2900);
});

test('BOSH-PAUSE-02: the answer to a pause has no payload', async (t) => {
  const { client, server } = await (await startBench(t)).session({ hold: 0 });
  server.send("<message id='queued'/><iq id='fence'/>");
  await client.send(message('fence'));
  await server.expect('fence');
  const { rid } = client;
  assert.deepEqual((await client.ask('', { pause: 5 })).payload, []);
  assert.equal(client.rid, rid + 1);
});

test('BOSH-PAUSE-03: the next request restores the period', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session({ wait: 1 });
  await client.ask('', { pause: 30 });
  await client.ask();
  const from = performance.now();
  await server.expectEnd();
  assert.ok(performance.now() - from < 2000);
});

test('BOSH-PAUSE-04: a pause may be shorter than the period', async (t) => {
  const bench = await startBench(t, { inactivitySeconds: 30 });
  const { client, server } = await bench.session();
  await client.ask('', { pause: 1 });
  await server.expectEnd();
});

test('BOSH-PAUSE-05, B-35: a pause above maxpause is a violation', async (t) => {
  const bench = await startBench(t, { maxPauseSeconds: 10 });
  const { client, server } = await bench.session();
  assert.equal(client.created['maxpause'], '10');
  const { type, condition } = await client.ask('', { pause: 11 });
  assert.deepEqual([type, condition], ['terminate', 'policy-violation']);
  await server.expectEnd();
});

test('BOSH-PAUSE-05, BOSH-RESP-11: a pause where none is offered is a violation', async (t) => {
  const bench = await startBench(t, { maxPauseSeconds: 0 });
  const { client } = await bench.session();
  assert.equal(client.created['maxpause'], undefined);
  assert.equal((await client.ask('', { pause: 1 })).condition, 'policy-violation');
});

test('BOSH-PAUSE-06: a pause is permitted beyond requests', async (t) => {
  const { client } = await (await startBench(t)).session();
  const [first, second] = [await client.send(), await client.send()];
  const third = await client.send('', { pause: 5 });
  for (const { answer } of [first, second, third]) assert.equal((await answer).type, undefined);
});

test('BOSH-PAUSE-07: a repeated pause is answered empty again', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const { rid } = client;
  assert.deepEqual((await client.ask('', { pause: 5 })).payload, []);
  const again = await (await client.again(rid + 1, '', { pause: 5 })).answer;
  assert.deepEqual([again.type, again.payload], [undefined, []]);
  await client.send(message('alive'));
  await server.expect('alive');
});

test('BOSH-PAUSE-08: payloads of a pause request are forwarded', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.send("<presence xmlns='jabber:client'><show>away</show></presence>", { pause: 5 });
  await server.expect('away');
});

test('BOSH-PAUSE-09, B-35: pause=0 frees what is held and kills nothing', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send();
  assert.deepEqual((await client.ask('', { pause: 0 })).payload, []);
  assert.deepEqual((await held.answer).payload, []);
  await pause(1100);
  await client.send(message('alive'));
  await server.expect('alive');
});

test('BOSH-PAUSE-09, B-35: a malformed pause is bad-request', async (t) => {
  const bench = await startBench(t);
  for (const value of ['x', '-5', '', '1e3', '1.5']) {
    const { client } = await bench.session();
    assert.equal((await client.ask('', { pause: value })).condition, 'bad-request', value);
  }
});

test('BOSH-OVER-05: repeats of a held request are no overactivity', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send(message('once'));
  const repeats = [];
  for (let i = 0; i < 3; i++) repeats.push(await client.again(held.rid, message('once')));
  server.send("<message id='x'/>");
  assert.match((await (repeats.at(-1) ?? held).answer).text, /id='x'/);
});

test('B-11, BOSH-RID-07: a gap that never fills holds nothing for ever', async (t) => {
  const bench = await startBench(t, SHORT);
  const { client, server } = await bench.session({ wait: 1 });
  const parked = await client.again(client.rid + 2, message('never'));
  const { type, payload } = await parked.answer;
  assert.ok(type === undefined || type === 'error' || type === 'terminate');
  assert.deepEqual(payload, []);
  await server.expectEnd();
  await bench.settled();
});

test('B-54, BOSH-SEC-09: a session that never authenticates is ended', async (t) => {
  const bench = await startBench(t, { authenticationSeconds: 1 });
  const { client, server } = await bench.session({ wait: 1 });
  let answer = await client.ask();
  while (answer.type === undefined) answer = await client.ask();
  assert.equal(answer.condition, 'policy-violation');
  await server.expectEnd();
});

test('B-54: a session that authenticated stays', async (t) => {
  const bench = await startBench(t, { authenticationSeconds: 1 });
  const { client, server } = await bench.login({ wait: 1 });
  for (let i = 0; i < 2; i++) assert.equal((await client.ask()).type, undefined);
  await client.send(message('alive'));
  await server.expect('alive');
});

test('a session without a second request ends early', async (t) => {
  const bench = await startBench(t, { firstRequestSeconds: 1, inactivitySeconds: 30 });
  const { server } = await bench.session();
  await server.expectEnd();
  server.end();
  await eventually('it is gone', () => bench.gateway.stats().sessions === 0);
});
