import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { type TestContext } from 'node:test';
import { probeHostMeta, type ProbedLink } from '../../src/discovery/probe.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import { startBench } from '../support/bench.ts';
import { createAuthority } from '../support/certificates.ts';

const BOSH = 'urn:xmpp:alt-connections:xbosh';
const WEBSOCKET = 'urn:xmpp:alt-connections:websocket';

/** A gateway that speaks TLS as example.com; `probe` finds it there, and finds nothing at `dead.example`. */
async function startSecured(t: TestContext, settings: Partial<GatewayOptions> = {}) {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const { certificateFile, keyFile } = await authority.issue({ names: ['example.com'] });
  const tls = { tlsPort: 0, tlsCert: certificateFile, tlsKey: keyFile };
  const bench = await startBench(t, { ...tls, ...settings }, { autoLogin: true });
  const port = bench.gateway.tlsPort as number;
  const ca = await readFile(authority.caFile, 'utf8');
  const dial = (host: string) => ({ host: '127.0.0.1', port: host === 'dead.example' ? 1 : port });
  const probe = (): Promise<ProbedLink[]> => probeHostMeta('example.com', { ca, dial, timeoutMs: 5000 });
  return { bench, probe };
}

test('DISC-15, DISC-06, DISC-01: what host-meta announces over https is opened, link by link, and works', async (t) => {
  const { bench, probe } = await startSecured(t);
  assert.deepEqual(await probe(), [
    { rel: BOSH, href: 'https://example.com/http-bind/', problem: undefined },
    { rel: WEBSOCKET, href: 'wss://example.com/xmpp-websocket', problem: undefined },
  ]);
  await bench.settled();
});

for (const [what, settings, problems] of [
  [
    'paths that are others',
    { boshUrl: 'https://example.com/other', websocketUrl: 'wss://example.com/other' },
    [/no BOSH: HTTP 404/, /no WebSocket: HTTP 404/],
  ],
  [
    'a host that its certificate does not name',
    { boshUrl: 'https://chat.example/http-bind/', websocketUrl: 'wss://chat.example/xmpp-websocket' },
    [/certificate|altnames/i, /certificate|altnames/i],
  ],
  [
    'a host that is not there',
    { boshUrl: 'https://dead.example/http-bind/', websocketUrl: 'wss://dead.example/' },
    [/ECONNREFUSED/, /ECONNREFUSED/],
  ],
  [
    'a transport that is off',
    { transports: ['bosh' as const], websocketUrl: 'wss://example.com/xmpp-websocket' },
    [undefined, /no WebSocket: HTTP 404/],
  ],
] as const) {
  test(`DISC-15: an announced address is found out: ${what}`, async (t) => {
    const { probe } = await startSecured(t, {
      ...settings,
      ...('transports' in settings && { transports: [...settings.transports] }),
    } as Partial<GatewayOptions>);
    const found = await probe();
    assert.equal(found.length, 2);
    for (const [index, expected] of problems.entries()) {
      const { problem } = found[index] as ProbedLink;
      if (expected === undefined) assert.equal(problem, undefined);
      else assert.match(problem ?? '', expected);
    }
  });
}

test('DISC-15: a domain without host-meta is said to be one', async (t) => {
  const { probe } = await startSecured(t, { hostMeta: false });
  await assert.rejects(probe(), /host-meta is answered with HTTP 404/);
});
