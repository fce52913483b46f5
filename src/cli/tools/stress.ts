import { systemClock } from '../../core/clock.ts';
import { reasonOf } from '../../core/errors.ts';
import { randomId } from '../../core/id.ts';
import { bodyOf, TestClient, type Who } from './client.ts';
import { Times, timesText, type Outcome, type Report } from './report.ts';

export interface StressPlan {
  readonly sessions: number;
  readonly seconds: number;
  /** Sessions opened in a second. */
  readonly rate: number;
  /** So long the last messages may take. */
  readonly lastMs: number;
}

/** Between two messages of a session. */
const INTERVAL_MS = 1000;
const MOST_REASONS = 10;

/** Keeps sessions busy for a time: each writes to itself once a second. */
export class Stress {
  readonly #url: string;
  readonly #who: readonly Who[];
  readonly #plan: StressPlan;
  readonly #report: Report;
  readonly #opening = new Times();
  readonly #trips = new Times();
  readonly #sentAt = new Map<string, number>();
  readonly #clients = new Set<TestClient>();
  readonly #reasons = new Map<string, number>();
  #failed = 0;
  #lost = 0;
  #sent = 0;
  #isOver = false;

  constructor(url: string, who: readonly Who[], plan: StressPlan, report: Report) {
    this.#url = url;
    this.#who = who;
    this.#plan = plan;
    this.#report = report;
  }

  async run(): Promise<Outcome> {
    const end = systemClock.now() + this.#plan.seconds * 1000;
    const running: Promise<void>[] = [];
    for (let index = 0; index < this.#plan.sessions; index++) {
      running.push(this.#session(this.#who[index % this.#who.length] as Who, end));
      this.#tell(end);
      await pause(1000 / this.#plan.rate);
    }
    // Whoever asks for more than can be opened in that time gets at least all of them open once.
    while (systemClock.now() < end) {
      this.#tell(end);
      await pause(Math.min(1000, Math.max(1, end - systemClock.now())));
    }
    await Promise.all(running);
    this.#isOver = true;
    await Promise.all([...this.#clients].map((client) => client.close()));
    return this.#outcome();
  }

  async #session(who: Who, end: number): Promise<void> {
    const client = new TestClient(this.#url);
    const start = systemClock.now();
    try {
      await client.login(who);
    } catch (error) {
      this.#failed++;
      this.#note(error);
      return;
    }
    this.#opening.add(systemClock.now() - start);
    this.#clients.add(client);
    client.onStanza = (stanza) => {
      const at = this.#sentAt.get(bodyOf(stanza) ?? '');
      if (at === undefined) return;
      this.#sentAt.delete(bodyOf(stanza) ?? '');
      this.#trips.add(systemClock.now() - at);
    };
    client.onEnd = (error) => {
      if (this.#isOver || !this.#clients.delete(client)) return;
      this.#lost++;
      this.#note(error);
    };
    do {
      const text = randomId();
      this.#sentAt.set(text, systemClock.now());
      this.#sent++;
      client.message(client.jid, text, text);
      await pause(INTERVAL_MS);
    } while (this.#clients.has(client) && systemClock.now() < end);
    for (
      let waited = 0;
      this.#sentAt.size > 0 && waited < this.#plan.lastMs && this.#clients.has(client);
      waited += 100
    ) {
      await pause(100);
    }
  }

  #note(error: unknown): void {
    const reason = reasonOf(error);
    if (this.#reasons.size < MOST_REASONS || this.#reasons.has(reason)) {
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    }
  }

  #tell(end: number): void {
    this.#report.progress(() => {
      const left = Math.max(0, Math.round((end - systemClock.now()) / 1000));
      const sessions = `${this.#clients.size} sessions open, ${this.#failed} failed, ${this.#lost} lost`;
      const messages = `${this.#trips.count} messages, half of them in ${this.#trips.summary()?.p50 ?? 0} ms`;
      return `${sessions}; ${messages}; ${left} s left`;
    });
  }

  #outcome(): Outcome {
    const [opened, failed, lost] = [this.#opening.count, this.#failed, this.#lost];
    const [sent, received] = [this.#sent, this.#trips.count];
    const missing = sent - received;
    this.#report.line(`  ${opened} sessions opened, ${failed} failed, ${lost} lost`);
    this.#report.line(`  ${sent} messages sent, ${missing} missing`);
    for (const [reason, count] of this.#reasons) this.#report.line(`  FAIL  ${count} times: ${reason}`);
    this.#report.line(`  opening: ${timesText(this.#opening)}`);
    this.#report.line(`  messages: ${timesText(this.#trips)}`);
    return {
      ok: failed + lost + missing === 0,
      opened,
      failed,
      lost,
      sent,
      received,
      missing,
      reasons: Object.fromEntries(this.#reasons),
      openingMilliseconds: this.#opening.summary(),
      messageMilliseconds: this.#trips.summary(),
    };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve));
}
