import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { screenshot } from './chromium.ts';
import type { Account } from './real-server.ts';

/** What all pages with Converse have in common; they are told where to go. */
export const CONVERSE_SETTINGS = {
  assets_path: '/dist',
  view_mode: 'fullscreen',
  authentication: 'login',
  discover_connection_methods: false,
  i18n: 'en',
};

/** A page with Converse, and what it has sent to the front. */
export class ConversePage {
  readonly page: Page;
  readonly sent: string[] = [];
  readonly received: string[] = [];
  readonly errors: string[] = [];
  readonly #name: string;

  constructor(page: Page, name: string) {
    this.page = page;
    this.#name = name;
    page.on('request', (request) => this.sent.push(request.postData() ?? ''));
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => this.sent.push(String(payload)));
      socket.on('framereceived', ({ payload }) => this.received.push(String(payload)));
    });
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

  /** Waits until the chat shows exactly these messages, in this order, among those that start with `prefix`; `isUnruly`: in any order. */
  async shows(expected: readonly string[], prefix = '', isUnruly = false): Promise<void> {
    const messages = this.page.locator('converse-chat-message-body.chat-msg__text');
    const last = expected.at(-1) ?? '';
    await messages.filter({ hasText: last }).first().waitFor();
    const texts = (await messages.allInnerTexts()).map((text) => text.trim());
    const shown = texts.filter((text) => text.startsWith(prefix));
    assert.deepEqual(isUnruly ? [...new Set(shown)].toSorted() : shown, expected);
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

/** Runs `use` with a page in a browser profile of its own; takes a picture when it fails. */
export async function withConverse(
  browser: Browser,
  name: string,
  use: (converse: ConversePage) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  context.setDefaultTimeout(15_000);
  const converse = new ConversePage(await context.newPage(), name);
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
