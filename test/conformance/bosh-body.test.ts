import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { body, HTTPBIND, readAnswer, XBOSH } from '../support/bosh-client.ts';
import { infoset } from '../support/infoset.ts';

const GOOD = "<message xmlns='jabber:client' id='good'/>";
const ALIVE = "<message xmlns='jabber:client' id='alive'/>";

test('BOSH-BODY-01: prefix, quotes, attribute order and the form of the empty element do not matter', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const forms = [
    `<b:body xmlns:b='${HTTPBIND}' rid='1' to='example.com' ver='1.11'/>`,
    `<body to="example.com" ver="1.11" rid="1" xmlns="${HTTPBIND}"></body>`,
    `<?xml version='1.0' encoding='UTF-8'?>\n<body\n\tver = '1.11' to='example.com' rid='1'  xmlns='${HTTPBIND}' />\n`,
  ];
  for (const text of forms) assert.ok(readAnswer(await bench.bosh().post(text)).attributes['sid'], text);
});

for (const text of [
  "<body rid='1' to='example.com' ver='1.11'/>",
  `<BODY xmlns='${HTTPBIND}' rid='1' to='example.com' ver='1.11'/>`,
  `<Body xmlns='${HTTPBIND}' rid='1' to='example.com' ver='1.11'/>`,
  "<body xmlns='jabber:client' rid='1' to='example.com' ver='1.11'/>",
]) {
  test(`BOSH-BODY-01, X-37: no wrapper, no session: ${text.slice(0, 30)}`, async (t) => {
    const bench = await startBench(t);
    const answer = readAnswer(await bench.bosh().post(text));
    assert.deepEqual([answer.type, answer.condition], ['terminate', 'bad-request']);
    await bench.proveHealthy();
  });
}

for (const bad of ['<!-- c -->', '<?a b?>', '<!DOCTYPE body>', '&nbsp;', '<x>']) {
  test(`BOSH-BODY-02: ${bad} is refused in the prolog, in the wrapper and in a payload; nothing is forwarded`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    const good = body({ rid: client.rid + 1, sid: client.sid }, GOOD);
    const inPayload = GOOD.replace('/>', `>${bad}</message>`);
    for (const text of [bad + good, good.replace('</body>', `${bad}</body>`), good.replace(GOOD, GOOD + inPayload)]) {
      const answer = readAnswer(await client.post(text));
      assert.equal(answer.condition, 'bad-request', text);
    }
    await client.send(ALIVE);
    await server.expect('alive');
  });
}

test('BOSH-BODY-03: text in the wrapper is refused, white space is dropped', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const text = body({ rid: client.rid + 1, sid: client.sid }, `x${GOOD}`);
  assert.equal(readAnswer(await client.post(text)).condition, 'bad-request');
  await client.send(`\n ${ALIVE}\t\r\n<presence xmlns='jabber:client'/> `);
  await server.expect('alive');
  await server.expect('<presence');
  assert.doesNotMatch(server.received, />\s+</);
});

test('BOSH-BODY-04: several payloads of any namespace are forwarded in order; CDATA keeps its content', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.send(
    "<iq xmlns='jabber:client'/><message xmlns='jabber:client'><![CDATA[<&]]>&#65;</message><foo xmlns='urn:foo'/>",
  );
  await server.expect('<iq');
  assert.match(infoset(await server.expect('<message')), /message.*\("<&A"\)/);
  assert.equal(infoset(await server.expect('<foo')), '{urn:foo}foo');
});

test('BOSH-BODY-05, B-13: a request needs a rid', async (t) => {
  const bench = await startBench(t);
  const creation = readAnswer(await bench.bosh().post(body({ to: 'example.com', ver: '1.11' })));
  assert.equal(creation.condition, 'bad-request');
  const { client, server } = await bench.session();
  const without = readAnswer(await client.post(body({ sid: client.sid }, GOOD)));
  assert.match(without.condition ?? '', /^(bad-request|item-not-found)$/);
  await client.send(ALIVE);
  await server.expect('alive');
});

test('BOSH-BODY-06: nothing of a request is forwarded where a part of it is wrong', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  for (const wrong of ['<message>', '<x:a/>', '</message>']) {
    const text = body({ rid: client.rid + 1, sid: client.sid }, GOOD + wrong);
    assert.equal(readAnswer(await client.post(text)).condition, 'bad-request', wrong);
  }
  await client.send(ALIVE);
  await server.expect('alive');
});

test('BOSH-BODY-06, NSV-12: a payload in no namespace is bad-request, and the one before it is not forwarded', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  const answer = await client.ask(`${GOOD}<presence xmlns=''/>`);
  assert.deepEqual([answer.type, answer.condition], ['terminate', 'bad-request']);
  await server.expectEnd();
});

test('BOSH-BODY-07: unknown attributes of the wrapper are ignored', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  await client.send(ALIVE, { foo: '1', 'xmlns:x': 'urn:x', 'x:y': 'z', window: '5', secure: 'true', requests: 'x' });
  await server.expect('alive');
});

test('BOSH-BODY-08, X-47: restart is told by namespace, not by prefix', async (t) => {
  const { client, server } = await (await startBench(t)).login();
  // A restart is not due any more: what is taken for one ends the session.
  await client.send(ALIVE, { 'xmlns:xmpp': 'urn:other', 'xmpp:restart': 'true', restart: 'true' });
  await server.expect('alive');
  const answer = await client.ask('', { 'xmlns:q': XBOSH, 'q:restart': 'true' });
  assert.deepEqual([answer.type, answer.condition], ['terminate', 'bad-request']);
});

test('BOSH-BODY-10, X-24: requests are UTF-8, and say nothing else', async (t) => {
  const bench = await startBench(t);
  const text = `<?xml version='1.0' encoding='ISO-8859-1'?>${body({ rid: 1, to: 'example.com', ver: '1.11' })}`;
  assert.equal(readAnswer(await bench.bosh().post(text)).condition, 'bad-request');
  await bench.proveHealthy();
});

const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
const attributes = (count: number): string => `<a${Array.from({ length: count }, (_, i) => ` a${i}=''`).join('')}/>`;
const stanza = (content: string): string => `<message xmlns='jabber:client'>${content}</message>`;

for (const [what, fits, exceeds] of [
  ['depth', stanza(nested(14)), stanza(nested(15))],
  ['attributes', stanza(attributes(20)), stanza(attributes(21))],
  ['names', stanza(`<${'n'.repeat(100)}/>`), stanza(`<${'n'.repeat(101)}/>`)],
  ['payloads', '<iq/>'.repeat(10), '<iq/>'.repeat(11)],
] as const) {
  test(`BOSH-BODY-11: limit of ${what}: reached is fine, crossed is policy-violation`, async (t) => {
    const limits = { maxDepth: 16, maxAttributes: 20, maxNameLength: 100, maxPayloads: 10 };
    const bench = await startBench(t, limits);
    const { client, server } = await bench.session();
    await client.send(fits);
    await server.event();
    const answer = readAnswer(await client.post(body({ rid: client.rid + 1, sid: client.sid }, exceeds)));
    assert.deepEqual([answer.status, answer.condition], [200, 'policy-violation']);
  });
}

test('BOSH-BODY-11, NS-12: limit of declarations on the wrapper', async (t) => {
  const bench = await startBench(t, { maxDeclarations: 10 });
  const { client, server } = await bench.session();
  const declare = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`xmlns:p${i}`, `urn:${i}`]));
  await client.send(ALIVE, declare(9));
  await server.expect('alive');
  const text = body({ rid: client.rid + 1, sid: client.sid, ...declare(10) }, GOOD);
  assert.equal(readAnswer(await client.post(text)).condition, 'policy-violation');
});

test('BOSH-BODY-11, H-21: limit of bytes: reached is fine, crossed is refused', async (t) => {
  const bench = await startBench(t, { maxBodyBytes: 10_000 });
  const { client, server } = await bench.session();
  const text = (size: number): string => {
    const frame = body({ rid: client.rid + 1, sid: client.sid }, stanza(''));
    return frame.replace('></message>', `>${'x'.repeat(size - frame.length)}</message>`);
  };
  const answer = client.post(text(10_000));
  await server.expect('xxx');
  server.send('<iq/>');
  assert.equal((await answer).status, 200);
  client.rid++;
  assert.equal((await client.post(text(10_001))).status, 413);
});
