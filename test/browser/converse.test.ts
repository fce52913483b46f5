import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { chromiumProgram, launchChromium, screenshot } from '../support/chromium.ts';
import type { ChatClient } from '../support/clients/chat-client.ts';
import { xmppJsWebSocket } from '../support/clients/xmpp-js.ts';
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
const settings = {
  assets_path: '/dist',
  view_mode: 'fullscreen',
  authentication: 'login',
  discover_connection_methods: false,
  i18n: 'en',
};

/** A page with Converse, and what it has sent to the front. */
class ConversePage {
  readonly page: Page;
  readonly sent: string[] = [];
  readonly errors: string[] = [];
  readonly #name: string;

  constructor(page: Page, name: string) {
    this.page = page;
    this.#name = name;
    page.on('request', (request) => this.sent.push(request.postData() ?? ''));
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => this.sent.push(String(payload))));
    page.on('pageerror', (error) => this.errors.push(String(error)));
  }

  get mechanisms(): string[] {
    return this.sent.flatMap((data) => /<auth [^>]*mechanism="([^"]+)"/.exec(data)?.[1] ?? []);
  }

  async login(url: string, { jid, password }: Account): Promise<void> {
    await this.page.goto(url);
    await this.page.locator('input[name=jid]').fill(jid);
    await this.page.locator('input[name=password]').fill(password);
    await this.page.locator('converse-login-form [type=submit]').click();
  }

  contact(jid: string, status: 'online' | 'offline'): Promise<void> {
    return this.page.locator(`li.${status} a.open-chat[data-jid="${jid}"]`).waitFor();
  }

  async openChat(jid: string): Promise<void> {
    await this.page.locator(`a.open-chat[data-jid="${jid}"]`).click();
    await this.page.locator('textarea.chat-textarea').waitFor();
  }

  async send(text: string): Promise<void> {
    const field = this.page.locator('textarea.chat-textarea');
    await field.fill(text);
    await field.press('Enter');
  }

  /** Waits until the chat shows exactly these messages, in this order, among those that start with `prefix`. */
  async shows(expected: readonly string[], prefix = ''): Promise<void> {
    const messages = this.page.locator('converse-chat-message-body.chat-msg__text');
    const last = expected.at(-1) ?? '';
    await messages.filter({ hasText: last }).first().waitFor();
    const shown = (await messages.allInnerTexts()).map((text) => text.trim());
    assert.deepEqual(
      shown.filter((text) => text.startsWith(prefix)),
      expected,
    );
  }

  async logout(): Promise<void> {
    await this.page.locator('a.show-profile').click();
    await this.page.getByRole('button', { name: 'Log out' }).click();
    await this.page.getByRole('button', { name: 'Confirm' }).click();
    await this.page.locator('input[name=jid]').waitFor();
  }

  picture(step: string): Promise<void> {
    return screenshot(this.page, `${this.#name}-${step}`);
  }
}

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

    /** Runs `use` with a page in a browser profile of its own; takes a picture when it fails. */
    async function withPage(tag: string, use: (converse: ConversePage) => Promise<void>): Promise<void> {
      const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
      context.setDefaultTimeout(15_000);
      const converse = new ConversePage(await context.newPage(), `converse-${name}-${tag}`);
      try {
        await use(converse);
        assert.deepEqual(converse.errors, []);
      } catch (error) {
        await converse.picture('failed').catch(() => {});
        const wire = converse.sent.slice(-10).map((data) => data.slice(0, 300));
        throw new Error(`${String(error)}\nErrors: ${converse.errors.join('\n')}\nLast sent:\n${wire.join('\n')}`, {
          cause: error,
        });
      } finally {
        await context.close();
      }
    }

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

      // COMPAT(Converse, 14.0): when it has resumed, it writes a new resource into `from`, and ejabberd ends the stream.
      if (!isBosh && name === 'ejabberd') continue;

      test(`a reload of the page by ${transport} loses and doubles nothing`, { timeout: 60_000 }, async () => {
        const [alice, bob] = await server.pair(`reload-${transport}`);
        const other = await loginOther(bob);
        await withPage(`reload-${transport}`, async (converse) => {
          await converse.login(url(), alice);
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
          await converse.shows(away, 'while it reloads');
          await converse.send('after the reload');
          await other.message('after the reload', alice.jid);
          await converse.picture('after');

          // By BOSH, the session itself outlives the page. By WebSocket, the page logs in anew and resumes (XEP-0198).
          const since = converse.sent.slice(already).join('\n');
          if (isBosh) assert.doesNotMatch(since, /<auth |xmpp:version/, 'the session went on, without a login');
          else assert.match(since, /<resume /);
          const changes = other.presences.slice(seen).filter(({ from }) => from === alice.jid);
          assert.ok(
            changes.every(({ type }) => type === 'available'),
            'nobody saw Alice go offline',
          );

          await converse.logout();
          await other.presence(alice.jid, 'unavailable');
        });
        await other.logout();
        await front.empty();
      });
    }
  });
}
