import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { AUTH, BIND, startBench, SUCCESS } from '../support/bench.ts';
import { body, HTTPBIND, readAnswer, type BoshAnswer } from '../support/bosh-client.ts';
import { childInfosets, faultsOf, infoset } from '../support/infoset.ts';
import type { RawResponse } from '../support/raw-http.ts';
import { CLIENT_HEADER } from '../support/namespace-vectors.ts';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';
const message = (id: string): string => `<message xmlns='jabber:client' id='${id}'/>`;

/** One `{httpbind}body`, namespace-well-formed, and nothing else: no declaration, comment, instruction, DTD or entity. CDATA may be. */
function assertStrict(what: string, { bytes, text, header }: RawResponse): void {
  assert.ok(bytes.length > 0, `${what}: an empty answer`);
  assert.equal(Number(header('content-length')), bytes.length, what);
  assert.deepEqual(faultsOf(bytes), [], `${what}: ${text}`);
  assert.match(infoset(bytes, { lang: 'none' }), new RegExp(`^\\{${HTTPBIND}\\}body(?:\\[|\\(|$)`), what);
  assert.match(text, /^<body [^]*(?:\/>|<\/body>)$/, what);
  const markup = text.replaceAll(/<!\[CDATA\[[^]*?\]\]>/g, '');
  assert.doesNotMatch(markup, /<[!?]|&(?!amp;|lt;|gt;|quot;|apos;|#)/, what);
}

/** Every kind of answer that one session and its unlucky sisters can get. */
async function everyAnswer(t: TestContext): Promise<Map<string, RawResponse>> {
  const bench = await startBench(t);
  const all = new Map<string, RawResponse>();
  const note = (what: string, { response }: BoshAnswer): void => void all.set(what, response);
  const { client, server } = await bench.session({ wait: 1 });
  note('creation, again', await (await client.again(client.rid)).answer);
  note('empty after wait', await client.ask());
  const auth = await client.send(AUTH);
  await server.expect('<auth');
  server.send(`<failure xmlns='${SASL}'><not-authorized/><text xml:lang='en'>a &amp; b</text></failure>`);
  note('SASL failure', await auth.answer);
  const again = await client.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  note('SASL success', await again.answer);
  const restart = await client.restart();
  await server.expectHeader();
  server.sendHeader(`${BIND}<c xmlns='http://jabber.org/protocol/caps' node='a&apos;&lt;&quot;'/>`);
  note('features', await restart.answer);
  const older = await client.send(message('a'));
  await server.expect("id='a'");
  const newer = await client.again(older.rid, message('a'));
  note('superseded', await older.answer);
  server.send(
    "<iq type='result' id='&lt;'/><x:y xmlns:x='urn:x' x:z='1'>&#128512;<![CDATA[<&]]></x:y><message xml:lang='fr'><body>é]]&gt;</body></message>",
  );
  note('stanzas', await newer.answer);
  note('replay', await (await client.again(newer.rid)).answer);
  const freed = await client.send();
  const held = await client.send(message('b'));
  note('freed by the next', await freed.answer);
  note('pause', await client.ask('', { pause: 5 }));
  note('freed by a pause', await held.answer);
  const last = await client.send();
  note('empty beside terminate', await client.ask('', { type: 'terminate' }));
  note('terminate', await last.answer);
  note('unknown sid', await client.ask());
  await everyRefusal(bench, note, all);
  return all;
}

async function everyRefusal(
  bench: Awaited<ReturnType<typeof startBench>>,
  note: (what: string, answer: BoshAnswer) => void,
  all: Map<string, RawResponse>,
): Promise<void> {
  note('host-unknown', await bench.bosh().create({ to: 'unknown.test' }));
  note('improper-addressing', await bench.bosh().create({ to: '&lt;&apos;&gt;' }));
  note('bad-request', await bench.bosh().create({ wait: '&lt;&quot;&gt;' }));
  all.set('not well-formed', await bench.bosh().post('<body'));
  all.set('legacy bad-request', await bench.bosh().post(body({ rid: 1, to: 'example.com', wait: 'x' })));
  note('policy-violation', await (await bench.session()).client.ask('', { pause: 9999 }));
  const broken = (await bench.session()).client;
  const innocent = await broken.send();
  note('item-not-found', await broken.ask('', { rid: 9_999_999 }));
  note('other-request', await innocent.answer);
  const failing = await bench.session();
  const error = await failing.client.send();
  failing.server.send(`<stream:error><conflict xmlns='${STREAM_ERRORS}'/></stream:error></stream:stream>`);
  note('remote-stream-error', await error.answer);
  const lost = await bench.session();
  const losing = await lost.client.send();
  lost.server.reset();
  note('remote-connection-failed', await losing.answer);
  const held = await (await bench.session()).client.send();
  void bench.gateway.stop();
  note('system-shutdown', await held.answer);
}

test('BOSH-HTTP-02, BOSH-BODY-09: every kind of answer is one {httpbind}body, strictly well-formed, and nothing more', async (t) => {
  for (const wrong of ['<body><x:y/></body>', '<a/><b/>', '<a/>x', '<a>']) assert.notDeepEqual(faultsOf(wrong), []);
  const answers = await everyAnswer(t);
  assert.equal(answers.size, 25);
  for (const [what, answer] of answers) assertStrict(what, answer);
  const conditions = [...answers.values()].map((answer) => readAnswer(answer).condition);
  for (const condition of ['item-not-found', 'other-request', 'remote-stream-error', 'system-shutdown']) {
    assert.ok(conditions.includes(condition), condition);
  }
});

test('XBOSH-03: whatever prefix the server has for it, an iq comes to the client in jabber:client', async (t) => {
  const bench = await startBench(t);
  for (const [header, iq] of [
    [
      "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'",
      "<iq type='result' id='1'><q xmlns='urn:q'/></iq>",
    ],
    [
      "xmlns:c='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'",
      "<c:iq type='result' id='1'><q xmlns='urn:q'/></c:iq>",
    ],
  ] as const) {
    const client = bench.bosh();
    const created = client.create();
    const server = await bench.u.accept();
    await server.expectHeader();
    server.send(`<stream:stream ${header} id='s' from='example.com' version='1.0'><stream:features/>`);
    await created;
    const held = await client.send("<iq xmlns='jabber:client' type='get' id='1'><q xmlns='urn:q'/></iq>");
    await server.expect("id='1'");
    server.send(iq);
    const { payload, text } = await held.answer;
    assert.deepEqual(payload, ['{jabber:client}iq[@id="1", @type="result"]({urn:q}q)']);
    assert.match(text, /<(?:\w+:)?iq [^>]*xmlns(?::\w+)?=['"]jabber:client['"]/);
  }
});

for (const [what, sent] of [
  ['inherits httpbind', "<iq type='get' id='1'><q xmlns='urn:q'/><in/></iq>"],
  ['repeats httpbind', `<iq xmlns='${HTTPBIND}' type='get' id='1'><q xmlns='urn:q'/><in/></iq>`],
  ['is in jabber:client', "<iq xmlns='jabber:client' type='get' id='1'><q xmlns='urn:q'/><in/></iq>"],
] as const) {
  test(`XBOSH-04: a stanza that ${what} reaches the server in jabber:client, and what it holds too`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    await client.send(sent);
    const [got] = childInfosets(`${CLIENT_HEADER}${(await server.event()).text}</stream:stream>`, { lang: 'none' });
    assert.equal(got, '{jabber:client}iq[@id="1", @type="get"]({urn:q}q, {jabber:client}in)');
  });
}

const ERRORS_OF_SERVERS = [
  `<stream:error><conflict xmlns='${STREAM_ERRORS}'/></stream:error>`,
  `<stream:error><policy-violation xmlns='${STREAM_ERRORS}'/><text xmlns='${STREAM_ERRORS}' xml:lang='de'>zu &lt;viel&gt;</text><too-many xmlns='urn:app' n='1'><x/></too-many></stream:error>`,
  "<stream:error><own xmlns='urn:app'/></stream:error>",
  '<stream:error/>',
];

for (const error of ERRORS_OF_SERVERS) {
  for (const when of ['before features', 'while a request is held', 'while none is'] as const) {
    test(`BOSH-ERR-08: ${when}, ${error.slice(14, 40)} is remote-stream-error with all that it says`, async (t) => {
      const bench = await startBench(t);
      let answer: Promise<BoshAnswer>;
      if (when === 'before features') {
        const creating = bench.bosh().create();
        const server = await bench.u.accept();
        await server.expectHeader();
        server.sendHeader();
        server.send(`${error}</stream:stream>`);
        answer = creating;
      } else {
        const { client, server } = await bench.session();
        const held = when === 'while none is' ? undefined : await client.send();
        server.send(`${error}</stream:stream>`);
        await server.closed();
        answer = held?.answer ?? client.ask();
      }
      const { type, condition, payload } = await answer;
      const [wanted] = childInfosets(
        `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>${error}</stream:stream>`,
      );
      const comparable = payload.map((one) => one.replace(/ lang="en"/, ''));
      assert.deepEqual([type, condition, comparable], ['terminate', 'remote-stream-error', [wanted]]);
    });
  }
}

test('BOSH-ERR-08: without a stream error nothing is called remote-stream-error', async (t) => {
  const bench = await startBench(t);
  for (const end of ['</stream:stream>', '', '<wrong']) {
    const { client, server } = await bench.session();
    const held = await client.send();
    server.end(end);
    const { type, condition } = await held.answer;
    assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed'], end);
  }
});
