import type { BoshAnswer, BoshClient } from './bosh-client.ts';
import { Signal } from './waiting.ts';

/**
 * A browser tab with Strophe in it: polls while nothing is open, says what it has to say at once, up to two requests open, and
 * takes an answer of type='error' for an empty one.
 */
export class Tab {
  /** The ids of the messages that it got, in order. */
  readonly got: string[] = [];
  /** Of its own requests. */
  requests = 0;
  /** The condition of the terminate body that it got. */
  readonly #ended = new Signal<string | undefined>();
  readonly client: BoshClient;
  readonly #unsent: string[] = [];
  #open = 0;
  #isOver = false;

  constructor(client: BoshClient) {
    this.client = client;
  }

  get ended(): Promise<string | undefined> {
    return this.#ended.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  start(): this {
    this.#go();
    return this;
  }

  say(xml: string): void {
    this.#unsent.push(xml);
    this.#go();
  }

  /** The tab is closed: it neither asks nor hears any more. */
  stop(): void {
    this.#isOver = true;
  }

  #go(): void {
    if (this.#isOver || this.#open === 2 || (this.#open > 0 && this.#unsent.length === 0)) return;
    this.#open++;
    this.requests++;
    const answer = this.client.ask(this.#unsent.splice(0).join(''));
    answer.then(
      (one) => this.#hear(one),
      () => this.stop(),
    );
  }

  #hear({ type, condition, text }: BoshAnswer): void {
    this.#open--;
    if (this.#isOver) return;
    for (const [, id = ''] of text.matchAll(/<message [^>]*id='(.*?)'/g)) this.got.push(id);
    if (type === 'terminate') {
      this.#isOver = true;
      this.#ended.resolve(condition);
    } else setTimeout(() => this.#go(), 5);
  }
}
