import type { TestContext } from 'node:test';
import type { GatewayOptions } from '../../src/gateway.ts';
import { startBench, type Bench } from './bench.ts';
import { createAuthority, readCertificate, type Authority, type CertificateRequest } from './certificates.ts';
import { FakeDns, type FakeZone } from './fake-dns.ts';
import { ScriptedServer, type ServerOptions } from './scripted-server.ts';

/** A line of the gateway's log. */
export interface Told {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A gateway that serves every domain, with a DNS and an authority of the test's own; loopback counts as public. */
export interface OpenGateway {
  readonly bench: Bench;
  readonly dns: FakeDns;
  readonly told: readonly Told[];
  /** The one line that tells why a stream ended. */
  reason(code: string): string;
}

export async function openGateway(
  t: TestContext,
  zone: FakeZone,
  settings: Partial<GatewayOptions> = {},
): Promise<OpenGateway> {
  const dns = await FakeDns.start(t, zone);
  const told: Told[] = [];
  const log = (fields: object, message: string): void => void told.push({ fields: { ...fields }, message });
  const bench = await startBench(t, {
    domains: {},
    serveOthers: true,
    dnsServers: dns.servers,
    allowAddresses: ['127.0.0.0/8', '::1'],
    logger: { debug: log, info: log, warn: log, error: log },
    ...settings,
  });
  const reason = (code: string): string => {
    const found = told.find(({ fields }) => fields['code'] === code && 'domain' in fields && !('host' in fields));
    const detail = found?.fields['detail'];
    return typeof detail === 'string' ? detail : `nothing was told of ${code}`;
  };
  return { bench, dns, told, reason };
}

export async function authorityFor(t: TestContext): Promise<Authority> {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  return authority;
}

/** A scripted server with a certificate of that authority. */
export async function securedServer(
  t: TestContext,
  authority: Authority,
  mode: 'starttls' | 'direct',
  request: CertificateRequest = { names: ['example.com'] },
  { tls, ...options }: Omit<ServerOptions, 'tls'> & { readonly tls?: object } = {},
): Promise<ScriptedServer> {
  const texts = await readCertificate(await authority.issue(request));
  return ScriptedServer.start(t, { ...options, tls: { ...texts, mode, ...tls } });
}
