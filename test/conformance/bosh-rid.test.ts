import assert from 'node:assert/strict';
import test from 'node:test';
import { AUTH, startBench, SUCCESS } from '../support/bench.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;

test('BOSH-RID-01: rids up to 2^53 - 1 are exact', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session({}, { firstRid: 9_007_199_254_740_900 });
  let before = await client.send(message('first'));
  await server.expect('first');
  while (client.rid < Number.MAX_SAFE_INTEGER) {
    const next = await client.send(message(client.rid));
    const answer = await before.answer;
    assert.deepEqual([answer.type, answer.status], [undefined, 200]);
    await server.expect(/<message/);
    before = next;
  }
  server.send("<message id='last'/>");
  const { text } = await before.answer;
  assert.equal((await (await client.again(Number.MAX_SAFE_INTEGER, message('other'))).answer).text, text);
});

for (const rid of ['9007199254740992', '0', '-5', '+5', '1.0', '1e3', '0x10', '', ' 7 ', 'abc', '9'.repeat(10_000)]) {
  test(`BOSH-RID-02, B-02, B-03: rid='${rid.slice(0, 20)}' in a session is refused`, async (t) => {
    const bench = await startBench(t);
    const { client } = await bench.session();
    const { type, condition } = await (await client.request({ rid, sid: client.sid }, message('no'))).answer;
    assert.equal(type, 'terminate');
    assert.match(condition ?? '', /^(bad-request|item-not-found)$/);
    assert.doesNotMatch(bench.u.received, /id='no'/);
  });
}

test('BOSH-RID-03: requests out of order are answered in order', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const second = await client.again(client.rid + 2, message('b'));
  const first = await client.again(client.rid + 1, message('a'));
  await server.expect("id='a'");
  await server.expect("id='b'");
  assert.deepEqual((await first.answer).payload, []);
  server.send("<message id='x'/>");
  assert.match((await second.answer).text, /id='x'/);
});

test('BOSH-RID-04: the window is (last, last + requests]', async (t) => {
  const bench = await startBench(t);
  const inside = await bench.session();
  await inside.client.again(inside.client.rid + 2, message('b'));
  await inside.client.again(inside.client.rid + 1, message('a'));
  await inside.server.expect("id='a'");
  await inside.server.expect("id='b'");
  const { client } = await bench.session();
  assert.equal((await (await client.again(client.rid + 3)).answer).condition, 'item-not-found');
});

test('BOSH-RID-05, B-07: a rid above the window ends the session and its stream', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const far = await (await client.again(client.rid + 100, message('no'))).answer;
  assert.deepEqual([far.status, far.type, far.condition], [200, 'terminate', 'item-not-found']);
  await server.expectEnd();
  assert.equal((await client.ask()).condition, 'item-not-found');
});

test('BOSH-RID-06, BOSH-BRK-04, B-08, BOSH-ERR-13: a rid far below gets the same bytes as one above, and as a wrong sid', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session({ hold: 0 });
  const first = client.rid + 1;
  for (let i = 0; i < 10; i++) await client.ask();
  const below = await (await client.again(first)).answer;
  await server.expectEnd();
  const other = (await bench.session()).client;
  const above = await (await other.again(other.rid + 1000)).answer;
  const stranger = await bench.bosh().ask('', { sid: 'nobody' });
  assert.equal(below.condition, 'item-not-found');
  assert.deepEqual([above.text, stranger.text], [below.text, below.text]);
});

test('BOSH-RID-07: requests that wait for a gap are bounded by the window', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  await client.again(client.rid + 2, message('x'));
  const beyond = await client.again(client.rid + 3, message('y'));
  assert.equal((await beyond.answer).condition, 'item-not-found');
  await server.expectEnd();
});

test('BOSH-RID-08, B-12: a parked rid that comes again: one of the two is used, the older connection is told', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const older = await client.again(client.rid + 2, message('older'));
  const newer = await client.again(client.rid + 2, message('newer'));
  assert.equal((await older.answer).type, 'error');
  await client.again(client.rid + 1, message('first'));
  await server.expect('first');
  await server.expect(/older|newer/);
  server.send("<iq id='1'/>");
  await newer.answer;
  await client.again(client.rid + 3, message('fence'));
  await server.expect('fence');
});

test('BOSH-RID-09, B-06: a leading zero does not make another rid', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session({ hold: 0 });
  await client.ask(message('once'));
  await (
    await client.request({ rid: `0${client.rid}`, sid: client.sid }, message('once'))
  ).answer;
  await client.ask(message('fence'));
  await bench.u.connections[0]?.expect('once');
  assert.equal(bench.u.received.split("id='once'").length, 2);
});

test('BOSH-BRK-01, BOSH-BRK-02, BOSH-BRK-05, B-09: an answered rid is answered again, byte for byte, and nothing is forwarded', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const answers = [];
  for (const id of ['a', 'b']) {
    const held = await client.send(message(id));
    await server.expect(`id='${id}'`);
    server.send(`<message id='to-${id}'/>`);
    answers.push(await held.answer);
  }
  const [last, lastButOne] = [client.rid, client.rid - 1];
  for (const [rid, answer] of [
    [last, answers[1]],
    [lastButOne, answers[0]],
  ] as const) {
    const repeat = await (await client.again(rid, message('other'))).answer;
    assert.equal(repeat.text, answer?.text);
    assert.equal(repeat.response.header('content-type'), answer?.response.header('content-type'));
  }
  await client.send(message('fence'));
  await server.expect('fence');
});

test('BOSH-BRK-02, BOSH-BRK-03, BOSH-ERR-10: a repeat of a held rid frees the older connection; data goes to the newer', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const older = await client.send(message('once'));
  await server.expect('once');
  const newer = await client.again(older.rid, message('once'));
  const freed = await older.answer;
  assert.deepEqual([freed.type, freed.condition, freed.payload], ['error', undefined, []]);
  server.send("<message id='x'/>");
  assert.match((await newer.answer).text, /id='x'/);
  await client.send(message('fence'));
  await server.expect('fence');
});

test('BOSH-BRK-02: a parked rid that is repeated is forwarded once', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.again(client.rid + 2, message('parked'));
  await client.again(client.rid + 2, message('parked'));
  await client.again(client.rid + 1, message('first'));
  await server.expect('first');
  await server.expect('parked');
  await client.again(client.rid + 3, message('fence'));
  await server.expect('fence');
});

test('BOSH-BRK-06: a held request whose connection died: its repeat gets the data', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send(message('a'));
  await server.expect("id='a'");
  held.abort();
  await bench.request({ method: 'GET', path: '/http-bind/' });
  server.send("<message id='kept'/>");
  assert.match((await (await client.again(held.rid, message('a'))).answer).text, /kept/);
  await client.send(message('fence'));
  await server.expect('fence');
});

test('BOSH-BRK-06: a held request whose connection died: the next rid gets the data, a late repeat an empty body', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send(message('a'));
  await server.expect("id='a'");
  held.abort();
  await bench.request({ method: 'GET', path: '/http-bind/' });
  server.send("<message id='kept'/>");
  assert.match((await client.ask()).text, /kept/);
  const late = await (await client.again(held.rid)).answer;
  assert.deepEqual([late.type, late.payload], [undefined, []]);
});

test('BOSH-BRK-07, H-35: an answer that was written is repeated to who asks again', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send(message('once'));
  await server.expect('once');
  held.http.socket.pause();
  server.send("<message id='x'/>");
  await client.send(message('other'));
  await server.expect('other');
  held.abort();
  assert.match((await (await client.again(held.rid, message('once'))).answer).text, /id='x'/);
});

test('H-35: a client that sends a request and goes away: it is processed once, its answer kept', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send(message('once'));
  held.http.end();
  await server.expect('once');
  held.abort();
  await bench.request({ method: 'GET', path: '/http-bind/' });
  const again = await client.again(held.rid, message('once'));
  server.send("<message id='x'/>");
  assert.match((await again.answer).text, /id='x'/);
  await client.send(message('fence'));
  await server.expect('fence');
});

test('BOSH-BRK-09, B-10: repeats are limited, far above what clients do; the payload is forwarded once', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send(message('once'));
  await server.expect('once');
  const few = [];
  for (let i = 0; i < 6; i++) few.push(await client.again(held.rid, message('once')));
  assert.equal((await (few[4] ?? held).answer).type, 'error');
  const many = await Promise.all(Array.from({ length: 100 }, () => client.again(held.rid, message('once'))));
  const conditions = await Promise.all(many.map(async ({ answer }) => (await answer).condition));
  assert.ok(conditions.includes('policy-violation'));
  await server.expectEnd();
});

test('BOSH-BRK-11: a repeat of the creation rid makes no second session', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const { attributes, condition } = await (await client.again(client.rid)).answer;
  assert.ok(attributes['sid'] === client.sid || condition === 'item-not-found');
  assert.deepEqual([bench.u.connections.length, server.ended], [1, undefined]);
});

test('BOSH-ERR-11: after the older connection was turned away, repeats of all that is open forward nothing twice', async (t) => {
  const { client, server } = await (await startBench(t, { maxHold: 2 })).session({ hold: 2 });
  const [first, second] = [await client.send(message('a')), await client.send(message('b'))];
  await server.expect("id='a'");
  await server.expect("id='b'");
  const [third, fourth] = [await client.again(first.rid, message('a')), await client.again(second.rid, message('b'))];
  assert.deepEqual([(await first.answer).type, (await second.answer).type], ['error', 'error']);
  server.send("<message id='x'/>");
  await third.answer;
  server.send("<message id='y'/>");
  await fourth.answer;
  await client.send(message('fence'));
  await server.expect('fence');
});

test('XBOSH-RESTART-08: a repeated restart restarts once', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const auth = await client.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  await auth.answer;
  const restart = await client.restart();
  await server.expectHeader();
  const attributes = { 'xmlns:xmpp': 'urn:xmpp:xbosh', 'xmpp:restart': 'true' };
  const again = await client.again(restart.rid, '', attributes);
  assert.equal((await restart.answer).type, 'error');
  server.sendHeader('<a/>');
  assert.match((await again.answer).text, /features/);
  await client.send(message('fence'));
  await server.expect('fence');
});

test('BOSH-OVER-06: a terminate beyond requests is no violation', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.again(client.rid + 2, message('b'));
  client.rid += 1;
  const first = await client.again(client.rid, message('a'));
  const last = await client.again(client.rid + 2, '', { type: 'terminate' });
  await Promise.all([first.answer, last.answer]);
  await server.expect("id='a'");
  await server.expect("id='b'");
  await server.expectEnd();
});

test('B-42: a thousand rids at once end the session and nothing else', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session();
  const first = client.rid + 3;
  const all = await Promise.all(Array.from({ length: 200 }, (_, i) => client.again(first + i, message(i))));
  for (const { answer } of all) assert.match((await answer).condition ?? '', /^(item-not-found|other-request)$/);
  await bench.proveHealthy();
});
