import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import type { PageServer } from '../page-server.ts';
import type { Account } from '../real-server.ts';

export interface StropheSettings {
  readonly service: string;
  readonly account: Account;
  /** To whom the page's messages go. */
  readonly contact: string;
}

/** Adds a page that chats with Strophe as it comes from npm; its URL. */
export async function addStrophePage(
  pages: PageServer,
  { service, account, contact }: StropheSettings,
): Promise<string> {
  const dist = dirname(createRequire(import.meta.url).resolve('strophe.js'));
  const { jid, password } = account;
  return pages.addFiles({
    '': await readFile(join(import.meta.dirname, 'index.html')),
    'page.js': await readFile(join(import.meta.dirname, 'page.js')),
    'strophe.js': await readFile(join(dist, 'strophe.umd.min.js')),
    'settings.js': `globalThis.settings = ${JSON.stringify({ service, jid, password, contact })};`,
  });
}

/** A tab, and what it has sent and got by BOSH. */
export class Tab {
  readonly page: Page;
  readonly name: string;
  readonly errors: string[] = [];
  /** When each request was made, in ms. */
  readonly posts: number[] = [];
  readonly sent: string[] = [];
  readonly #wire: string[];

  /** `wire` takes the log of all tabs of a test. */
  constructor(page: Page, name: string, wire: string[]) {
    this.page = page;
    this.name = name;
    this.#wire = wire;
    page.on('pageerror', (error) => this.errors.push(`${name}: ${String(error)}`));
    page.on('request', (request) => {
      if (request.method() !== 'POST') return;
      this.posts.push(performance.now());
      this.sent.push(request.postData() ?? '');
      this.#log('>', request.postData() ?? '');
    });
    page.on('requestfailed', (request) =>
      this.#log('x', `${request.failure()?.errorText} ${request.postData() ?? ''}`),
    );
    page.on('requestfinished', (request) => {
      if (request.method() !== 'POST') return;
      void request
        .response()
        .then((response) => response?.text())
        .then((text) => this.#log('<', text ?? ''))
        .catch(() => {});
    });
  }

  #log(direction: string, text: string): void {
    this.#wire.push(`${performance.now().toFixed(0)} ${this.name} ${direction} ${text.slice(0, 500)}`);
  }

  /** Opens the same page in a new tab, which gets a copy of sessionStorage as the browser's own Duplicate gives it. */
  async duplicate(url = this.page.url()): Promise<Page> {
    const opened = this.page.waitForEvent('popup');
    await this.page.evaluate(`void window.open(${JSON.stringify(url)})`);
    return opened;
  }

  /** How many requests it has made since `start`. */
  postsSince(start: number): number {
    return this.posts.filter((at) => at >= start).length;
  }
}

/** A tab with the Strophe page. */
export class StropheTab extends Tab {
  async jid(): Promise<string> {
    await this.page.locator('#jid:not(:empty)').waitFor();
    return this.page.locator('#jid').innerText();
  }

  statuses(): Promise<string[]> {
    return this.page.locator('#statuses li').allInnerTexts();
  }

  async status(text: string): Promise<void> {
    await this.page.locator('#statuses li').getByText(text, { exact: true }).waitFor();
  }

  /** The tokens with which it started, if any. */
  async inherited(): Promise<{ jid: string; rid: number; sid: string } | null> {
    await this.page.waitForFunction('globalThis.inherited !== undefined');
    return this.page.evaluate('globalThis.inherited');
  }

  async say(text: string): Promise<void> {
    await this.page.locator('#text').fill(text);
    await this.page.locator('#text').press('Enter');
  }

  /** Waits until the page shows exactly these messages, in this order. */
  async shows(expected: readonly string[]): Promise<void> {
    const messages = this.page.locator('#messages li');
    await messages
      .getByText(expected.at(-1) ?? '', { exact: true })
      .first()
      .waitFor();
    assert.deepEqual(await messages.allInnerTexts(), expected);
  }
}
