import { randomInt } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { reasonOf } from '../../core/errors.ts';
import { readAnswer } from '../../prebind/answer.ts';
import { NS } from '../../xml/ns.ts';
import { elementsOf, type XmlElement } from '../../xml/tree.ts';
import { attributes } from '../../xml/write.ts';
import { post } from './post.ts';
import type { Wire, WireListener } from './wire.ts';

type Values = Readonly<Record<string, string | number | undefined>>;

const WAIT_SECONDS = 60;
const FAREWELL_MS = 3000;
const FIRST_POLL_MS = 50;

/**
 * BOSH as a browser speaks it: one request waits, another one goes out as soon as there is something to say. Until the login is
 * over they go one after the other. COMPAT(ejabberd, 23.01): a restart that meets another request may never be answered, nor two that overtake each other.
 */
export class BoshWire implements Wire {
  readonly #url: string;
  readonly #listener: WireListener;
  readonly #stop = new AbortController();
  #rid = randomInt(2 ** 31, 2 ** 32);
  #sid: string | undefined;
  #domain = '';
  #most = 2;
  #open = 0;
  #isSending = false;
  #isSettled = false;
  #isExpecting = false;
  /** Answers that came before those of older requests. */
  readonly #early = new Map<number, XmlElement>();
  #nextAnswer = 0;
  #payload = '';
  #restartIsDue = false;
  #isOver = false;

  constructor(url: string, listener: WireListener) {
    this.#url = url;
    this.#listener = listener;
  }

  async open(domain: string): Promise<void> {
    this.#domain = domain;
    const body = await this.#post({
      to: domain,
      ver: '1.11',
      wait: WAIT_SECONDS,
      hold: 1,
      content: 'text/xml; charset=utf-8',
      'xml:lang': 'en',
      'xmlns:xmpp': NS.xbosh,
      'xmpp:version': '1.0',
    });
    this.#sid = body.attributes.get('sid');
    if (this.#sid === undefined) throw new Error('the answer names no session');
    const requests = Number(body.attributes.get('requests') ?? 2);
    this.#most = Math.max(2, requests);
    this.#nextAnswer = this.#rid;
    this.#heard(body);
    this.#pump();
  }

  send(xml: string): void {
    this.#payload += xml;
    this.#pump();
  }

  restart(): void {
    this.#restartIsDue = true;
    this.#pump();
  }

  expect(): void {
    this.#isExpecting = true;
    this.#pump();
  }

  settle(): void {
    // Whoever has logged in mostly has something to say: then that is the request which waits.
    systemClock.after(FIRST_POLL_MS, () => {
      this.#isSettled = true;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isOver || this.#isSending || this.#sid === undefined || !this.#isDue()) return;
    if (this.#restartIsDue) {
      this.#restartIsDue = false;
      const restart = { 'xml:lang': 'en', 'xmlns:xmpp': NS.xbosh, 'xmpp:restart': 'true' };
      void this.#exchange({ to: this.#domain, ...restart }, '');
    } else {
      const payload = this.#payload;
      this.#payload = '';
      void this.#exchange({}, payload);
    }
  }

  /** True where one more request has to go out. */
  #isDue(): boolean {
    if (!this.#isSettled) return this.#open === 0 && (this.#hasSomething() || this.#isExpecting);
    return this.#open < (this.#hasSomething() ? this.#most : 1);
  }

  #hasSomething(): boolean {
    return this.#restartIsDue || this.#payload !== '';
  }

  async #exchange(values: Values, payload: string): Promise<void> {
    this.#open++;
    const rid = this.#rid;
    try {
      this.#early.set(rid, await this.#post({ sid: this.#sid, ...values }, payload));
      this.#open--;
      for (let body = this.#early.get(this.#nextAnswer); body !== undefined; body = this.#early.get(this.#nextAnswer)) {
        this.#early.delete(this.#nextAnswer++);
        this.#heard(body);
      }
      this.#pump();
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(reasonOf(error)));
    }
  }

  #heard(body: XmlElement): void {
    if (this.#isOver) return;
    const elements = elementsOf(body);
    if (elements.length > 0) this.#isExpecting = false;
    for (const element of elements) this.#listener.element(element);
  }

  async #post(values: Values, payload = '', signal = this.#stop.signal): Promise<XmlElement> {
    const body = `<body${attributes({ xmlns: NS.httpbind, rid: this.#rid++, ...values })}>${payload}</body>`;
    const { sent, answer } = post(this.#url, body, signal);
    this.#isSending = true;
    void sent.then(() => {
      this.#isSending = false;
      this.#pump();
    });
    const { status, text } = await answer.catch((cause: unknown) => {
      throw new Error(`no answer: ${reasonOf(cause)}`, { cause });
    });
    if (status !== 200) throw new Error(`HTTP ${status}`);
    return readAnswer(text);
  }

  #end(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stop.abort();
    this.#listener.end(error);
  }

  async close(): Promise<void> {
    const wasOver = this.#isOver;
    this.#isOver = true;
    const late = new AbortController();
    const timer = systemClock.after(FAREWELL_MS, () => late.abort());
    if (!wasOver && this.#sid !== undefined) {
      await this.#post({ sid: this.#sid, type: 'terminate' }, this.#payload, late.signal).catch(() => {});
    }
    timer.cancel();
    this.#stop.abort();
  }
}
