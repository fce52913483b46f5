import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PageServer } from '../page-server.ts';
import type { Account } from '../real-server.ts';
import { Tab } from './tab.ts';

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
    '': await readFile(join(import.meta.dirname, 'strophe.html')),
    'page.js': await readFile(join(import.meta.dirname, 'strophe-page.js')),
    'strophe.js': await readFile(join(dist, 'strophe.umd.min.js')),
    'settings.js': `globalThis.settings = ${JSON.stringify({ service, jid, password, contact })};`,
  });
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
    await this.page.locator('#inherited:not(:empty)').waitFor();
    return JSON.parse(await this.page.locator('#inherited').innerText());
  }

  /** Waits until its request is held, and nothing else goes on. */
  async isHeld(): Promise<void> {
    await this.jid();
    let count: number;
    do {
      count = this.posts.length;
      await delay(400);
    } while (count !== this.posts.length);
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
