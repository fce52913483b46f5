import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import { eventually } from '../support/waiting.ts';

const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;

test('BOSH-ERR-01: a client with ver gets 200 whatever goes wrong', async (t) => {
  const bench = await startBench(t);
  const answers = [
    await bench.bosh().create({ to: 'unknown.test' }),
    await bench.bosh().create({ wait: 'x' }),
    await bench.bosh().create({ to: '' }),
    await (await bench.session()).client.ask('', { rid: 9_999_999 }),
    await (await bench.session()).client.ask('', { pause: 60_000 }),
    await (await bench.session()).client.ask("<presence xmlns=''/>"),
  ];
  for (const { status, type, condition } of answers) assert.deepEqual([status, type], [200, 'terminate'], condition);
});

test('BOSH-ERR-02: for a client without ver, other conditions stay 200', async (t) => {
  const bench = await startBench(t);
  const unknown = await bench.bosh().create({ ver: undefined, to: 'unknown.test' });
  assert.deepEqual([unknown.status, unknown.condition], [200, 'host-unknown']);
  await bench.u.stop();
  const failed = await bench.bosh().create({ ver: undefined });
  assert.deepEqual([failed.status, failed.condition], [200, 'remote-connection-failed']);
});

test('BOSH-ERR-04: after a terminal condition nothing of the session is left', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  for (let i = 0; i < 100; i++) {
    const client = bench.bosh();
    await client.create();
    await client.ask('', i % 2 === 0 ? { rid: 9_999_999 } : { type: 'terminate' });
    assert.equal((await client.ask()).condition, 'item-not-found');
  }
  await bench.settled();
  await eventually('U saw all of them close', () => bench.u.connections.every(({ ended }) => ended === 'end tag'));
});

test('BOSH-ERR-09: a server lost while a request is held: remote-connection-failed at once', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const held = await client.send();
  server.reset();
  const { type, condition } = await held.answer;
  assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
  assert.equal((await client.ask()).type, 'terminate');
});

test('BOSH-ERR-12: a SASL failure is a payload; the session goes on', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  for (let i = 0; i < 2; i++) {
    const held = await client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>");
    await server.expect('<auth');
    server.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
    const { type, payload } = await held.answer;
    assert.deepEqual(
      [type, payload],
      [undefined, ['{urn:ietf:params:xml:ns:xmpp-sasl}failure({urn:ietf:params:xml:ns:xmpp-sasl}not-authorized)']],
    );
  }
});

test('BOSH-ERR-12: a stanza error is a payload; the session goes on', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send(message('m'));
  await server.expect("id='m'");
  server.send("<message type='error' id='m'><error type='cancel'/></message>");
  assert.equal((await held.answer).type, undefined);
  await client.send(message('alive'));
  await server.expect('alive');
});

test('BOSH-ERR-13: terminal bodies say nothing of sids, addresses or the program', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session();
  const texts = [
    (await client.ask('', { rid: 9_999_999 })).text,
    (await bench.bosh().ask('', { sid: 'nobody' })).text,
    (await bench.bosh().post('<wrong')).text,
  ];
  await bench.u.stop();
  texts.push((await bench.bosh().create()).text);
  for (const text of texts) assert.doesNotMatch(text, /127\.0\.0\.1|\.ts|Error|at |ECONN|5222/, text);
});

test('BOSH-ERR-14, SCOPE-04: too many sessions are refused before anything is dialled; those that are go on', async (t) => {
  const bench = await startBench(t, { maxSessions: 1 });
  const { client, server } = await bench.session();
  const response = await bench.bosh().post(body({ rid: 1, to: 'example.com', ver: '1.11' }));
  if (response.status === 200) assert.equal(readAnswer(response).condition, 'policy-violation');
  else assert.ok(response.status === 503 && response.header('retry-after') !== undefined);
  assert.equal(bench.u.untaken, 0);
  await client.send(message('alive'));
  await server.expect('alive');
});

test('A-01: a body that is not well-formed ends no session, although it names one', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const answer = readAnswer(await client.post(`${body({ rid: client.rid + 1, sid: client.sid })}x`));
  assert.equal(answer.condition, 'bad-request');
  await client.send(message('alive'));
  await server.expect('alive');
});

test('BOSH-ERR-03: an unauthenticated session that is too slow is told a condition of BOSH', async (t) => {
  const bench = await startBench(t, { authenticationSeconds: 1 });
  const { client } = await bench.session();
  assert.equal((await client.ask()).condition, 'policy-violation');
});
