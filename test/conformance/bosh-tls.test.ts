import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest, type RequestOptions } from 'node:https';
import test, { type TestContext } from 'node:test';
import { loadSettings } from '../../src/config/load.ts';
import { startBench } from '../support/bench.ts';
import { body } from '../support/bosh-client.ts';
import { createAuthority } from '../support/certificates.ts';

/** A gateway with a plain port and one for TLS. */
async function startSecured(t: TestContext) {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const own = await authority.issue({ names: ['localhost'], addresses: ['127.0.0.1'] });
  const settings = { tlsPort: 0, tlsCert: own.certificateFile, tlsKey: own.keyFile, tlsClientCa: authority.caFile };
  const bench = await startBench(t, settings, { autoLogin: true });
  return { bench, authority, ca: readFileSync(authority.caFile) };
}

type Post = Pick<RequestOptions, 'port' | 'ca' | 'cert' | 'key'>;

/** The text of the answer, or undefined where the connection is closed without one. */
function post(isTls: boolean, options: Post, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const send = isTls ? tlsRequest : plainRequest;
    const common = { host: '127.0.0.1', path: '/http-bind/', method: 'POST', agent: false as const };
    const request = send({ ...common, ...options }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      response.on('end', () => resolve(answer));
    });
    request.on('error', () => resolve(undefined));
    request.end(text);
  });
}

const creation = (): string => body({ rid: 100, to: 'example.com', ver: '1.11', hold: 0, wait: 60 });
const sidOf = (answer: string | undefined): string => /sid='([^']+)'/.exec(answer ?? '')?.[1] ?? '';

test('BOSH-SEC-02, B-49: a session that began over TLS accepts nothing in clear, and lives on', async (t) => {
  const { bench, ca } = await startSecured(t);
  const port = bench.gateway.tlsPort;
  const sid = sidOf(await post(true, { port, ca }, creation()));
  assert.notEqual(sid, '');
  assert.equal(await post(false, { port: bench.port }, body({ rid: 101, sid })), undefined);
  assert.match((await post(true, { port, ca }, body({ rid: 101, sid }))) ?? '', /^<body(?!.*terminate)/);
});

test('BOSH-SEC-02: a session that began in clear may go on over TLS', async (t) => {
  const { bench, ca } = await startSecured(t);
  const sid = sidOf(await post(false, { port: bench.port }, creation()));
  assert.match(
    (await post(true, { port: bench.gateway.tlsPort, ca }, body({ rid: 101, sid }))) ?? '',
    /^<body(?!.*terminate)/,
  );
});

test('BOSH-SEC-03: a session that began with a certificate keeps to it', async (t) => {
  const { bench, authority, ca } = await startSecured(t);
  const port = bench.gateway.tlsPort;
  const [a, b] = await Promise.all(
    ['a.test', 'b.test'].map(async (name) => {
      const { certificateFile, keyFile } = await authority.issue({ names: [name] });
      return { port, ca, cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
    }),
  );
  assert.ok(a !== undefined && b !== undefined);
  const sid = sidOf(await post(true, a, creation()));
  assert.notEqual(sid, '');
  assert.equal(await post(true, b, body({ rid: 101, sid })), undefined);
  assert.equal(await post(true, { port, ca }, body({ rid: 101, sid })), undefined);
  assert.match((await post(true, a, body({ rid: 101, sid }))) ?? '', /^<body(?!.*terminate)/);
});

test('a TLS port without a certificate, or with a file that is none, is told in one line', async () => {
  const load = (env: Record<string, string>) => loadSettings({ file: undefined, env, flags: {} });
  await assert.rejects(load({ SLUICE_TLS_PORT: '5281' }), /SLUICE_TLS_PORT: needs `tlsCert` too/);
  const missing = { SLUICE_TLS_PORT: '5281', SLUICE_TLS_CERT: '/nowhere.pem', SLUICE_TLS_KEY: '/nowhere.pem' };
  await assert.rejects(load(missing), /SLUICE_TLS_CERT: cannot read "\/nowhere.pem": there is no such file/);
});
