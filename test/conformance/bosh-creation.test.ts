import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import test from 'node:test';
import { startBench } from '../support/bench.ts';
import { body, readAnswer } from '../support/bosh-client.ts';
import { chunked, requestBytes } from '../support/raw-http.ts';

const auto = { autoLogin: true };
const XML_LANG = '{http://www.w3.org/XML/1998/namespace}lang';

test('BOSH-SESSION-01: a request with a sid never creates a session', async (t) => {
  const bench = await startBench(t);
  for (const sid of ['unknown', '']) {
    const answer = await bench.bosh().create({ sid });
    assert.deepEqual([answer.type, answer.condition], ['terminate', 'item-not-found']);
  }
  await bench.proveHealthy();
});

for (const to of [
  undefined,
  '',
  ' ',
  'u@example.com',
  'example.com/r',
  'a b',
  'x'.repeat(1024),
  `${'a.'.repeat(520)}b`,
]) {
  test(`BOSH-SESSION-02, BOSH-SESSION-04, B-16: to='${to?.slice(0, 20)}' is improper-addressing`, async (t) => {
    const bench = await startBench(t);
    const answer = await bench.bosh().create({ to });
    assert.deepEqual([answer.status, answer.type, answer.condition], [200, 'terminate', 'improper-addressing']);
    await bench.proveHealthy();
  });
}

test('BOSH-SESSION-03: a domain that is not served is host-unknown, a retired one host-gone', async (t) => {
  const bench = await startBench(t, { retiredDomains: ['old.test'] });
  assert.equal((await bench.bosh().create({ to: 'unknown.test' })).condition, 'host-unknown');
  assert.equal((await bench.bosh().create({ to: 'old.test' })).condition, 'host-gone');
  await bench.proveHealthy();
});

test('BOSH-SESSION-04: case and one trailing dot do not matter; the header has the normal form', async (t) => {
  const bench = await startBench(t);
  for (const to of ['EXAMPLE.com', 'example.com.', 'ExAmPlE.CoM.']) {
    const created = bench.bosh().create({ to });
    const server = await bench.u.accept();
    assert.match(await server.expectHeader(), / to='example\.com'/);
    server.sendHeader('');
    assert.ok((await created).attributes['sid']);
  }
});

test('BOSH-SESSION-04: U-label and A-label are the same served domain', async (t) => {
  const { u } = await startBench(t);
  const domains = { 'bücher.example': { host: '127.0.0.1', port: u.port, tls: 'none' } } as const;
  const bench = await startBench(t, { domains });
  for (const to of ['bücher.example', 'BÜCHER.example', 'xn--bcher-kva.example']) {
    const created = bench.bosh().create({ to });
    const server = await u.accept();
    assert.match(await server.expectHeader(), / to='xn--bcher-kva\.example'/);
    server.sendHeader('');
    assert.ok((await created).attributes['sid']);
  }
});

for (const from of ['user@example.com', '@@', 'user@other.test', "a'b@example.com", '&quot;&gt;@example.com']) {
  test(`BOSH-SESSION-05, B-46: from='${from}' is no part of a clear text header`, async (t) => {
    const bench = await startBench(t);
    const created = bench.bosh().create({ from: from.replace("'", '&apos;') });
    const server = await bench.u.accept();
    assert.doesNotMatch(await server.expectHeader(), / from=/);
    server.sendHeader('');
    assert.ok((await created).attributes['sid']);
  });
}

test('BOSH-SESSION-06: xml:lang goes on the stream header', async (t) => {
  const bench = await startBench(t);
  const created = bench.bosh().create({ 'xml:lang': 'pt-BR' });
  const server = await bench.u.accept();
  assert.match(await server.expectHeader(), / xml:lang='pt-BR'/);
  server.sendHeader('');
  assert.ok((await created).attributes['sid']);
});

for (const [client, granted] of [
  ['1.6', '1.6'],
  ['1.11', '1.11'],
  ['1.20', '1.11'],
  ['2.0', '1.11'],
  ['1.10', '1.10'],
  ['0.9', '0.9'],
]) {
  test(`BOSH-SESSION-07, BOSH-RESP-04: ver='${client}' is answered by '${granted}'`, async (t) => {
    const {
      client: { created },
    } = await (await startBench(t)).session({ ver: client });
    assert.equal(created['ver'], granted);
  });
}

test('BOSH-SESSION-08, BOSH-ERR-02: a client without ver gets HTTP codes', async (t) => {
  const bench = await startBench(t, { maxPayloads: 5 });
  const legacy = { ver: undefined };
  assert.equal((await bench.bosh().create({ ...legacy, wait: 'x' })).status, 400);
  const { client } = await bench.session(legacy);
  assert.equal((await client.ask('', { rid: 9_999_999 })).status, 404);
  const other = (await bench.session(legacy)).client;
  assert.equal((await other.ask('', { pause: 60_000 })).status, 403);
  const { client: modern } = await bench.session();
  const answer = await modern.ask('', { rid: 9_999_999 });
  assert.deepEqual([answer.status, answer.condition], [200, 'item-not-found']);
});

test('BOSH-SESSION-09: wait is what the client asks, up to the maximum, never more', async (t) => {
  const bench = await startBench(t, { maxWaitSeconds: 30 });
  for (const [asked, granted] of [
    [5, '5'],
    [30, '30'],
    [86_400, '30'],
    [0, '0'],
    [65_536, '30'],
    ['99999999999', '30'],
  ]) {
    const { client, server } = await bench.session({ wait: asked });
    assert.equal(client.created['wait'], granted);
    server.reset();
  }
});

test('BOSH-SESSION-10, BOSH-RESP-03, BOSH-RESP-07: hold is never above the request; requests is above hold', async (t) => {
  const bench = await startBench(t, { maxHold: 2 });
  for (const [asked, granted] of [
    [0, 0],
    [1, 1],
    [2, 2],
    [10, 2],
    [255, 2],
  ]) {
    const { client, server } = await bench.session({ hold: asked });
    assert.equal(Number(client.created['hold']), granted);
    assert.ok(Number(client.created['requests']) > (granted ?? 0));
    server.reset();
  }
});

test('BOSH-SESSION-11: only rid and to are needed', async (t) => {
  const bench = await startBench(t, {}, auto);
  const { attributes } = readAnswer(await bench.bosh().post(body({ rid: 7, to: 'example.com' })));
  assert.ok(attributes['sid']);
  assert.ok(Number(attributes['wait']) <= 60);
  assert.equal(attributes['hold'], '1');
});

test('BOSH-SESSION-12: route is ignored', async (t) => {
  const bench = await startBench(t);
  const decoy = createServer(() => assert.fail('the route was followed'));
  await new Promise<void>((resolve) => decoy.listen(0, '127.0.0.1', resolve));
  t.after(() => decoy.close());
  const { port } = decoy.address() as { port: number };
  const { client } = await bench.session({ route: `xmpp:127.0.0.1:${port}` });
  assert.ok(client.sid);
});

for (const [what, content, type] of [
  ['absent', undefined, 'text/xml; charset=utf-8'],
  ['chosen', 'application/xml; charset=utf-8', 'application/xml; charset=utf-8'],
] as const) {
  test(`BOSH-SESSION-15: content ${what}: that is the type of every answer`, async (t) => {
    const { client, server } = await (await startBench(t)).session({ content, wait: 1 });
    const types = [(await client.ask()).response.header('content-type')];
    const held = await client.send();
    server.send('<message/>');
    types.push((await held.answer).response.header('content-type'));
    types.push((await (await client.again(held.rid)).answer).response.header('content-type'));
    types.push((await client.ask('', { type: 'terminate' })).response.header('content-type'));
    assert.deepEqual(types, [type, type, type, type]);
  });
}

test('BOSH-SESSION-15: the creation answer has the chosen type too', async (t) => {
  const bench = await startBench(t, {}, auto);
  const answer = await bench.bosh().create({ content: 'application/xml; charset=utf-8' });
  assert.equal(answer.response.header('content-type'), 'application/xml; charset=utf-8');
});

for (const content of [
  'text/html&#13;&#10;Set-Cookie: a=b',
  'text/html',
  '',
  'xml',
  `text/${'x'.repeat(10_000)}`,
  'multipart/x-mixed-replace',
]) {
  test(`BOSH-SESSION-16, B-31, B-32, B-33: content='${content.slice(0, 30)}' is refused`, async (t) => {
    const bench = await startBench(t);
    const answer = await bench.bosh().create({ content });
    assert.equal(answer.condition, 'bad-request');
    assert.equal(answer.response.header('set-cookie'), undefined);
    await bench.proveHealthy();
  });
}

test('BOSH-SESSION-17: secure is ignored', async (t) => {
  const bench = await startBench(t);
  for (const secure of ['true', 'false', 'x']) assert.ok((await bench.session({ secure })).client.sid);
});

test('BOSH-SESSION-18, B-15: creation attributes in later requests change nothing', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const later = { wait: 1, hold: 9, content: 'text/plain', ver: '9.9', to: 'example.com', 'xml:lang': 'fr' };
  const held = await client.send('', later);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  server.send('<message/>');
  const { response } = await held.answer;
  assert.match(response.text, /<message/);
  assert.equal(response.header('content-type'), 'text/xml; charset=utf-8');
  assert.equal(bench.u.untaken, 0);
});

test('BOSH-SESSION-19: payloads of the creation request follow the header, before later ones', async (t) => {
  const bench = await startBench(t);
  const client = bench.bosh();
  const created = client.create({}, "<message xmlns='jabber:client' id='first'/>");
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader('');
  await created;
  await client.send("<message xmlns='jabber:client' id='second'/>");
  await server.expect('first');
  await server.expect('second');
});

test('BOSH-SESSION-20: a repeated creation makes another session; the orphan expires', async (t) => {
  const bench = await startBench(t, { firstRequestSeconds: 1 });
  const first = await bench.session();
  const second = await bench.session();
  assert.notEqual(first.client.sid, second.client.sid);
  await second.client.send();
  await first.server.expectEnd();
  assert.equal(bench.gateway.stats().sessions, 1);
});

// prettier-ignore
const MALFORMED: readonly (readonly [id: string, name: string, values: readonly string[]])[] = [
  ['BOSH-SESSION-21, B-25', 'wait', ['', ' ', '-1', '1.5', '1e2', '1e9', '0x3c', '٦٠', '60s', 'NaN', 'Infinity', '+5', ' 5']],
  ['BOSH-SESSION-21, B-27', 'hold', ['-1', '256', '1.5', 'x', '', '1e1']],
  ['BOSH-SESSION-07, B-30', 'ver', ['abc', '1', '1.', '.6', '1.6.2', '1.-6', '', '1.6 ', '1,6']],
  ['BOSH-RID-02, B-02', 'rid', ['', ' 12 ', 'abc', '1.0', '1e3', '0x10', '+12', '-12', '0', '12abc']],
  ['BOSH-RID-02, B-03', 'rid', ['9007199254740992', '9007199254740993', '99999999999999999999']],
  ['B-04, B-05', 'rid', ['9'.repeat(10_000), '١٢٣', '１２３']],
];

for (const [id, name, values] of MALFORMED) {
  test(`${id}: malformed ${name} is bad-request, and no session`, async (t) => {
    const bench = await startBench(t);
    for (const value of values) {
      const answer = await bench.bosh().create({ [name]: value });
      assert.deepEqual([answer.status, answer.condition], [200, 'bad-request'], value);
    }
    await bench.proveHealthy();
  });
}

test('B-45: a hostile xml:lang leaves the header well-formed', async (t) => {
  const bench = await startBench(t);
  for (const lang of ['&quot;&lt;x&gt;', 'x'.repeat(10_000), 'en_US', 'a&apos; from=&apos;b']) {
    const created = bench.bosh().create({ 'xml:lang': lang });
    const server = await bench.u.accept();
    assert.match(await server.expectHeader(), /^<stream:stream( [a-z:]+='[^'<]*')+>$/);
    server.sendHeader('');
    assert.equal((await created).attributes[XML_LANG], undefined);
  }
});

test('H-11: a broken chunk ends the connection, and creates nothing', async (t) => {
  const bench = await startBench(t);
  for (const wrong of ['zz\r\nabc\r\n', '3;' + 'x'.repeat(20_000) + '\r\nabc\r\n', '3\r\nabcXX']) {
    const http = await bench.http();
    http.write(requestBytes({ headers: { 'Transfer-Encoding': 'chunked' } }));
    http.write(chunked(body({ rid: 1, to: 'example.com' }), 1000)[0] ?? '');
    http.write(wrong);
    await http.closed();
  }
  await bench.proveHealthy();
});
