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

/**
 * Starts the gateway before `server`. With SLUICE_TEST_FRONT=server the server's own BOSH and WebSocket take its place,
 * which tells whose fault a failure is.
 */
export async function startFront(server: RealServer): Promise<Front> {
  if (process.env['SLUICE_TEST_FRONT'] === 'server') {
    return { urls: server.urls, empty: async () => {}, stop: async () => {} };
  }
  const { domain, port, caFile } = server;
  const gateway = createGateway({
    port: 0,
    host: '127.0.0.1',
    domains: { [domain]: { host: '127.0.0.1', port, tls: 'starttls', ca: caFile } },
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
