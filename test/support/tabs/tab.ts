import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';

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
    const short = text.replaceAll(/ (?:xmlns(?::\w+)?|sid|xml:lang)=(?:"[^"]*"|'[^']*')/g, '').slice(0, 300);
    this.#wire.push(`${performance.now().toFixed(0)} ${this.name} ${direction} ${short}`);
  }

  /** Opens the same page in a new tab, which gets a copy of sessionStorage as the browser's own Duplicate gives it. */
  async duplicate(url = this.page.url()): Promise<Page> {
    const opened = this.page.waitForEvent('popup');
    await this.page.evaluate(`void window.open(${JSON.stringify(url)})`);
    return opened;
  }

  /** Waits until it has asked for nothing for a while. */
  async isAtRest(ms = 2500): Promise<void> {
    while (this.postsSince(performance.now() - ms) > 0) await delay(100);
  }

  /** How many requests it has made since `start`. */
  postsSince(start: number): number {
    return this.posts.filter((at) => at >= start).length;
  }
}
