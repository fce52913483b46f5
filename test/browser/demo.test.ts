import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { demo, type Demo } from '../../src/cli/demo.ts';
import { chromiumProgram, launchChromium, screenshot } from '../support/chromium.ts';
import { skipWithout } from '../support/real-server.ts';

const skip = skipWithout(chromiumProgram);
const MARKUP = `<b>&amp;</b> "quoted" & 'single' <>& 🌹👩‍👩‍👧‍👦`;

async function startDemo(t: TestContext): Promise<Demo> {
  const running = await demo({ port: 0, print: () => {} });
  t.after(() => running.stop());
  return running;
}

async function openContext(t: TestContext, browser: Browser, options: object = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, ...options });
  context.setDefaultTimeout(20_000);
  t.after(() => context.close());
  return context;
}

/** Notes what the context's pages complain of, but for the sponsors' logos: Converse shows them while it logs in, and our policy forbids it. */
function complaintsOf(context: BrowserContext): string[] {
  const complaints: string[] = [];
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('https://conversejs.org/media/logos/')) {
      complaints.push(message.text());
    }
  });
  return complaints;
}

async function clickThrough(context: BrowserContext, url: string, link: string): Promise<Page> {
  const start = await context.newPage();
  await start.goto(url);
  const opened = context.waitForEvent('page');
  await start.getByRole('link', { name: link, exact: true }).click();
  return opened;
}

async function write(page: Page, text: string): Promise<void> {
  const field = page.locator('textarea.chat-textarea');
  await field.fill(text);
  await field.press('Enter');
}

function shown(page: Page, text: string): Promise<void> {
  return page.locator('converse-chat-message-body.chat-msg__text').getByText(text, { exact: true }).waitFor();
}

test('Romeo by BOSH and Juliet by WebSocket chat through the demo', { skip, timeout: 90_000 }, async (t) => {
  const { url } = await startDemo(t);
  const browser = await launchChromium();
  t.after(() => browser.close());
  const [left, right] = [await openContext(t, browser), await openContext(t, browser)];
  const complaints = [complaintsOf(left), complaintsOf(right)];
  const posts: string[] = [];
  left.on('request', (request) => posts.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const romeo = await clickThrough(left, url, 'Romeo by BOSH');
  const juliet = await clickThrough(right, url, 'Juliet by WebSocket');

  try {
    await romeo.locator('li.online a.open-chat[data-jid="juliet@localhost"]').waitFor();
    await juliet.locator('li.online a.open-chat[data-jid="romeo@localhost"]').waitFor();
    await write(romeo, `Romeo: ${MARKUP}`);
    await shown(juliet, `Romeo: ${MARKUP}`);
    await write(juliet, `Juliet: ${MARKUP}`);
    await shown(romeo, `Juliet: ${MARKUP}`);
    assert.ok(posts.includes('POST /http-bind/'));
  } finally {
    await screenshot(romeo, 'demo-romeo-bosh');
    await screenshot(juliet, 'demo-juliet-websocket');
  }

  await juliet.close();
  await romeo.locator('li.offline a.open-chat[data-jid="juliet@localhost"]').waitFor();
  await write(romeo, 'for when you are back');
  const back = await clickThrough(await openContext(t, browser), url, 'Juliet by BOSH');
  await shown(back, 'for when you are back');
  await screenshot(back, 'demo-juliet-bosh');
  assert.deepEqual(complaints, [[], []]);
});

test('Romeo by prebind: the page knows no password, and chats', { skip, timeout: 90_000 }, async (t) => {
  const { url } = await startDemo(t);
  const browser = await launchChromium();
  t.after(() => browser.close());
  const [left, right] = [await openContext(t, browser), await openContext(t, browser)];
  const complaints = [complaintsOf(left), complaintsOf(right)];
  const sent: string[] = [];
  left.on('request', (request) => sent.push(`${new URL(request.url()).pathname} ${request.postData() ?? ''}`));
  const romeo = await clickThrough(left, url, 'Romeo by prebind');
  const juliet = await clickThrough(right, url, 'Juliet by prebind');
  try {
    await romeo.locator('li.online a.open-chat[data-jid="juliet@localhost"]').waitFor();
    assert.ok(!(await romeo.content()).includes('montague'));
    assert.ok(sent.some((request) => request.startsWith('/demo/prebind')));
    assert.ok(!sent.some((request) => request.includes('<auth')), 'the page did not log in');
    await write(romeo, 'by prebind');
    await shown(juliet, 'by prebind');
    await romeo.reload();
    await write(juliet, 'after the reload');
    await shown(romeo, 'after the reload');
  } finally {
    await screenshot(romeo, 'demo-romeo-prebind');
  }
  assert.deepEqual(complaints, [[], []]);
});

test('the start page is readable on a wide screen, a phone, and in the dark', { skip, timeout: 60_000 }, async (t) => {
  const { url } = await startDemo(t);
  const browser = await launchChromium();
  t.after(() => browser.close());
  const views = {
    wide: {},
    phone: { viewport: { width: 360, height: 740 } },
    dark: { colorScheme: 'dark' },
  };
  for (const [name, options] of Object.entries(views)) {
    const context = await openContext(t, browser, options);
    const complaints = complaintsOf(context);
    const page = await context.newPage();
    await page.goto(url);
    await page.getByText('This is no production server.').waitFor();
    const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    assert.equal(overflow, 0, `${name}: nothing sticks out`);
    await screenshot(page, `demo-start-${name}`);
    assert.deepEqual(complaints, []);
  }
});

test('a taken port is one clear line that names --port', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  await assert.rejects(demo({ port, print: () => {} }), (error: Error) => {
    assert.match(error.message, new RegExp(`${port} .*--port`));
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
});
