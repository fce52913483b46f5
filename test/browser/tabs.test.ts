import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, BrowserContext } from 'playwright-core';
import { chromiumProgram, launchChromium, screenshot } from '../support/chromium.ts';
import type { ChatClient } from '../support/clients/chat-client.ts';
import { xmppJsWebSocket } from '../support/clients/xmpp-js.ts';
import { startFront, type Front } from '../support/front.ts';
import { startPageServer, type PageServer } from '../support/page-server.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { skipWithout, type Account, type RealServer } from '../support/real-server.ts';
import { StropheTab, addStrophePage, type Tab } from '../support/strophe-page/tab.ts';
import { eventually } from '../support/waiting.ts';

const skip = skipWithout(prosodyProgram, chromiumProgram);
/** How many requests two tabs may make in 5 s of silence; two that fight make fifty. */
const STORM = 20;

const numbered = (text: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${text} ${i}`);

/** Sends these, some time apart: Strophe gathers what comes within 100 ms, and longer if more comes. */
async function sendAll(texts: readonly string[], send: (text: string) => Promise<void>, apartMs: number) {
  for (const text of texts) {
    await send(text);
    await delay(apartMs);
  }
}

describe('tabs in chromium by BOSH with Prosody', { skip, timeout: 240_000, concurrency: 4 }, () => {
  let server: RealServer;
  let front: Front;
  let pages: PageServer;
  let browser: Browser;

  before(async () => {
    server = await startProsody({ passwords: 'hashed' });
    front = await startFront(server);
    pages = await startPageServer();
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await pages?.stop();
    await front?.stop();
    await server?.stop();
  });

  const logins = ({ jid }: Account): number => server.log().split(`Authenticated as ${jid}`).length - 1;

  interface Chat {
    readonly context: BrowserContext;
    /** Alice, in a page with Strophe. */
    readonly tab: StropheTab;
    readonly alice: Account;
    /** Bob, whom she talks to: by WebSocket, not in a browser. */
    readonly bob: ChatClient;
    readonly wire: string[];
    /** Opens a copy of Alice's tab. */
    duplicate(hash?: string): Promise<StropheTab>;
    /** What came to Bob from Alice, in order. */
    got(): string[];
  }

  /** Alice and Bob are online; when it fails, shows the wire and takes pictures. */
  async function chat(tag: string, use: (chat: Chat) => Promise<void>): Promise<void> {
    const [alice, account] = await server.pair(tag);
    const bob = await xmppJsWebSocket.login({ urls: front.urls, domain: server.domain, account });
    await bob.sendPresence();
    const url = await addStrophePage(pages, { service: front.urls.bosh, account: alice, contact: bob.jid });
    const context = await browser.newContext({ viewport: { width: 700, height: 700 } });
    context.setDefaultTimeout(10_000);
    const wire: string[] = [];
    const tabs: Tab[] = [];
    const pictures = (step: string) =>
      Promise.all(tabs.map((tab) => screenshot(tab.page, `tabs-${tag}-${tab.name}-${step}`)));
    try {
      const tab = new StropheTab(await context.newPage(), 'first', wire);
      tabs.push(tab);
      await tab.page.goto(url);
      await tab.status('CONNECTED');
      await bob.presence(alice.jid, 'available');
      const duplicate = async (hash = ''): Promise<StropheTab> => {
        const copy = new StropheTab(await tab.duplicate(url + hash), 'copy', wire);
        tabs.push(copy);
        return copy;
      };
      const got = (): string[] => bob.messages.filter(({ from }) => from === alice.jid).map(({ body }) => body);
      await use({ context, tab, alice, bob, wire, duplicate, got });
      await pictures('end');
      assert.deepEqual(
        tabs.flatMap(({ errors }) => errors),
        [],
      );
    } catch (error) {
      await pictures('failed').catch(() => {});
      throw new Error(`${String(error)}\nLast on the wire:\n${wire.slice(-Number(process.env['SLUICE_WIRE'] ?? 40)).join('\n')}`, { cause: error });
    } finally {
      await context.close();
      bob.destroy();
    }
  }

  /** Both can still be talked to and talk; nobody asks more often than once in a while. */
  async function livesOn({ tab, alice, bob, got }: Chat, copy: Tab, shown: readonly string[]): Promise<void> {
    await bob.sendMessage(alice.jid, 'are you there?');
    await tab.shows([...shown, 'are you there?']);
    await tab.say('I am here');
    await bob.message('I am here', alice.jid);
    assert.equal(got().filter((text) => text === 'I am here').length, 1);
    assert.equal(logins(alice), 1);
    assert.deepEqual(await tab.statuses(), ['CONNECTING', 'AUTHENTICATING', 'CONNECTED'].slice(-3));
    const start = performance.now();
    await delay(5_000);
    assert.ok(tab.postsSince(start) + copy.postsSince(start) < STORM, 'the tabs fight for the session');
    assert.equal(copy.postsSince(start), 0, 'the copy is at rest');
  }

  test('Strophe: five reloads keep the session, and lose and double nothing', { timeout: 60_000 }, async () => {
    await chat('reload', async ({ tab, alice, bob, got }) => {
      const jid = await tab.jid();
      assert.ok(tab.sent.some((body) => body.includes('mechanism="SCRAM-SHA-1"')));
      const opening = tab.sent.length;
      const seen = bob.presences.length;
      // The page comes late, so that some messages meet neither the old nor the new one.
      await tab.page.route('**/page.js', async (route) => {
        await delay(200);
        await route.continue();
      });
      const shown: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        const away = numbered(`while it reloads, ${round}:`, 6);
        const written = tab.page
          .waitForEvent('framenavigated')
          .then(() => sendAll(away, (text) => Promise.resolve(bob.sendMessage(alice.jid, text)), 50));
        await tab.page.reload();
        await written;
        shown.push(...away);
        await tab.shows(shown);
        assert.deepEqual(await tab.statuses(), ['ATTACHED']);
        assert.equal(await tab.jid(), jid);
        await tab.say(`after reload ${round}`);
        await bob.message(`after reload ${round}`, alice.jid);
      }
      assert.deepEqual(got(), numbered('after reload', 5));
      assert.doesNotMatch(tab.sent.slice(opening).join('\n'), /<auth |xmpp:version/);
      assert.equal(logins(alice), 1);
      assert.deepEqual(bob.presences.slice(seen), [], 'nobody saw Alice change');
    });
  });

  async function duplicated(session: Chat, hash = ''): Promise<StropheTab> {
    const original = await session.tab.inherited();
    assert.equal(original, null, 'the first has logged in');
    const copy = await session.duplicate(hash);
    const copied = await copy.inherited();
    assert.equal(copied?.jid, await session.tab.jid(), 'sessionStorage is copied');
    return copy;
  }

  /** The newcomer is told, soon. */
  async function isTold(copy: StropheTab): Promise<void> {
    const start = performance.now();
    await copy.status('DISCONNECTED item-not-found');
    assert.ok(performance.now() - start < 4_000);
    assert.deepEqual(await copy.statuses(), ['ATTACHED', 'CONNFAIL item-not-found', 'DISCONNECTED item-not-found']);
  }

  test(
    'Strophe: the copy of a silent tab is told item-not-found, the first lives on',
    { timeout: 60_000 },
    async () => {
      await chat('silent', async (session) => {
        const copy = await duplicated(session);
        await isTold(copy);
        await livesOn(session, copy, []);
      });
    },
  );

  test('Strophe: a copy takes nothing from a tab that talks', { timeout: 60_000 }, async () => {
    await chat('talking', async (session) => {
      const { tab, alice, bob, got } = session;
      const [hers, his] = [numbered('from Alice', 15), numbered('from Bob', 25)];
      const talk = Promise.all([
        sendAll(hers, (text) => tab.say(text), 170),
        sendAll(his, (text) => Promise.resolve(bob.sendMessage(alice.jid, text)), 110),
      ]);
      await delay(300);
      const copy = await duplicated(session);
      await talk;
      await tab.shows(his);
      await eventually('all that Alice said has come', () => got().includes(hers.at(-1) ?? ''));
      assert.deepEqual(got(), hers);
      await isTold(copy);
      await livesOn(session, copy, his);
    });
  });

  test('Strophe: a copy that comes late, with an old rid, does no harm', { timeout: 60_000 }, async () => {
    await chat('late', async (session) => {
      const { context, tab, alice, bob, got } = session;
      const texts = numbered('on', 8);
      // The copy has its tokens when it opens, and its script when the first has gone on.
      await context.route('**/page.js', async (route) => {
        for (const text of texts) {
          await tab.say(text);
          await bob.message(text, alice.jid);
        }
        await route.continue();
      });
      const copy = await duplicated(session);
      await isTold(copy);
      assert.deepEqual(got(), texts);
      await livesOn(session, copy, []);
    });
  });

  test('Strophe: a copy that talks at once is told too', { timeout: 60_000 }, async () => {
    await chat('eager', async (session) => {
      const { bob, alice, got } = session;
      const copy = await duplicated(session, '#the copy speaks');
      await bob.sendMessage(alice.jid, 'to whom?');
      await isTold(copy);
      await session.tab.shows(['to whom?']);
      await livesOn(session, copy, ['to whom?']);
      assert.ok(got().filter((text) => text === 'the copy speaks').length <= 1);
    });
  });
});
