import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { chromiumProgram, launchChromium } from '../support/chromium.ts';
import type { ChatClient } from '../support/clients/chat-client.ts';
import { xmppJsWebSocket } from '../support/clients/xmpp-js.ts';
import { CONVERSE_SETTINGS as settings, withConverse, type ConversePage } from '../support/converse-page.ts';
import { ejabberdProgram, startEjabberd } from '../support/ejabberd.ts';
import { startFront, type Front } from '../support/front.ts';
import { startPageServer, type PageServer } from '../support/page-server.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { skipWithout, type Account, type RealServer } from '../support/real-server.ts';

const texts = [`<b class="x">&amp; 'quoted' & "double"</b>`, 'Grüße 👋🏽 👩‍👩‍👧‍👦 漢字'];
const servers = [
  { name: 'Prosody', start: startProsody, skip: skipWithout(prosodyProgram, chromiumProgram) },
  { name: 'ejabberd', start: startEjabberd, skip: skipWithout(ejabberdProgram, chromiumProgram) },
];
for (const { name, start, skip } of servers) {
  describe(`Converse in chromium with ${name}`, { skip, timeout: 240_000 }, () => {
    let server: RealServer;
    let front: Front;
    let pages: PageServer;
    let browser: Browser;
    const clients = new Set<ChatClient>();

    before(async () => {
      server = await start({ passwords: 'hashed' });
      front = await startFront(server);
      pages = await startPageServer();
      browser = await launchChromium();
    });
    after(async () => {
      for (const client of clients) client.destroy();
      await browser?.close();
      await pages?.stop();
      await front?.stop();
      await server?.stop();
    });

    async function loginOther(account: Account): Promise<ChatClient> {
      const client = await xmppJsWebSocket.login({ urls: front.urls, domain: server.domain, account });
      clients.add(client);
      await client.sendPresence();
      return client;
    }

    const withPage = (tag: string, use: (converse: ConversePage) => Promise<void>): Promise<void> =>
      withConverse(browser, `converse-${name}-${tag}`, use);

    for (const transport of ['bosh', 'websocket'] as const) {
      const isBosh = transport === 'bosh';
      const url = (): string =>
        pages.add({ ...settings, [isBosh ? 'bosh_service_url' : 'websocket_url']: front.urls[transport] });

      test(`logs in, chats and logs out by ${transport}`, { timeout: 60_000 }, async () => {
        const [alice, bob] = await server.pair(transport);
        const other = await loginOther(bob);
        await withPage(transport, async (converse) => {
          await converse.login(url(), alice);
          await converse.contact(bob.jid, 'online');
          await other.presence(alice.jid, 'available');
          assert.ok(converse.mechanisms.length > 0);
          assert.ok(converse.mechanisms.every((mechanism) => mechanism.startsWith('SCRAM-SHA-')));

          await converse.openChat(bob.jid);
          for (const [index, text] of texts.entries()) {
            await converse.send(text);
            await other.message(text, alice.jid);
            await other.sendMessage(alice.jid, `${text} too`);
            await converse.shows(texts.slice(0, index + 1).flatMap((shown) => [shown, `${shown} too`]));
          }
          await converse.picture('chat');

          await converse.logout();
          await converse.picture('logged-out');
          await other.presence(alice.jid, 'unavailable');
        });
        await other.logout();
        await front.empty();
      });

      test(`a reload of the page by ${transport} loses nothing`, { timeout: 60_000 }, async () => {
        const [alice, bob] = await server.pair(`reload-${transport}`);
        const other = await loginOther(bob);
        await withPage(`reload-${transport}`, async (converse) => {
          // COMPAT(Converse, 14.0): when it has resumed, it writes a new resource into `from` unless it was told which one to
          // take, and ejabberd ends the stream.
          await converse.login(url(), { ...alice, jid: `${alice.jid}/web` });
          await converse.contact(bob.jid, 'online');
          await converse.openChat(bob.jid);
          await converse.send('before the reload');
          await other.message('before the reload', alice.jid);
          const seen = other.presences.length;
          const already = converse.sent.length;

          const away = Array.from({ length: 10 }, (_, index) => `while it reloads ${index}`);
          const written = converse.page.waitForEvent('framenavigated').then(async () => {
            for (const text of away) {
              await other.sendMessage(alice.jid, text);
              await delay(50);
            }
          });
          await converse.page.reload();
          await written;
          await converse.contact(bob.jid, 'online');
          // COMPAT(ejabberd 23 with Converse 14): on ejabberd's own WebSocket too, some come twice and overtake others, and a
          // stanza with an old resource may end the stream. What is resumed is all there.
          const isUnruly = !isBosh && name === 'ejabberd';
          await converse.shows(away, 'while it reloads', isUnruly);
          await converse.send('after the reload');
          await other.message('after the reload', alice.jid);
          await converse.picture('after');

          // By BOSH, the session itself outlives the page. By WebSocket, the page logs in anew and resumes (XEP-0198).
          const since = converse.sent.slice(already).join('\n');
          if (isBosh) assert.doesNotMatch(since, /<auth |xmpp:version/, 'the session went on, without a login');
          else {
            assert.match(since, /<resume /);
            assert.match(converse.received.join('\n'), /<resumed /);
          }
          const changes = other.presences.slice(seen).filter(({ from }) => from === alice.jid);
          assert.ok(isUnruly || changes.every(({ type }) => type === 'available'), 'nobody saw Alice go offline');

          await converse.logout();
          await other.presence(alice.jid, 'unavailable');
        });
        await other.logout();
        await front.empty();
      });
    }
  });
}
