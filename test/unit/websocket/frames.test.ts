import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import * as ws from 'ws';
import { writeFrames } from '../../../src/websocket/frames.ts';
import type { Stanza } from '../../../src/xml/stanza.ts';

/** Not in the types of the library. */
const { Receiver } = ws as unknown as { readonly Receiver: new (options: { isServer: boolean }) => Writable };

const stanza = (text: string): Stanza => {
  const xml = `<message xmlns='jabber:client'><body>${text}</body></message>`;
  return { xml, name: 'message', ns: 'jabber:client', bytes: Buffer.byteLength(xml) };
};
/** So that the whole has that many bytes. */
const ofBytes = (bytes: number): Stanza => stanza('a'.repeat(bytes - stanza('').bytes));

/** What the frames of a real connection say to the receiver of a library. */
async function received(t: TestContext, stanzas: readonly Stanza[]): Promise<string[]> {
  const server = createServer((socket) => {
    writeFrames(socket, stanzas, (error) => socket.end(error === null || error === undefined ? '' : 'failed'));
  });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const receiver = new Receiver({ isServer: false });
  const messages: string[] = [];
  receiver.on('message', (data: Buffer) => messages.push(data.toString()));
  client.pipe(receiver);
  await once(client, 'close');
  return messages;
}

test('WS-03: each stanza is one text message, whatever its length and characters, and they come in order', async (t) => {
  const lengths = [62, 125, 126, 127, 4095, 4096, 65_535, 65_536, 200_000].map(ofBytes);
  const texts = ['', 'é', 'Съешь же ещё', '😀'.repeat(3000), 'ÿ'.repeat(40)].map(stanza);
  const mixed = lengths.flatMap((one, i) => [one, texts[i % texts.length] as Stanza]);
  for (const stanzas of [...lengths.map((one) => [one]), ...texts.map((one) => [one]), texts, lengths, mixed]) {
    assert.deepEqual(
      await received(t, stanzas),
      stanzas.map(({ xml }) => xml),
    );
  }
});
