import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { chromiumProgram, launchChromium, screenshot } from '../support/chromium.ts';
import type { ChatClient } from '../support/clients/chat-client.ts';
import { xmppJsWebSocket } from '../support/clients/xmpp-js.ts';
import { startFront, type Front } from '../support/front.ts';
import { startPageServer, type PageServer } from '../support/page-server.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { skipWithout, type Account, type RealServer } from '../support/real-server.ts';
import { ConverseTab } from '../support/tabs/converse-tab.ts';
import { StropheTab, addStrophePage } from '../support/tabs/strophe-tab.ts';
import type { Tab } from '../support/tabs/tab.ts';
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

describe('tabs in chromium by BOSH with Prosody', { skip, timeout: 240_000, concurrency: 3 }, () => {
  let server: RealServer;
  let front: Front;
  let pages: PageServer;
  let browser: Browser;

  before(async () => {
    // COMPAT(Converse, 14.0): a copy logs in with the resource of the first, and by default Prosody throws the first out then.
    server = await startProsody({ passwords: 'hashed', sameResource: 'random' });
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

  interface Chat<T extends Tab> {
    readonly alice: Account;
    /** Her first tab, which opens when the test navigates it. */
    readonly tab: T;
    /** Bob, whom she talks to: by WebSocket, not in a browser. */
    readonly bob: ChatClient;
    bobSends(text: string): Promise<void>;
    /** What came to Bob from Alice, in order. */
    got(): string[];
    /** Opens a copy of her tab, at this fragment of its URL. */
    duplicate(fragment?: string): Promise<T>;
    /** How often Alice has logged in. */
    logins(): number;
  }
  type TabClass<T> = new (page: Page, name: string, wire: string[]) => T;
  type Use<T extends Tab> = (chat: Chat<T>) => Promise<void>;
  type AddPage = (alice: Account, contact: string) => string | Promise<string>;

  /** Opens Alice's page in a browser profile of its own, with Bob online. When it fails, shows the wire and takes pictures. */
  async function meet<T extends Tab>(tag: string, Tabs: TabClass<T>, addPage: AddPage, use: Use<T>): Promise<void> {
    const [alice, account] = await server.pair(tag);
    const bob = await xmppJsWebSocket.login({ urls: front.urls, domain: server.domain, account });
    const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
    context.setDefaultTimeout(10_000);
    const wire: string[] = [];
    const tabs: T[] = [];
    const add = (page: Page, name: string): T => {
      const tab = new Tabs(page, name, wire);
      tabs.push(tab);
      return tab;
    };
    const pictures = (step: string) =>
      Promise.all(tabs.map((tab) => screenshot(tab.page, `tabs-${tag}-${tab.name}-${step}`)));
    try {
      await bob.sendPresence();
      const url = await addPage(alice, bob.jid);
      const tab = add(await context.newPage(), 'first');
      await tab.page.goto(url);
      await bob.presence(alice.jid, 'available');
      await use({
        alice,
        tab,
        bob,
        bobSends: async (text) => bob.sendMessage(alice.jid, text),
        got: () => bob.messages.filter(({ from }) => from === alice.jid).map(({ body }) => body),
        duplicate: async (fragment = '') => add(await tab.duplicate(url + fragment), 'copy'),
        logins: () => server.log().split(`Authenticated as ${alice.jid}`).length - 1,
      });
      await pictures('end');
      const errors = tabs.flatMap((each) => each.errors);
      assert.deepEqual(errors, []);
    } catch (error) {
      await pictures('failed').catch(() => {});
      const last = wire.slice(-120).join('\n');
      throw new Error(`${String(error)}\nLast on the wire:\n${last}`, { cause: error });
    } finally {
      await context.close();
      bob.destroy();
    }
  }

  const strophe = (tag: string, use: Use<StropheTab>) =>
    meet(
      tag,
      StropheTab,
      (account, contact) => addStrophePage(pages, { service: front.urls.bosh, account, contact }),
      use,
    );

  test('Strophe: five reloads keep the session, and lose and double nothing', { timeout: 60_000 }, async () => {
    await strophe('reload', async ({ tab, alice, bob, bobSends, got, logins }) => {
      const jid = await tab.jid();
      assert.ok(tab.sent.some((body) => body.includes('mechanism="SCRAM-SHA-1"')));
      await tab.isHeld();
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
        // Not sooner: what the browser has read when it throws the old page away is lost, and no server can know.
        const gone = tab.page.waitForEvent('framenavigated').then(() => delay(50));
        const written = gone.then(() => sendAll(away, bobSends, 50));
        await tab.page.reload();
        await written;
        shown.push(...away);
        await tab.shows(shown);
        assert.deepEqual(await tab.statuses(), ['ATTACHED']);
        assert.equal(await tab.jid(), jid);
        await tab.say(`after reload ${round}`);
        await bob.message(`after reload ${round}`, alice.jid);
        await tab.isHeld();
      }
      assert.deepEqual(got(), numbered('after reload', 5));
      assert.doesNotMatch(tab.sent.slice(opening).join('\n'), /<auth |xmpp:version/);
      assert.equal(logins(), 1);
      assert.deepEqual(bob.presences.slice(seen), [], 'nobody saw Alice change');
    });
  });

  test('Strophe: a reload that stops a request before it has left keeps the session', { timeout: 60_000 }, async () => {
    await strophe('unsent', async ({ tab, alice, bob, bobSends, logins }) => {
      await tab.isHeld();
      // The first request that the route sees is never sent: the page has counted its rid, and the gateway has not.
      let stopped = 0;
      await tab.page.route(front.urls.bosh, (route) => (stopped++ === 0 ? undefined : route.continue()));
      await bobSends('before');
      await eventually('a request is stopped', () => stopped === 1);
      await tab.page.reload();
      await bobSends('after');
      await tab.shows(['before', 'after']);
      await tab.say('still here');
      await bob.message('still here', alice.jid);
      assert.equal(logins(), 1);
    });
  });

  async function duplicated({ tab, duplicate }: Chat<StropheTab>, fragment?: string): Promise<StropheTab> {
    assert.equal(await tab.inherited(), null, 'the first has logged in');
    const copy = await duplicate(fragment);
    assert.equal((await copy.inherited())?.jid, await tab.jid(), 'sessionStorage is copied');
    return copy;
  }

  /** The newcomer is told, soon. */
  async function isTold(copy: StropheTab): Promise<void> {
    await copy.status('DISCONNECTED item-not-found');
    assert.deepEqual(await copy.statuses(), ['ATTACHED', 'CONNFAIL item-not-found', 'DISCONNECTED item-not-found']);
  }

  /** The first can be talked to and talks as before; neither asks more often than once in a while. */
  async function livesOn({ tab, alice, bob, bobSends, logins }: Chat<StropheTab>, copy: Tab, shown: readonly string[]) {
    await bobSends('are you there?');
    await tab.shows([...shown, 'are you there?']);
    await tab.say('I am here');
    await bob.message('I am here', alice.jid);
    assert.equal(logins(), 1);
    assert.equal((await tab.statuses()).at(-1), 'CONNECTED');
    const start = performance.now();
    await delay(5_000);
    assert.equal(copy.postsSince(start), 0, 'the copy is at rest');
    assert.ok(tab.postsSince(start) < STORM);
  }

  for (const [behind, held] of [
    [0, 'after the one that is held'],
    [1, 'that is held'],
    [2, 'before the one that is held'],
    [5, 'long answered'],
  ] as const) {
    const title = `Strophe: a copy that starts with the rid ${held} is told item-not-found, and the first lives on`;
    test(title, { timeout: 60_000 }, async () => {
      await strophe(`behind-${behind}`, async (chat) => {
        await chat.tab.isHeld();
        const copy = await duplicated(chat, `#behind=${behind}`);
        await isTold(copy);
        await livesOn(chat, copy, []);
        assert.deepEqual(chat.got(), ['I am here']);
      });
    });
  }

  test('Strophe: a copy takes nothing from a tab that talks', { timeout: 60_000 }, async () => {
    await strophe('talking', async (chat) => {
      const { tab, bobSends, got } = chat;
      const [hers, his] = [numbered('from Alice', 16), numbered('from Bob', 24)];
      const talk = (part: number) =>
        Promise.all([
          sendAll(hers.slice(8 * part, 8 * part + 8), (text) => tab.say(text), 170),
          sendAll(his.slice(12 * part, 12 * part + 12), bobSends, 110),
        ]);
      await talk(0);
      await tab.isHeld();
      const copy = await duplicated(chat);
      await eventually('the copy has asked', () => copy.posts.length > 0);
      await talk(1);
      await tab.shows(his);
      await eventually('all that Alice said has come', () => got().includes(hers.at(-1) ?? ''));
      assert.deepEqual(got(), hers);
      await isTold(copy);
      await livesOn(chat, copy, his);
    });
  });

  test('Strophe: a copy that talks at once is told too', { timeout: 60_000 }, async () => {
    await strophe('eager', async (chat) => {
      await chat.tab.isHeld();
      const copy = await duplicated(chat, '#say=the copy speaks');
      await eventually('the copy has spoken', () => copy.posts.length > 0);
      await chat.bobSends('to whom?');
      await isTold(copy);
      await chat.tab.shows(['to whom?']);
      await livesOn(chat, copy, ['to whom?']);
      const heard = chat.got().filter((text) => text === 'the copy speaks');
      assert.ok(heard.length <= 1);
    });
  });

  const converse = (tag: string, use: Use<ConverseTab>) =>
    meet(
      tag,
      ConverseTab,
      ({ jid, password }) =>
        pages.add({
          assets_path: '/dist',
          view_mode: 'fullscreen',
          discover_connection_methods: false,
          i18n: 'en',
          authentication: 'login',
          auto_login: true,
          jid,
          password,
          bosh_service_url: front.urls.bosh,
        }),
      use,
    );

  test('Converse: the copy of a tab logs in by itself, and the first lives on', { timeout: 60_000 }, async () => {
    await converse('converse', async ({ alice, tab, bob, bobSends, got, duplicate, logins }) => {
      await tab.openChat(bob.jid);
      await tab.say('before');
      await bob.message('before', alice.jid);
      // While it makes its keys and reads what others publish, nothing tells which of the two was there first.
      await tab.isAtRest();
      const already = tab.sent.length;

      const copy = await duplicate();
      await eventually('the copy has logged in', () => logins() > 1, 15_000);
      // Messages come to it from its presence on, which is not the first that it says.
      await copy.isAtRest();
      await copy.openChat(bob.jid);
      assert.ok(copy.sent.some((body) => body.includes('<auth ')));

      await bobSends('to both');
      for (const each of [tab, copy]) {
        await each.shows('to both');
        await each.say(`from the ${each.name}`);
        await bob.message(`from the ${each.name}`, alice.jid);
      }
      assert.deepEqual(got(), ['before', 'from the first', 'from the copy']);
      const start = performance.now();
      await delay(5_000);
      assert.ok(tab.postsSince(start) + copy.postsSince(start) < STORM);
      assert.doesNotMatch(tab.sent.slice(already).join('\n'), /<auth /, 'the first has not logged in again');
      assert.equal(logins(), 2);
    });
  });
});
