import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';

const message = (id: string | number): string => `<message xmlns='jabber:client' id='${id}'/>`;

test('B-01: no attributes at all', async (t) => {
  const bench = await startBench(t);
  const response = await bench.bosh().post(body({}));
  assert.ok(response.status === 400 || readAnswer(response).condition === 'bad-request');
  await bench.proveHealthy();
});

for (const sid of ['random', '', 'x'.repeat(100_000), '__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
  test(`B-14: sid='${sid.slice(0, 20)}' is not found`, async (t) => {
    const bench = await startBench(t);
    const answer = await bench.bosh().ask('', { sid });
    assert.deepEqual([answer.status, answer.condition], [200, 'item-not-found']);
    await bench.proveHealthy();
  });
}

for (const to of [
  'example.com&apos; from=&apos;admin@example.com',
  'example.com&#10;',
  'example.com ',
  'exa mple.com',
  'example.com&lt;',
  'example.com/',
  '@example.com',
  'example.com&#9;x',
  '%00example.com',
  `${'a'.repeat(64)}.example.com`,
  'a..example.com',
  '.example.com',
  '-a.example.com',
  'a-.example.com',
  `${'abc.'.repeat(300)}com`,
  '..',
]) {
  test(`B-17, B-18, B-19: to='${to.slice(0, 30)}' reaches no server`, async (t) => {
    const bench = await startBench(t);
    const { type, condition } = await bench.bosh().create({ to });
    assert.equal(type, 'terminate');
    assert.match(condition ?? '', /^(improper-addressing|bad-request)$/);
    await bench.proveHealthy();
  });
}

for (const to of [
  '127.0.0.1',
  '[::1]',
  'localhost',
  '169.254.169.254',
  '2130706433',
  '0x7f.1',
  '10.0.0.1',
  'ехample.com',
  'unknown.test',
]) {
  test(`B-20, B-21: to='${to}' is not served`, async (t) => {
    const bench = await startBench(t);
    const { type, condition } = await bench.bosh().create({ to });
    assert.equal(type, 'terminate');
    assert.match(condition ?? '', /^(host-unknown|improper-addressing)$/);
    await bench.proveHealthy();
  });
}

for (const to of ['127.0.0.1', '[::1]', '169.254.169.254', '2130706433', '0x7f.1', '10.0.0.1']) {
  test(`B-20, BOSH-SEC-10: to='${to}' is not served by an open gateway either`, async (t) => {
    const bench = await startBench(t, { domains: {}, serveOthers: true });
    const start = performance.now();
    const { type, condition } = await bench.bosh().create({ to });
    assert.equal(type, 'terminate');
    assert.match(condition ?? '', /^(host-unknown|improper-addressing)$/);
    assert.ok(performance.now() - start < 1000);
  });
}

for (const route of [
  'xmpp:127.0.0.1:22',
  'xmpp:redis.internal:6379',
  'xmpp:h:5222&#13;&#10;X',
  'xmpp:h:0',
  'xmpp:h:70000',
  'xmpp::5222',
  ':::',
  '',
]) {
  test(`B-23, B-24: route='${route}' leads nowhere`, async (t) => {
    const bench = await startBench(t, {}, { autoLogin: true });
    const answer = await bench.bosh().create({ route });
    if (answer.type === 'terminate') assert.match(answer.condition ?? '', /^(host-unknown|bad-request)$/);
    else assert.equal(bench.u.connections.length, 1);
  });
}

test('B-26, B-28: a huge wait and a huge hold are clamped, and no timer overflows', async (t) => {
  const bench = await startBench(t);
  for (const wait of ['65536', '4294967296', '99999999999']) {
    const { client, server } = await bench.session({ wait, hold: 255 });
    assert.deepEqual([client.created['wait'], client.created['hold']], ['60', '1']);
    const held = await client.send();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(held.http.waiting, 0);
    server.reset();
  }
});

for (const ack of ['-1', 'x', '99999999', '1', '', '1e3']) {
  test(`B-34: ack='${ack}' does not harm what is kept for a repeat`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    const held = await client.send(message('a'));
    await server.expect("id='a'");
    server.send("<message id='x'/>");
    const { text } = await held.answer;
    const answer = await client.ask('', { ack, type: undefined, pause: 1 });
    if (answer.type === 'terminate') assert.equal(answer.condition, 'bad-request');
    else assert.equal((await (await client.again(held.rid)).answer).text, text);
  });
}

test('B-39: a hundred restarts open no second stream', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const { condition } = await (await client.restart()).answer;
  assert.equal(condition, 'bad-request');
  for (let i = 0; i < 20; i++) assert.equal((await (await client.restart()).answer).type, 'terminate');
  await server.expectEnd();
  await bench.proveHealthy();
});

test('B-47: 100,000 empty payloads in one body', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session();
  const response = await client.post(body({ rid: client.rid + 1, sid: client.sid }, '<a/>'.repeat(100_000)));
  assert.equal(readAnswer(response).condition, 'policy-violation');
  await bench.proveHealthy();
});

test('B-48: a stanza of 50 MB', async (t) => {
  const bench = await startBench(t);
  const { client } = await bench.session();
  const http = await bench.http();
  http.write(
    `POST /http-bind/ HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n${body({ rid: client.rid + 1, sid: client.sid }).slice(0, -7)}`,
  );
  assert.equal((await http.response()).status, 413);
  await bench.proveHealthy();
});

test('B-50: a stream name that was never given', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const held = await client.send(message('x'), { stream: 'x' });
  const event = await server.event();
  if (event.kind === 'end') assert.equal((await held.answer).condition, 'item-not-found');
  else assert.match(event.text, /id='x'/);
});

test('B-51: a payload in jabber:server is never requalified', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.send("<message xmlns='jabber:server' id='s'/>");
  const event = await server.event();
  if (event.kind === 'element') assert.match(event.text, /^<message xmlns='jabber:server'/);
});

test('UP-XML-12, UP-XML-13: stanzas pass as they are, whatever they say', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const odd = "<message xmlns='jabber:client' from='someone@else.test' type='nonsense'><unknown/></message>";
  await client.send(odd);
  assert.equal(await server.expect('<message'), odd);
});

test('BOSH-SEC-07: ten thousand unknown sids harm nobody', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const http = await bench.http();
  for (let i = 0; i < 1000; i++) {
    const response = await http.request({ path: '/http-bind/', body: body({ rid: 1, sid: `guess-${i}` }) });
    assert.equal(readAnswer(response).condition, 'item-not-found');
  }
  await client.send(message('alive'));
  await server.expect('alive');
});
