import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { createGateway, type Gateway } from '../../src/gateway.ts';
import { chromiumProgram, launchChromium, screenshot } from '../support/chromium.ts';
import type { ChatClient } from '../support/clients/chat-client.ts';
import { xmppJsWebSocket } from '../support/clients/xmpp-js.ts';
import { ejabberdProgram, startEjabberd } from '../support/ejabberd.ts';
import { startPageServer, type PageServer } from '../support/page-server.ts';
import { KEY, sha256 } from '../support/prebind.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { freePorts, skipWithout, type Account, type RealServer } from '../support/real-server.ts';
import { nodeSite, sitePassword, startSite, type Site } from '../support/site.ts';
import { eventually } from '../support/waiting.ts';

const servers = [
  { name: 'Prosody', start: startProsody, skip: skipWithout(prosodyProgram, chromiumProgram) },
  { name: 'ejabberd', start: startEjabberd, skip: skipWithout(ejabberdProgram, chromiumProgram) },
];

const contact = (page: Page, jid: string): Promise<void> =>
  page.locator(`li.online a.open-chat[data-jid="${jid}"]`).waitFor();

async function write(page: Page, text: string): Promise<void> {
  const field = page.locator('textarea.chat-textarea');
  await field.fill(text);
  await field.press('Enter');
}

const shown = (page: Page, text: string): Promise<void> =>
  page.locator('converse-chat-message-body.chat-msg__text').getByText(text, { exact: true }).waitFor();

/** What stands at the other server, as it is. */
async function passOn(origin: string, { url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = await fetch(new URL(url, origin));
  const type = answer.headers.get('content-type') ?? '';
  response.writeHead(answer.status, { 'Content-Type': type, 'Cache-Control': 'max-age=3600' });
  response.end(Buffer.from(await answer.arrayBuffer()));
}

for (const { name, start, skip } of servers) {
  describe(`prebind: a site with Converse before ${name}`, { skip, timeout: 240_000 }, () => {
    let server: RealServer;
    let gateway: Gateway;
    let startGateway: () => Promise<Gateway>;
    let pages: PageServer;
    let browser: Browser;

    before(async () => {
      server = await start({ passwords: 'hashed' });
      const [port = 0] = await freePorts(1);
      const { domain, caFile: ca } = server;
      startGateway = async () => {
        const started = createGateway({
          port,
          host: '127.0.0.1',
          domains: { [domain]: { host: '127.0.0.1', port: server.port, tls: 'starttls', ca } },
          prebindCallers: { site: { keyHash: sha256(KEY), domains: [domain] } },
          drainSeconds: 0.5,
        });
        await started.start();
        return started;
      };
      gateway = await startGateway();
      pages = await startPageServer();
      browser = await launchChromium();
    });
    after(async () => {
      await browser?.close();
      await pages?.stop();
      await gateway?.stop();
      await server?.stop();
    });

    interface Scene {
      readonly site: Site;
      readonly context: BrowserContext;
      readonly page: Page;
      readonly alice: Account;
      readonly bob: Account;
      readonly other: ChatClient;
      /** What pages asked of the site's prebind and of the gateway, by the time. */
      readonly asked: { readonly what: 'prebind' | 'bosh'; readonly at: number; readonly body: string }[];
      readonly picture: (step: string, page?: Page) => Promise<void>;
    }

    /** Alice has logged in to the site, and chats; Bob is a client of the XMPP server itself. */
    async function open(t: TestContext, tag: string): Promise<Scene> {
      const [alice, bob] = await server.pair(tag);
      const other = await xmppJsWebSocket.login({ urls: server.urls, domain: server.domain, account: bob });
      t.after(() => other.destroy());
      await other.sendPresence();
      const converse = pages.dist;
      const site = await startSite(nodeSite, {
        gateway: `http://127.0.0.1:${gateway.port}`,
        key: KEY,
        converse,
        accounts: [alice],
      });
      t.after(() => site.stop());
      const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
      context.setDefaultTimeout(15_000);
      t.after(() => context.close());
      const asked: Scene['asked'] = [];
      context.on('request', (request) => {
        const { pathname } = new URL(request.url());
        const body = request.postData() ?? '';
        if (pathname === '/prebind') asked.push({ what: 'prebind', at: performance.now(), body });
        else if (pathname === '/http-bind/' && request.method() === 'POST')
          asked.push({ what: 'bosh', at: performance.now(), body });
      });
      const page = await context.newPage();
      const picture = (step: string, of: Page = page) => screenshot(of, `prebind-${name}-${tag}-${step}`);
      t.after(async () => {
        if ((t as { passed?: boolean }).passed !== true) await picture('failed').catch(() => {});
      });
      await page.goto(site.url);
      await page.locator('input[name=user]').fill(alice.user);
      await page.locator('input[name=password]').fill(sitePassword(alice.user));
      await picture('login');
      await page.getByRole('button', { name: 'Log in' }).click();
      await contact(page, bob.jid);
      await other.presence(alice.jid, 'available');
      return { site, context, page, alice, bob, other, asked, picture };
    }

    const count = ({ asked }: Scene, what: 'prebind' | 'bosh', since = 0): number =>
      asked.filter((one) => one.what === what && one.at >= since).length;
    const openChat = ({ bob }: Scene, page: Page): Promise<void> =>
      page.locator(`a.open-chat[data-jid="${bob.jid}"]`).click();

    test('who is logged in to the site is in chat; a reload keeps the session', { timeout: 60_000 }, async (t) => {
      const scene = await open(t, 'reload');
      const { page, alice, bob, other, asked } = scene;
      assert.equal(count(scene, 'prebind'), 1);
      assert.ok(!asked.some(({ body }) => /<auth|xmpp:restart/.test(body)), 'the page did not log in');
      await openChat(scene, page);
      await write(page, 'hello <&>');
      await other.message('hello <&>', alice.jid);
      await other.sendMessage(alice.jid, 'hello yourself');
      await shown(page, 'hello yourself');
      await scene.picture('chat');

      const seen = other.presences.length;
      await page.reload();
      await contact(page, bob.jid);
      await other.sendMessage(alice.jid, 'after the reload');
      await shown(page, 'after the reload');
      assert.equal(count(scene, 'prebind'), 1, 'the same session');
      const left = other.presences.slice(seen).filter(({ type }) => type === 'unavailable');
      assert.deepEqual(left, [], 'nobody saw Alice go');
      await scene.picture('reloaded');
    });

    test('a second tab has a session of its own; a duplicated one does not storm', { timeout: 90_000 }, async (t) => {
      const others = gateway.stats().sessions;
      const scene = await open(t, 'tabs');
      const { page, context, site, bob } = scene;
      const second = await context.newPage();
      await second.goto(site.url);
      await contact(second, bob.jid);
      assert.equal(count(scene, 'prebind'), 2);
      assert.equal(gateway.stats().sessions - others, 2);
      await second.close();

      // A copy of the tab, with its sessionStorage.
      const opened = context.waitForEvent('page');
      await page.evaluate("void window.open('/')");
      const copy = await opened;
      await contact(copy, bob.jid);
      await eventually('the copy has a session of its own', () => count(scene, 'prebind') >= 3, 15_000);
      // Both have come to rest: a held request each, and now and then something to say.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const since = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 5000));
      const [prebinds, requests] = [count(scene, 'prebind', since), count(scene, 'bosh', since)];
      assert.ok(prebinds === 0 && requests < 10, `${prebinds} prebinds and ${requests} requests in 5 s`);
      await openChat(scene, page);
      await openChat(scene, copy);
      await write(page, 'from the first');
      await write(copy, 'from the copy');
      await scene.other.message('from the first', scene.alice.jid);
      await scene.other.message('from the copy', scene.alice.jid);
      await scene.picture('first');
      await scene.picture('copy', copy);
    });

    test(
      'the gateway restarts, and the page is back by itself within 2 s; log-out works',
      { timeout: 60_000 },
      async (t) => {
        const scene = await open(t, 'restart');
        const { page, alice, other } = scene;
        await openChat(scene, page);
        await gateway.stop();
        await other.presence(alice.jid, 'unavailable');
        const seen = other.presences.length;
        gateway = await startGateway();
        const began = performance.now();
        await eventually(
          'Alice is back',
          () => other.presences.slice(seen).some(({ type }) => type === 'available'),
          10_000,
        );
        const took = performance.now() - began;
        assert.ok(took < 2000, `${took} ms`);
        await other.sendMessage(alice.jid, 'you are back');
        await shown(page, 'you are back');
        await write(page, 'so I am');
        await other.message('so I am', alice.jid);
        await scene.picture('back');

        await page.locator('a.show-profile').click();
        await page.getByRole('button', { name: 'Log out' }).click();
        await page.getByRole('button', { name: 'Confirm' }).click();
        await page.locator('input[name=user]').waitFor();
        await scene.picture('logged-out');
        await eventually('no session is left', () => gateway.stats().sessions === 0);
      },
    );

    test('a page that asks the gateway itself, which asks the site', { timeout: 60_000 }, async (t) => {
      const [alice, bob] = await server.pair('webhook');
      const cookies: (string | undefined)[] = [];
      const site = createServer((request, response) => {
        cookies.push(request.headers.cookie);
        const isKnown = request.headers.cookie?.includes('session=42') === true;
        response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ jid: alice.jid, password: alice.password }));
      });
      await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
      t.after(() => site.close());
      const { domain, caFile: ca } = server;
      const page = pages.add({
        ...{ authentication: 'prebind', prebind_url: '/prebind', auto_login: true, jid: alice.jid },
        ...{ bosh_service_url: '/http-bind/', discover_connection_methods: false },
        ...{ view_mode: 'fullscreen', assets_path: '/dist/', i18n: 'en' },
      });
      const own = createGateway({
        port: 0,
        host: '127.0.0.1',
        domains: { [domain]: { host: '127.0.0.1', port: server.port, tls: 'starttls', ca } },
        prebindWebhook: `http://127.0.0.1:${(site.address() as AddressInfo).port}/whoami`,
        // Page and chat under one origin, as a proxy in front makes it.
        pages: [
          { path: /^\/(dist|pages)\//, handle: (request, response) => void passOn(pages.dist, request, response) },
        ],
        drainSeconds: 0.2,
      });
      await own.start();
      t.after(() => own.stop());
      const url = `http://127.0.0.1:${own.port}${new URL(page).pathname}`;
      const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
      context.setDefaultTimeout(15_000);
      t.after(() => context.close());
      const tab = await context.newPage();
      const refused = tab.waitForResponse((response) => response.url().endsWith('/prebind'));
      await tab.goto(url);
      assert.equal((await refused).status(), 401, 'nobody is logged in');

      await context.addCookies([
        { name: 'session', value: '42', url: new URL('/', url).href, httpOnly: true, sameSite: 'Strict' },
      ]);
      await tab.reload();
      await tab.locator(`a.open-chat[data-jid="${bob.jid}"]`).waitFor();
      await screenshot(tab, `prebind-${name}-webhook`);
      assert.equal(cookies.at(-1), 'session=42');

      // Another site makes the browser ask, with its cookie: for the browser another port is the same site.
      const sessions = own.stats().sessions;
      const evil = await context.newPage();
      await evil.goto(pages.add({}));
      const asked = cookies.length;
      const loaded = evil.waitForResponse((response) => response.url().endsWith('/prebind'));
      await evil.evaluate(
        `void fetch('http://127.0.0.1:${own.port}/prebind', { mode: 'no-cors', credentials: 'include' })`,
      );
      assert.equal((await loaded).status(), 403);
      assert.deepEqual([cookies.length, own.stats().sessions], [asked, sessions]);
    });
  });
}
