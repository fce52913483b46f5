import { standAlone } from '../src/xml/graft.ts';
import { StreamReader, readDocument, type Slice, type StreamHandlers } from '../src/xml/reader.ts';
import { SaxesStreamReader, readSaxesDocument } from '../test/support/saxes-oracle.ts';

/**
 * What reading costs, in µs of CPU a pass, by our own scanner and by saxes, in one run: `npm run bench:xml`. Rounds are interleaved, and
 * the best one counts: what else the machine does can only make a pass slower.
 */

const HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.com' id='s1' version='1.0' xml:lang='en'>";
const BODY =
  "<body xmlns='http://jabber.org/protocol/httpbind' rid='1573741820' sid='0123456789abcdef0123456789abcdef'>";
const SIZE = 65_536;

const words = 'The quick brown fox jumps over the lazy dog and runs away. ';
const references = 'and then she said &lt;3 to all of us, so we went home &amp; slept. ';
const cyrillic = 'Съешь же ещё этих мягких французских булок, да выпей чаю. ';
const message = (text: string): string =>
  `<message xmlns='jabber:client' to='juliet@example.com/balcony' type='chat' id='8d1f'><body>${text}</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`;
const filled = (text: string, bytes: number): string => text.repeat(Math.ceil(bytes / Buffer.byteLength(text)));
const item = (i: number): string =>
  `<item jid='contact${i}@example.com' name='Contact ${i}' subscription='both'><group>Friends</group></item>`;
const items = Array.from({ length: SIZE / item(100).length }, (_, i) => item(i)).join('');

const STANZAS: Readonly<Record<string, string>> = {
  'chat message, 200 bytes': message('Wherefore art thou, Romeo?'),
  'one text, 64 KiB': message(filled(words, SIZE)),
  'one text, 64 KiB, with references': message(filled(references, SIZE)),
  'one text, 64 KiB, Cyrillic': message(filled(cyrillic, SIZE)),
  'roster, 64 KiB': `<iq xmlns='jabber:client' type='result' id='r1'><query xmlns='jabber:iq:roster'>${items}</query></iq>`,
};

type Reader = new (handlers: StreamHandlers) => { write(bytes: Uint8Array): void };

let seen = 0;
const see = (slice: Slice): void => void (seen += standAlone(slice).length);

function streamPass(Reader: Reader, stanza: string): () => void {
  const reader = new Reader({ header() {}, element: see, end() {} });
  reader.write(Buffer.from(HEADER));
  const bytes = Buffer.from(stanza);
  return () => reader.write(bytes);
}

function bodyPass(read: typeof readDocument, stanza: string): () => void {
  const bytes = Buffer.from(`${BODY}${stanza}</body>`);
  return () => read(bytes, 'children').slices.forEach(see);
}

function framePass(read: typeof readDocument, stanza: string): () => void {
  return () => read(stanza, 'root').slices.forEach(see);
}

/** µs of CPU a pass. */
function time(pass: () => void, seconds: number): number {
  const end = performance.now() + 1000 * seconds;
  const start = process.cpuUsage().user;
  let passes = 0;
  do {
    for (let i = 0; i < 20; i++) pass();
    passes += 20;
  } while (performance.now() < end);
  return (process.cpuUsage().user - start) / passes;
}

const ROUNDS = 5;

for (const [way, ours, saxes] of [
  ['stream', streamPass.bind(null, StreamReader), streamPass.bind(null, SaxesStreamReader)],
  ['BOSH body', bodyPass.bind(null, readDocument), bodyPass.bind(null, readSaxesDocument)],
  ['WebSocket message', framePass.bind(null, readDocument), framePass.bind(null, readSaxesDocument)],
] as const) {
  console.log(`\n${way.padEnd(30)}${'ours'.padStart(12)}${'saxes'.padStart(12)}${'ratio'.padStart(10)}`);
  for (const [what, stanza] of Object.entries(STANZAS)) {
    const passes = [ours(stanza), saxes(stanza)] as const;
    const best = [Infinity, Infinity];
    for (const pass of passes) time(pass, 0.2);
    for (let round = 0; round < ROUNDS; round++) {
      passes.forEach((pass, i) => (best[i] = Math.min(best[i] as number, time(pass, 0.1))));
    }
    const [us = 0, them = 0] = best;
    const columns = [us.toFixed(2).padStart(12), them.toFixed(2).padStart(12), (us / them).toFixed(3).padStart(10)];
    console.log(`${what.padEnd(30)}${columns.join('')}`);
  }
}
console.log(
  `\nµs of CPU a pass, best of ${ROUNDS}; Node ${process.versions.node}; ${seen > 0 ? 'each slice made to stand alone' : ''}`,
);
