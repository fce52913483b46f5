import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { startBench, type Bench } from '../support/bench.ts';
import { body, readAnswer, type BoshClient } from '../support/bosh-client.ts';
import { chunked, requestBytes, type RawResponse } from '../support/raw-http.ts';

const PATH = '/http-bind/';
const creation = body({ rid: 1, to: 'example.com', ver: '1.11' });
const ENCODE = { gzip: gzipSync, 'x-gzip': gzipSync, deflate: deflateSync, GZIP: gzipSync };

const post = (bench: Bench, coding: string, bytes: Uint8Array): Promise<RawResponse> =>
  bench.request({ path: PATH, headers: { 'Content-Encoding': coding }, body: bytes });

for (const [coding, encode] of Object.entries(ENCODE)) {
  test(`BOSH-RESP-09, H-23: a request in ${coding} is decoded: session and stanza`, async (t) => {
    const bench = await startBench(t);
    const { client, server } = await bench.session();
    const text = body({ rid: ++client.rid, sid: client.sid }, "<message xmlns='jabber:client'>a😀b</message>");
    void client.post(encode(text), { 'Content-Encoding': coding }).catch(() => {});
    await server.expect('a😀b');
    const autoBench = await startBench(t, {}, { autoLogin: true });
    assert.ok(readAnswer(await post(autoBench, coding, encode(creation))).attributes['sid']);
  });
}

test('BOSH-RESP-09, BOSH-HTTP-05: a compressed request may come chunked, one byte a chunk', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const http = await bench.http();
  http.write(requestBytes({ path: PATH, headers: { 'Transfer-Encoding': 'chunked', 'Content-Encoding': 'gzip' } }));
  await http.trickle(chunked(gzipSync(creation), 1));
  assert.ok(readAnswer(await http.response()).attributes['sid']);
});

test('BOSH-RESP-09: several gzip members are one body (RFC 1952 §2.2)', async (t) => {
  const bench = await startBench(t, {}, { autoLogin: true });
  const parts = [creation.slice(0, 20), creation.slice(20)].map((part) => gzipSync(part));
  assert.ok(readAnswer(await post(bench, 'gzip', Buffer.concat(parts))).attributes['sid']);
});

test('BOSH-RESP-09: accept names what is decoded, and is not there where nothing is', async (t) => {
  for (const [compression, accept] of [
    [true, 'gzip,deflate'],
    [false, undefined],
  ] as const) {
    const { client } = await (await startBench(t, { compression })).session();
    assert.equal(client.created['accept'], accept);
  }
});

test('H-23: where compression is off, a coded request is refused, and never read as text', async (t) => {
  const bench = await startBench(t, { compression: false });
  for (const bytes of [gzipSync(creation), Buffer.from(creation)]) {
    for (const coding of ['gzip', 'deflate']) assert.equal((await post(bench, coding, bytes)).status, 415);
  }
  await bench.proveHealthy();
});

test('H-23: a coding that is not read is refused with the ones that are', async (t) => {
  const bench = await startBench(t);
  for (const coding of ['br', 'zstd', 'compress', 'nonsense', '*']) {
    const { status, header } = await post(bench, coding, Buffer.from(creation));
    assert.deepEqual([status, header('accept-encoding')], [415, 'gzip, deflate'], coding);
  }
  await bench.proveHealthy();
});

const MANY_MEMBERS = Buffer.concat(Array.from({ length: 900 }, () => gzipSync(Buffer.alloc(1_000_000))));
for (const [what, coding, bomb] of [
  ['100 MB in one gzip member', 'gzip', gzipSync(Buffer.alloc(100_000_000))],
  ['900 MB in gzip members', 'gzip', MANY_MEMBERS],
  ['100 MB in deflate', 'deflate', deflateSync(Buffer.alloc(100_000_000))],
] as const) {
  test(`H-24: a bomb costs no more than its limit: ${what}`, async (t) => {
    const bench = await startBench(t);
    const before = process.memoryUsage().arrayBuffers;
    const from = process.cpuUsage();
    for (let i = 0; i < 10; i++) assert.equal((await post(bench, coding, bomb)).status, 413);
    const { user, system } = process.cpuUsage(from);
    assert.ok((user + system) / 10 < 200_000, `${user + system} µs for ten bombs`);
    assert.ok(process.memoryUsage().arrayBuffers - before < 100_000_000);
    await bench.proveHealthy();
  });
}

for (const [coding, encode] of [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
] as const) {
  test(`H-24: in ${coding}, the limit of a body counts as decoded: at it, and one byte above`, async (t) => {
    const bench = await startBench(t, { maxBodyBytes: 10_000 }, { autoLogin: true });
    const padded = (length: number): Buffer => Buffer.from(creation + ' '.repeat(length - creation.length));
    assert.ok(readAnswer(await post(bench, coding, encode(padded(10_000)))).attributes['sid']);
    assert.equal((await post(bench, coding, encode(padded(10_001)))).status, 413);
  });
}

const good = gzipSync(creation);
const wrapped = deflateSync(creation);
const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 0xff;
  return copy;
};
// prettier-ignore
const DAMAGED: readonly (readonly [what: string, coding: string, bytes: Buffer, status: number])[] = [
  ['gzip that is cut', 'gzip', good.subarray(0, -5), 400],
  ['gzip without its trailer', 'gzip', good.subarray(0, -8), 400],
  ['a gzip header alone', 'gzip', good.subarray(0, 10), 400],
  ['gzip with a wrong checksum', 'gzip', flipped(good, good.length - 6), 400],
  ['gzip with a wrong length', 'gzip', flipped(good, good.length - 1), 400],
  ['gzip that is corrupt inside', 'gzip', flipped(good, 20), 400],
  ['text that says gzip', 'gzip', Buffer.from(creation), 400],
  ['nothing that says gzip', 'gzip', Buffer.alloc(0), 400],
  ['bytes after the gzip member', 'gzip', Buffer.concat([good, Buffer.from('x')]), 400],
  ['zeros after the gzip member', 'gzip', Buffer.concat([good, Buffer.alloc(7)]), 400],
  ['half a member after the gzip member', 'gzip', Buffer.concat([good, good.subarray(0, 12)]), 400],
  ['a body after the gzip member', 'gzip', Buffer.concat([good, Buffer.from(creation)]), 400],
  ['deflate that is cut', 'deflate', wrapped.subarray(0, -3), 400],
  ['deflate with a wrong checksum', 'deflate', flipped(wrapped, wrapped.length - 1), 400],
  ['deflate without its wrapper', 'deflate', deflateRawSync(creation), 400],
  ['bytes after deflate', 'deflate', Buffer.concat([wrapped, Buffer.from('x')]), 400],
  ['deflate with a dictionary', 'deflate', deflateSync(creation, { dictionary: Buffer.from(creation) }), 400],
  ['gzip that says deflate', 'deflate', good, 400],
  ['deflate that says gzip', 'gzip', wrapped, 400],
  ['gzip twice', 'gzip, gzip', gzipSync(good), 415],
  ['gzip twice, once said', 'gzip', gzipSync(good), 200],
  ['deflate, then gzip', 'deflate, gzip', gzipSync(wrapped), 415],
];

for (const [what, coding, bytes, status] of DAMAGED) {
  test(`H-25: ${what}: nothing is processed`, async (t) => {
    const bench = await startBench(t);
    const response = await post(bench, coding, bytes);
    assert.equal(response.status, status);
    if (status === 200) assert.equal(readAnswer(response).condition, 'bad-request');
    await bench.proveHealthy();
  });
}

test('H-24, H-25: damaged requests of a living session leave it as it was', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const text = body({ rid: client.rid + 1, sid: client.sid }, "<message xmlns='jabber:client' id='no'/>");
  const coded = gzipSync(text);
  for (const bytes of [coded.subarray(0, -1), Buffer.concat([coded, Buffer.from('x')]), gzipSync(Buffer.alloc(2e7))]) {
    assert.ok([400, 413].includes((await client.post(bytes, { 'Content-Encoding': 'gzip' })).status));
  }
  await client.send("<message xmlns='jabber:client' id='alive'/>");
  assert.match(await server.expect('<message'), /alive/);
});

/** What a session's next answer looks like to a client with that Accept-Encoding. */
async function answerFor(client: BoshClient, accept: string | undefined, answered: () => void): Promise<RawResponse> {
  const text = body({ rid: ++client.rid, sid: client.sid });
  const response = client.post(text, accept === undefined ? {} : { 'Accept-Encoding': accept });
  answered();
  return response;
}

const LONG = `<message><body>${'😀 long text '.repeat(200)}</body></message>`;

// prettier-ignore
const ACCEPTED: readonly (readonly [accept: string | undefined, coding: string | undefined])[] = [
  ['gzip', 'gzip'], ['gzip, deflate, br, zstd', 'gzip'], ['deflate', 'deflate'], ['GZIP;Q=0.5', 'gzip'],
  ['gzip;q=0.5, deflate;q=0.8', 'deflate'], ['gzip;q=0, deflate', 'deflate'], ['br, gzip;q=0.001', 'gzip'],
  [undefined, undefined], ['gzip;q=0', undefined], ['gzip;q=0.000, *', undefined], ['*', undefined], ['br', undefined],
  ['identity, gzip;q=0.5', undefined], ['gzip;q=2', undefined], ['gzip;q=', undefined], ['', undefined], ['gzip;q=0, gzip', undefined],
];

test('BOSH-HTTP-06: an answer is compressed with a coding that this very request listed, or with none', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session({ hold: 1 });
  for (const [accept, coding] of ACCEPTED) {
    const response = await answerFor(client, accept, () => server.send(LONG));
    assert.equal(response.header('content-encoding'), coding, accept);
    assert.match(response.header('vary') ?? '', /Accept-Encoding/i);
    assert.equal(Number(response.header('content-length')), response.bytes.length);
    assert.equal(response.header('transfer-encoding'), undefined);
    const decode = coding === 'gzip' ? gunzipSync : coding === 'deflate' ? inflateSync : (bytes: Buffer) => bytes;
    const bytes = decode(response.bytes);
    assert.match(readAnswer({ ...response, bytes, text: bytes.toString() }).payload.join(), /😀 long text/, accept);
    if (coding !== undefined) assert.ok(response.bytes.length < LONG.length / 2);
  }
});

test('BOSH-HTTP-06: short answers are not compressed; the threshold can be set', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const short = await answerFor(client, 'gzip', () => server.send('<message/>'));
  assert.equal(short.header('content-encoding'), undefined);
  assert.match(short.header('vary') ?? '', /Accept-Encoding/i);
  const other = await startBench(t, { compressAboveBytes: 10 });
  const { client: second, server: its } = await other.session();
  const response = await answerFor(second, 'gzip', () => its.send('<message/>'));
  assert.match(gunzipSync(response.bytes).toString(), /<message/);
});

test('BOSH-HTTP-06: where compression is off, no answer is compressed', async (t) => {
  const bench = await startBench(t, { compression: false });
  const { client, server } = await bench.session();
  const response = await answerFor(client, 'gzip', () => server.send(LONG));
  assert.deepEqual([response.header('content-encoding'), response.header('vary')], [undefined, undefined]);
});

test('BOSH-BRK-06: a compressed answer whose connection dies comes again, in the coding of the repeat', async (t) => {
  const bench = await startBench(t);
  const { client, server } = await bench.session();
  const text = body({ rid: ++client.rid, sid: client.sid });
  const first = await bench.http();
  first.write(requestBytes({ path: PATH, headers: { 'Accept-Encoding': 'gzip' }, body: text }));
  first.reset();
  server.send(LONG);
  const again = await client.post(text, { 'Accept-Encoding': 'deflate' });
  const plain = again.header('content-encoding') === 'deflate' ? inflateSync(again.bytes) : again.bytes;
  assert.match(plain.toString(), /<body/);
});
