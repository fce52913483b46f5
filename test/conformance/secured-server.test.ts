import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { type TestContext } from 'node:test';
import { startBench } from '../support/bench.ts';
import { createAuthority } from '../support/certificates.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

async function secured(t: TestContext, mode: 'starttls' | 'direct', name = 'example.com') {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const { certificateFile, keyFile } = await authority.issue({ names: [name] });
  const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
  const u = await ScriptedServer.start(t, { tls: { cert, key, mode } });
  const domains = { 'example.com': { host: '127.0.0.1', port: u.port, tls: mode, ca: authority.caFile } };
  return { u, bench: await startBench(t, { domains }) };
}

for (const mode of ['starttls', 'direct'] as const) {
  test(`BOSH-SESSION-05, XBOSH-10: ${mode}: \`from\` stands in the secured header alone, and the client sees no starttls`, async (t) => {
    const { u, bench } = await secured(t, mode);
    const client = bench.bosh();
    const created = client.create({ from: 'user@example.com/r' });
    const server = await u.accept();
    await server.negotiate();
    const headers = server.received.match(/<stream:stream [^>]*>/g) ?? [];
    assert.equal(headers.length, mode === 'starttls' ? 2 : 1);
    assert.match(headers.at(-1) ?? '', / from='user@example\.com'/);
    if (mode === 'starttls') assert.doesNotMatch(headers[0] ?? '', / from=/);
    const { text } = await created;
    assert.match(text, /mechanisms/);
    assert.doesNotMatch(text, /starttls/);
  });

  test(`NSV-35, WS-TLS-01: ${mode}: a WebSocket stream over a secured connection carries stanzas both ways`, async (t) => {
    const { u, bench } = await secured(t, mode);
    const client = await bench.socket();
    client.open("to='example.com' from='user@example.com' version='1.0'");
    const server = await u.accept();
    await server.negotiate();
    assert.match(await client.message(), /^<open /);
    assert.doesNotMatch(await client.message(), /starttls/);
    client.send("<message xmlns='jabber:client' id='up'/>");
    await server.expect("id='up'");
    server.send("<message id='down'/>");
    assert.match(await client.message(), /id='down'/);
  });

  test(`BOSH-RESP-15, BOSH-SESSION-13: ${mode}: a certificate for another name: remote-connection-failed`, async (t) => {
    const { u, bench } = await secured(t, mode, 'other.test');
    const created = bench.bosh().create();
    const server = mode === 'starttls' ? await u.accept() : undefined;
    server?.negotiate().catch(() => {});
    const { type, condition } = await created;
    assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
    assert.doesNotMatch(u.received, / from=|<auth/);
  });
}

test('BOSH-SEC-04, U-12: where STARTTLS is asked for, a server that offers none is not used', async (t) => {
  const { u } = await startBench(t);
  const domains = { 'example.com': { host: '127.0.0.1', port: u.port, tls: 'starttls' } } as const;
  const bench = await startBench(t, { domains });
  const created = bench.bosh().create();
  const server = await u.accept();
  await server.negotiate();
  assert.equal((await created).condition, 'remote-connection-failed');
  assert.doesNotMatch(server.received, /<auth/);
});
