import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { randomId } from '../../src/core/id.ts';
import { startBench } from '../support/bench.ts';
import { XBOSH } from '../support/bosh-client.ts';
import { eventually } from '../support/waiting.ts';

/** Ids of a process of its own, as after a restart. */
async function idsOfAnotherProcess(count: number): Promise<string[]> {
  const file = join(import.meta.dirname, '../../src/core/id.ts');
  const script = `import { randomId } from ${JSON.stringify(file)};
    for (let i = 0; i < ${count}; i++) console.log(randomId());`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    maxBuffer: 2 ** 24,
  });
  return stdout.trim().split('\n');
}

test('BOSH-RESP-01: a hundred thousand sids, of several processes, are all different and share no structure', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const sids: string[] = [];
  for (let i = 0; i < 50; i++) sids.push((await bench.bosh().create()).attributes['sid'] ?? '');
  const restarted = await Promise.all([idsOfAnotherProcess(1000), idsOfAnotherProcess(1000)]);
  sids.push(...Array.from({ length: 100_000 }, randomId), ...restarted.flat());
  assert.equal(new Set(sids).size, 102_050);
  // 128 bits take 22 characters of six bits; each but the last one has all 64 values, about equally often.
  const counts = Array.from({ length: 26 }, () => new Map<string, number>());
  for (const sid of sids) {
    assert.match(sid, /^[\w-]{27}$/);
    for (const [place, count] of counts.entries()) count.set(sid[place] ?? '', (count.get(sid[place] ?? '') ?? 0) + 1);
  }
  const usual = sids.length / 64;
  for (const count of counts) {
    assert.equal(count.size, 64);
    for (const times of count.values())
      assert.ok(Math.abs(times - usual) < 8 * Math.sqrt(usual), `${times} of ${usual}`);
  }
});

test('BOSH-RESP-02, BOSH-RESP-06, BOSH-RESP-11: the creation answer says what is granted', async (t) => {
  const {
    client: { created },
  } = await (await startBench(t)).session();
  for (const name of ['wait', 'requests', 'inactivity', 'hold', 'maxpause'])
    assert.match(created[name] ?? '', /^\d+$/, name);
  assert.deepEqual([created['inactivity'], created['requests'], created['hold']], ['30', '2', '1']);
});

test('BOSH-RESP-05, BOSH-RESP-09, BOSH-RESP-12: nothing is announced that is not kept', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session();
  assert.equal(client.created['charsets'], undefined);
  const coded = await bench.request({ path: '/http-bind/', headers: { 'Content-Encoding': 'gzip' }, body: 'x' });
  if (client.created['accept'] === undefined) assert.equal(coded.status, 415);
});

test('BOSH-RESP-08, XBOSH-07, XBOSH-09: from, authid and version are those of the server, told once', async (t) => {
  const bench = await startBench(t);
  const client = bench.bosh();
  const created = client.create();
  const server = await bench.u.accept();
  await server.expectHeader();
  const id = server.sendHeader('');
  const { attributes, payload } = await created;
  assert.deepEqual(
    [attributes['from'], attributes['authid'], attributes[`{${XBOSH}}version`]],
    ['example.com', id, '1.0'],
  );
  assert.equal(payload.length, 1);
  const held = await client.send();
  server.send('<message/>');
  assert.deepEqual((await held.answer).attributes, {});
});

test('BOSH-RESP-08, BOSH-RESP-14, XBOSH-07: a slow server: the session is answered without it, its header and features follow', async (t) => {
  const bench = await startBench(t, { creationWaitSeconds: 0.2 });
  const client = bench.bosh();
  const { attributes } = await client.create();
  assert.ok(attributes['sid']);
  assert.equal(attributes['from'], undefined);
  const held = await client.send();
  const server = await bench.u.accept();
  const id = server.sendHeader('<a/>');
  const later = await held.answer;
  assert.deepEqual(
    [later.attributes['from'], later.attributes['authid'], later.payload.length],
    ['example.com', id, 1],
  );
});

test('BOSH-RESP-13: what belongs to creation is in no later answer', async (t) => {
  const { client, server } = await (await startBench(t)).session({ wait: 1 });
  const held = await client.send();
  server.send('<message/>');
  const answers = [await held.answer, await client.ask(), await client.ask('', { type: 'terminate' })];
  for (const { attributes } of answers)
    assert.deepEqual(
      Object.keys(attributes).filter((name) => name !== 'type'),
      [],
    );
});

test('BOSH-RESP-15: a server that cannot be reached: remote-connection-failed and no session', async (t) => {
  const bench = await startBench(t);
  const { port } = bench.u;
  await bench.u.stop();
  const answer = await bench.bosh().create();
  assert.ok(port > 0);
  assert.deepEqual([answer.type, answer.condition], ['terminate', 'remote-connection-failed']);
  await bench.settled();
});

test('BOSH-RESP-15, BOSH-ERR-09: a server that hangs up before its header: remote-connection-failed', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create();
  (await bench.u.accept()).reset();
  const answer = await created;
  assert.deepEqual([answer.type, answer.condition], ['terminate', 'remote-connection-failed']);
  await bench.proveHealthy();
});

test('BOSH-RESP-16, BOSH-ERR-15: a server lost while nothing is held: the next request learns it', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  server.reset();
  await eventually('the stream is gone', () => bench.gateway.stats().streams === 0);
  assert.equal((await client.ask()).condition, 'remote-connection-failed');
  assert.match((await client.ask()).condition ?? '', /^(item-not-found|remote-connection-failed)$/);
  await bench.settled();
});

test('BOSH-RESP-17: values of the server header are escaped', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.send(
    `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='&apos;&lt;&amp;"' from="a&lt;'&amp;&gt;" version='1.0'><stream:features/>`,
  );
  const { attributes } = await created;
  assert.deepEqual([attributes['authid'], attributes['from']], [`'<&"`, "a<'&>"]);
});

test('XBOSH-08: restartlogic is in the creation answer, by namespace', async (t) => {
  const { client } = await (await startBench(t)).session();
  assert.equal(client.created[`{${XBOSH}}restartlogic`], 'true');
});
