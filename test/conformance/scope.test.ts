import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';

const FOREIGN = [
  [
    "SCOPE-01: a component's handshake",
    "<handshake xmlns='jabber:component:accept'>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>",
  ],
  ['SCOPE-01: a component binding', "<bind xmlns='urn:xmpp:component:0'><hostname>chat.example.com</hostname></bind>"],
  ['SCOPE-02: dialback', "<db:result xmlns:db='jabber:server:dialback' from='a.test' to='example.com'>key</db:result>"],
  ['SCOPE-02: bidi', "<bidi xmlns='urn:xmpp:bidi'/>"],
] as const;

for (const [name, xml] of FOREIGN) {
  test(`${name} is refused, by BOSH and by WebSocket, and never reaches the server`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.session();
    const { type, condition } = await client.ask(xml);
    assert.deepEqual([type, condition], ['terminate', 'bad-request']);
    await server.expectEnd();
    assert.doesNotMatch(server.received, /component|dialback|bidi/);

    const { client: socket, server: other } = await bench.stream();
    socket.send(xml);
    assert.match(await socket.message(), /<stream:error.*<policy-violation /);
    await other.expectEnd();
    assert.doesNotMatch(other.received, /component|dialback|bidi/);
  });
}

test("SCOPE-01, SCOPE-02: the gateway's own streams are those of clients", async (t) => {
  const bench = await startBench(t);
  const { server } = await bench.session();
  assert.match(server.received, /xmlns='jabber:client'/);
  assert.doesNotMatch(server.received, /jabber:(component|server)|xmlns:db/);
});

const ASK = "<iq xmlns='jabber:client' type='get' id='reg1'><query xmlns='jabber:iq:register'/></iq>";
const FORM = "<iq type='result' id='reg1'><query xmlns='jabber:iq:register'><username/><password/></query></iq>";
const SUBMIT =
  "<iq xmlns='jabber:client' type='set' id='reg2'><query xmlns='jabber:iq:register'><username>bill</username><password>Calliope</password></query></iq>";

test('SCOPE-03: somebody registers before he logs in (XEP-0077), by BOSH and by WebSocket', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const asked = await client.send(ASK);
  await server.expect("id='reg1'");
  server.send(FORM);
  assert.match((await asked.answer).text, /<username/);
  const submitted = await client.send(SUBMIT);
  await server.expect('Calliope');
  server.send("<iq type='result' id='reg2'/>");
  assert.match((await submitted.answer).text, /id='reg2'/);

  const { client: socket, server: other } = await bench.stream();
  socket.send(ASK);
  await other.expect("id='reg1'");
  other.send(FORM);
  assert.match(await socket.message(), /<username/);
  socket.send(SUBMIT);
  await other.expect('Calliope');
  other.send("<iq type='result' id='reg2'/>");
  assert.match(await socket.message(), /id='reg2'/);
});
