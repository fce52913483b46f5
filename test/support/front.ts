import assert from 'node:assert/strict';
import { createGateway } from '../../src/gateway.ts';
import type { FrontUrls, RealServer } from './real-server.ts';
import { eventually } from './waiting.ts';

/** What stands between the web clients of a test and the server: the gateway. */
export interface Front {
  readonly urls: FrontUrls;
  /** Resolves when no session is left; throws when some stay. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** How the gateway goes to the server, where that is not STARTTLS on its usual port. */
export interface Way {
  readonly port?: number;
  readonly tls?: 'direct' | 'starttls';
  readonly proxyProtocol?: 'v1' | 'v2';
  readonly trustedProxies?: string[];
}

/**
 * Starts the gateway before `server`. With SLUICE_TEST_FRONT=server the server's own BOSH and WebSocket take its place,
 * which tells whose fault a failure is.
 */
export async function startFront(server: RealServer, way: Way = {}): Promise<Front> {
  if (process.env['SLUICE_TEST_FRONT'] === 'server') {
    return { urls: server.urls, empty: async () => {}, stop: async () => {} };
  }
  const { domain, port, caFile } = server;
  const { trustedProxies, ...endpoint } = way;
  const gateway = createGateway({
    port: 0,
    host: '127.0.0.1',
    domains: { [domain]: { host: '127.0.0.1', port, tls: 'starttls', ca: caFile, ...endpoint } },
    ...(trustedProxies !== undefined && { trustedProxies }),
  });
  await gateway.start();
  return {
    urls: {
      bosh: `http://127.0.0.1:${gateway.port}/http-bind/`,
      websocket: `ws://127.0.0.1:${gateway.port}/xmpp-websocket`,
    },
    async empty() {
      const nothing = { sessions: 0, streams: 0 };
      const counts = (): typeof nothing => {
        const { sessions, streams } = gateway.stats();
        return { sessions, streams };
      };
      await eventually('no session is left', () => counts().sessions + counts().streams === 0, 5_000).catch(() => {});
      assert.deepEqual(counts(), nothing, 'sessions are left on the gateway');
    },
    stop: () => gateway.stop(),
  };
}
