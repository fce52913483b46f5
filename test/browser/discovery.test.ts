import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { createGateway } from '../../src/gateway.ts';
import { createAuthority } from '../support/certificates.ts';
import { chromiumProgram, launchChromium } from '../support/chromium.ts';
import { CONVERSE_SETTINGS, withConverse } from '../support/converse-page.ts';
import { startPageServer } from '../support/page-server.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { skipWithout } from '../support/real-server.ts';
import { eventually } from '../support/waiting.ts';

type Transports = readonly ('bosh' | 'websocket')[];

/** Prosody, the gateway with TLS in front of it, and a browser that finds the gateway at the domain's own port 443. */
async function startSite(t: TestContext, transports: Transports) {
  const server = await startProsody();
  t.after(() => server.stop());
  const { domain, port, caFile } = server;
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const { certificateFile, keyFile } = await authority.issue({ names: [domain] });
  const gateway = createGateway({
    port: 0,
    host: '127.0.0.1',
    tlsPort: 0,
    tlsCert: certificateFile,
    tlsKey: keyFile,
    transports: [...transports],
    domains: { [domain]: { host: '127.0.0.1', port, tls: 'starttls', ca: caFile } },
    drainSeconds: 0.5,
  });
  await gateway.start();
  t.after(() => gateway.stop());
  const pages = await startPageServer(`https://${domain} wss://${domain}`);
  t.after(() => pages.stop());
  const key = new X509Certificate(await readFile(certificateFile)).publicKey.export({ type: 'spki', format: 'der' });
  const browser = await launchChromium([
    `--host-resolver-rules=MAP ${domain}:443 127.0.0.1:${gateway.tlsPort}`,
    `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`,
  ]);
  t.after(() => browser.close());
  return { server, gateway, pages, browser };
}

for (const [transports, expected] of [
  [['bosh', 'websocket'], 'wss://example.test/xmpp-websocket'],
  [['bosh'], 'https://example.test/http-bind/'],
] as const) {
  test(
    `WS-DISC-01, DISC-01, DISC-06, DISC-07: Converse finds ${expected} by host-meta over HTTPS, logs in and chats`,
    { timeout: 90_000, skip: skipWithout(prosodyProgram, chromiumProgram) },
    async (t) => {
      const { server, gateway, pages, browser } = await startSite(t, transports);
      const [alice, bob] = await server.pair('discovery');
      const url = pages.add({ ...CONVERSE_SETTINGS, discover_connection_methods: true });
      await withConverse(browser, `discovery-${transports.join('-')}`, async (converse) => {
        const used: string[] = [];
        converse.page.on('websocket', (socket) => used.push(socket.url()));
        converse.page.on('request', (request) => used.push(request.url()));
        await converse.login(url, alice);
        await converse.contact(bob.jid, 'offline');
        assert.ok(used.includes('https://example.test/.well-known/host-meta'), used.join('\n'));
        assert.ok(used.includes(expected), used.join('\n'));
        await converse.openChat(bob.jid);
        await converse.send('found');
        await converse.shows(['found']);
        await converse.picture('chat');
        await converse.logout();
      });
      await eventually('no session is left', () => gateway.stats().sessions === 0);
    },
  );
}
