import { createHash, createHmac } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Logger } from '../../src/core/ports.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import { startBench, type Bench } from './bench.ts';
import { BoshClient } from './bosh-client.ts';
import { RawHttp, requestBytes } from './raw-http.ts';
import type { ServerOptions } from './scripted-server.ts';

export const KEY = 'the-key-of-the-site-is-a-secret';
export const SECRETS = { password: 'pass-word-0', token: 'to.ken.0' };
export const TOKEN_KEY = 'a secret of thirty-two bytes or more';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A site that may open sessions at example.com. */
export const SITE = { prebindCallers: { site: { keyHash: sha256(KEY), domains: ['example.com'] } } };
export const ALICE = { jid: 'alice@example.com', password: SECRETS.password };

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A logger that keeps all it is told. */
export function keepingLogger(): Logger & { readonly text: () => string } {
  const lines: string[] = [];
  const keep = (fields: object, message: string): void => void lines.push(`${JSON.stringify(fields)} ${message}`);
  return { debug: keep, info: keep, warn: keep, error: keep, text: () => lines.join('\n') };
}

/** The HTTP status and the JSON of a request at the prebind path. */
export async function ask(
  t: TestContext,
  port: number,
  { method = 'POST', path = '/prebind', headers = {}, body }: Partial<Parameters<RawHttp['request']>[0]> = {},
  patienceMs = 20_000,
): Promise<Answer> {
  const http = await RawHttp.connect(t, port);
  const bearer = method === 'POST' ? { Authorization: `Bearer ${KEY}` } : {};
  http.write(requestBytes({ method, path, headers: { ...bearer, ...headers }, ...(body !== undefined && { body }) }));
  const { status, header, text } = await http.response(patienceMs);
  http.end();
  return { status, header, text, body: /^\s*\{/.test(text) ? (JSON.parse(text) as Answer['body']) : {} };
}

export interface PrebindBench extends Bench {
  readonly log: () => string;
  /** POST with the site's key. */
  prebind(account?: object): Promise<Answer>;
  /** A client that is attached to what was answered. */
  attach(answer: Answer): BoshClient;
}

/** A bench whose server logs anybody in, and a site that may ask. */
export async function startPrebindBench(
  t: TestContext,
  settings: Partial<GatewayOptions> = {},
  server: ServerOptions = { autoLogin: true },
): Promise<PrebindBench> {
  const logger = keepingLogger();
  const bench = await startBench(t, { logger, ...SITE, ...settings }, server);
  return Object.assign(bench, {
    log: logger.text,
    prebind: (account: object = ALICE) => ask(t, bench.port, { body: JSON.stringify(account) }),
    attach({ body: { sid, rid } }: Answer) {
      const client = new BoshClient(t, bench.port, { firstRid: Number(rid) });
      client.sid = String(sid);
      return client;
    },
  });
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token that is good now. */
export function tokenFor(sub: string, claims: object = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const all = { sub, aud: 'sluice', iat: now, exp: now + 60, jti: String(Math.random()), ...claims };
  const text = `${part({ alg: 'HS256' })}.${part(all)}`;
  return `${text}.${createHmac('sha256', TOKEN_KEY).update(text).digest('base64url')}`;
}
