import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { GatewayOptions } from '../../src/gateway.ts';
import { startBench } from '../support/bench.ts';
import type { Attributes, BoshAnswer, BoshClient } from '../support/bosh-client.ts';
import type { ServerConnection } from '../support/scripted-server.ts';
import { stillClock } from '../support/still-clock.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;

/** A session that holds up to `hold` requests, in a time that stands still. */
async function held(t: TestContext, hold: number, attributes: Attributes = {}, settings: Partial<GatewayOptions> = {}) {
  const clock = stillClock(t);
  const bench = await startBench(t, { maxHold: hold, clock, ...settings });
  return { bench, clock, ...(await bench.session({ hold, ...attributes })) };
}

/** A request that the server answers by a message with the same id. */
async function echo(client: BoshClient, server: ServerConnection, id: string, attributes: Attributes = {}) {
  const request = await client.send(message(id), attributes);
  await server.expect(`id='${id}'`);
  server.send(`<message id='to-${id}'/>`);
  return request.answer;
}

async function repeat(client: BoshClient, rid: number): Promise<BoshAnswer> {
  return (await client.again(rid)).answer;
}

test('BOSH-ACK-01: an answer says up to which rid all requests have come', async (t) => {
  const { client, server } = await held(t, 2);
  const [first, second] = [await client.send(message('a')), await client.send(message('b'))];
  await server.expect("id='a'");
  await server.expect("id='b'");
  server.send('<message/>');
  assert.equal((await first.answer).attributes['ack'], String(second.rid));
});

test('BOSH-ACK-02: what came behind a gap is not acknowledged until the gap is filled', async (t) => {
  const { bench, client, server } = await held(t, 3);
  const first = await client.send(message('a'));
  const third = await client.again(first.rid + 2, message('c'));
  // What the gateway answers now, it answers after it has read the third request.
  await bench.request({ method: 'GET', path: '/http-bind/' });
  await server.expect("id='a'");
  server.send('<message/>');
  assert.match((await first.answer).attributes['ack'] ?? String(first.rid), new RegExp(`^${first.rid}$`));
  const second = await client.again(first.rid + 1, message('b'));
  await server.expect("id='b'");
  server.send('<message/>');
  assert.equal((await second.answer).attributes['ack'], String(third.rid));
});

test('BOSH-ACK-03, BOSH-RESP-10: the creation answer acknowledges its rid, and all later answers go on with it', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session({}, { firstRid: 1_573_741_820 });
  assert.equal(client.created['ack'], '1573741820');
  let before = await client.send(message(0));
  for (let i = 1; i < 20; i++) {
    const next = await client.send(message(i));
    assert.equal((await before.answer).attributes['ack'], String(next.rid));
    before = next;
  }
});

test('BOSH-ACK-04: the rid that is answered is not acknowledged in words', async (t) => {
  const { client, server } = await held(t, 1);
  for (const id of ['a', 'b', 'c']) {
    const { text, attributes } = await echo(client, server, id);
    assert.match(text, new RegExp(`to-${id}`));
    assert.equal(attributes['ack'], undefined);
  }
});

test('BOSH-ACK-05: ack=N releases the answers up to N, and nothing above', async (t) => {
  const { client, server } = await held(t, 1, { ack: 1 });
  const { rid } = client;
  await echo(client, server, 'a');
  const second = await echo(client, server, 'b', { ack: rid });
  const third = await echo(client, server, 'c', { ack: rid + 1 });
  assert.equal((await repeat(client, rid + 2)).text, second.text);
  assert.equal((await repeat(client, rid + 3)).text, third.text);
  assert.equal((await repeat(client, rid + 1)).condition, 'item-not-found');
  await server.expectEnd();
});

test('BOSH-ACK-05, BOSH-ACK-10: what is not acknowledged is kept, however many more requests came', async (t) => {
  const { client, server } = await held(t, 1, { ack: 1 });
  const { rid } = client;
  const texts: string[] = [];
  for (let i = 0; i < 20; i++) texts.push((await echo(client, server, `m${i}`, { ack: rid })).text);
  for (const [i, text] of texts.entries()) assert.equal((await repeat(client, rid + 1 + i)).text, text);
});

test('BOSH-ACK-06: a request without ack says that all answers before it have come', async (t) => {
  const { client, server } = await held(t, 1, { ack: 1 });
  const { rid } = client;
  await echo(client, server, 'a', { ack: rid });
  const { text } = await echo(client, server, 'b');
  assert.equal((await repeat(client, rid + 2)).text, text);
  assert.equal((await repeat(client, rid + 1)).condition, 'item-not-found');
});

test('BOSH-ACK-07, BOSH-ACK-08: a client that lacks an answer is told at once which one, and for how long', async (t) => {
  const { clock, client, server } = await held(t, 2, { ack: 1 });
  const { rid } = client;
  await echo(client, server, 'a', { ack: rid });
  await echo(client, server, 'b');
  clock.advance(400);
  const late = await client.send('', { ack: rid + 1 });
  const { attributes, payload, response } = await late.answer;
  assert.deepEqual([attributes['report'], attributes['time'], payload], [String(rid + 2), '400', []]);
  assert.ok(response.at - late.sentAt < 100);
});

test('BOSH-ACK-08: time is that of the real clock, and a whole number', async (t) => {
  const { client, server } = await (await startBench(t)).session({ ack: 1 });
  const { rid } = client;
  const { response } = await echo(client, server, 'a');
  await new Promise((resolve) => setTimeout(resolve, 320.5));
  const late = await client.send('', { ack: rid });
  const time = (await late.answer).attributes['time'] ?? '';
  assert.match(time, /^\d+$/);
  assert.ok(Math.abs(Number(time) - (late.sentAt - response.at)) < 50, time);
});

test('BOSH-ACK-08: time ends at 65535', async (t) => {
  const { clock, client, server } = await held(
    t,
    1,
    { ack: 1 },
    { inactivitySeconds: 150, authenticationSeconds: 300 },
  );
  const { rid } = client;
  await echo(client, server, 'a');
  clock.advance(100_000);
  const { attributes } = await client.ask('', { ack: rid });
  assert.deepEqual([attributes['report'], attributes['time']], [String(rid + 1), '65535']);
});

test('BOSH-ACK-07: an answer that is merely under way is not reported, and a report is made once', async (t) => {
  const { clock, client, server } = await held(t, 1, { ack: 1 });
  const { rid } = client;
  await echo(client, server, 'a');
  assert.equal((await echo(client, server, 'b', { ack: rid })).attributes['report'], undefined);
  clock.advance(1000);
  assert.equal((await client.ask('', { ack: rid })).attributes['report'], String(rid + 1));
  assert.equal((await echo(client, server, 'c')).attributes['report'], undefined);
});

for (const ack of ['+1000', '0', '-1', 'abc', '', '1', '1e3', '1.5', '99999999999999999999']) {
  test(`BOSH-ACK-09, B-34: ack='${ack}' releases nothing, and breaks nothing`, async (t) => {
    const { client, server } = await held(t, 1, { ack: 1 });
    const { rid } = client;
    const first = await echo(client, server, 'a');
    const value = ack === '+1000' ? rid + 1000 : ack === '0' ? rid + 2 : ack;
    const second = await echo(client, server, 'b', { ack: value });
    assert.equal(second.type, undefined);
    assert.equal((await repeat(client, rid + 1)).text, first.text);
    assert.equal((await repeat(client, rid + 2)).text, second.text);
  });
}

test('BOSH-ACK-09: an ack of answers that were not given yet loses none of them', async (t) => {
  const { client, server } = await held(t, 1, { ack: 1 });
  const first = await client.send(message('a'));
  await server.expect("id='a'");
  await client.send(message('b'), { ack: first.rid });
  const { text } = await first.answer;
  assert.equal((await repeat(client, first.rid)).text, text);
});

for (const [what, size, settings] of [
  ['answers', 0, {}],
  ['bytes', 50_000, { maxReplayBytes: 262_144 }],
] as const) {
  test(`BOSH-ACK-10: too many ${what} without an acknowledgement end the session, and the client learns why`, async (t) => {
    const { bench, client, server } = await held(t, 1, { ack: 1 }, settings);
    const { rid } = client;
    const filler = `<body>${'x'.repeat(size)}</body>`;
    let answer: BoshAnswer;
    let count = 0;
    do {
      const request = await client.send('', { ack: rid });
      server.send(`<message>${filler}</message>`);
      answer = await request.answer;
    } while (answer.type === undefined && ++count < 500);
    assert.ok(count >= 4 && count < 500, `${count} answers`);
    assert.equal(answer.condition, 'policy-violation');
    // What stood in the answer that was not given goes back to its sender first.
    while ((await server.event()).kind === 'element');
    server.end();
    await bench.settled();
  });
}

for (const ack of ['0', 'yes', '', 'true', '2']) {
  test(`BOSH-SESSION-14: ack='${ack}' turns no acknowledgements on`, async (t) => {
    const { clock, client, server } = await held(t, 1, { ack });
    const { rid } = client;
    await echo(client, server, 'a');
    const second = await echo(client, server, 'b');
    clock.advance(1000);
    const third = await echo(client, server, 'c', { ack: rid });
    assert.equal(third.attributes['report'], undefined);
    assert.equal((await repeat(client, rid + 2)).text, second.text);
  });
}
