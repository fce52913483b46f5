import assert from 'node:assert/strict';
import test from 'node:test';
import { startBench } from '../support/bench.ts';

// Answers and frames that are written another way than short ones, and stanzas that come together.

const stanza = (id: number, text: string): string =>
  `<message xmlns='jabber:client' xml:lang='en' id='m${id}'><body>${text}</body></message>`;

/** On both sides of the lengths at which the gateway writes in pieces, and of what one read of a socket brings. */
const TEXTS = {
  'of 4,000 characters': 'a'.repeat(4000),
  'of 4,000 characters beyond ASCII': 'é'.repeat(4000),
  'of 64 KiB': 'lorem &lt;ipsum&gt; &amp; so on '.repeat(2300),
  'of 64 KiB beyond ASCII': 'привет, мир! '.repeat(3000),
  'of 300 KB with all kinds of characters': 'a😀é&quot;]]&gt; \t'.repeat(15_000),
};

for (const [what, text] of Object.entries(TEXTS)) {
  test(`BOSH-PAY-10, WS-03: a text ${what} comes through both ways whole, by BOSH`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.login();
    const held = await client.send();
    server.send(stanza(1, text));
    const { text: body } = await held.answer;
    assert.ok(body.includes(stanza(1, text)));
    assert.ok(body.endsWith('</body>'));
    await client.send(stanza(2, text));
    await server.expect(stanza(2, text));
  });

  test(`BOSH-PAY-10, WS-03: a text ${what} comes through both ways whole, by WebSocket`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.streamLogin();
    server.send(stanza(1, text));
    assert.ok((await client.message('the message')) === stanza(1, text));
    client.send(stanza(2, text));
    await server.expect(stanza(2, text));
  });
}

test('BOSH-PAY-10: what the server sends together leaves in one answer, in order', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.login();
  const held = await client.send();
  const stanzas = Array.from({ length: 20 }, (_, i) => stanza(i, `number ${i}`));
  server.send(stanzas.join(''));
  const { text } = await held.answer;
  assert.ok(text.includes(stanzas.join('')));
});

test('WS-03: what the server sends together leaves in as many messages, in order', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.streamLogin();
  const stanzas = Array.from({ length: 20 }, (_, i) => stanza(i, i % 3 === 0 ? 'é'.repeat(3000) : 'a'.repeat(i)));
  server.send(stanzas.join(''));
  for (const one of stanzas) assert.ok((await client.message('a message')) === one);
});
