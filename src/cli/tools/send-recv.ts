import { systemClock } from '../../core/clock.ts';
import { reasonOf } from '../../core/errors.ts';
import { randomId } from '../../core/id.ts';
import { bodyOf, TestClient } from './client.ts';
import { Times, timesText, type Outcome, type Report } from './report.ts';
import type { User } from './users.ts';

export interface SendRecvPlan {
  /** From everybody to everybody. */
  readonly messages: number;
  /** Of one user, in a second. */
  readonly rate: number;
  /** So long nothing may come before what is missing counts as lost. */
  readonly silenceMs: number;
}

/** Everybody writes to everybody, themselves too; what comes is counted. */
export async function sendRecv(
  url: string,
  users: readonly User[],
  plan: SendRecvPlan,
  report: Report,
): Promise<Outcome> {
  const clients = users.map(() => new TestClient(url));
  try {
    const logins = await Promise.allSettled(clients.map((client, index) => client.login(users[index] as User)));
    const failures = logins.flatMap((login, index) =>
      login.status === 'rejected' ? [`${users[index]?.jid}: ${reasonOf(login.reason)}`] : [],
    );
    if (failures.length > 0) {
      for (const failure of failures) report.line(`  FAIL  ${failure}`);
      return { ok: false, users: users.length, failures };
    }
    return await new Exchange(clients, plan, report).run();
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

class Exchange {
  readonly #clients: readonly TestClient[];
  readonly #messages: number;
  readonly #gapMs: number;
  readonly #silenceMs: number;
  readonly #report: Report;
  readonly #run = randomId();
  readonly #times = new Times();
  /** When a message went out, by its text. */
  readonly #sentAt = new Map<string, number>();
  /** The number that comes next, by sender and receiver. */
  readonly #next = new Map<string, number>();
  readonly #seen = new Set<string>();
  readonly #lost: string[] = [];
  #doubles = 0;
  #disordered = 0;
  #foreign = 0;
  #sent = 0;
  #wake: () => void = () => {};

  constructor(clients: readonly TestClient[], { messages, rate, silenceMs }: SendRecvPlan, report: Report) {
    this.#clients = clients;
    this.#messages = messages;
    this.#gapMs = 1000 / rate;
    this.#silenceMs = silenceMs;
    this.#report = report;
  }

  get #expected(): number {
    return this.#clients.length ** 2 * this.#messages;
  }

  async run(): Promise<Outcome> {
    this.#clients.forEach((client, to) => {
      client.onStanza = (stanza) => {
        const body = bodyOf(stanza);
        if (body !== undefined) this.#received(body, to);
      };
      client.onEnd = (error) => {
        this.#lost.push(`${client.jid}: ${error.message}`);
        this.#wake();
      };
    });
    await Promise.all(this.#clients.map((client, from) => this.#sendAll(client, from)));
    while (this.#seen.size < this.#expected && this.#lost.length === 0 && (await this.#something()));
    return this.#outcome();
  }

  async #sendAll(client: TestClient, from: number): Promise<void> {
    for (let number = 0; number < this.#messages; number++) {
      for (const [to, receiver] of this.#clients.entries()) {
        if (this.#lost.length > 0) return;
        const text = `${this.#run} ${from} ${to} ${number}`;
        this.#sentAt.set(text, systemClock.now());
        this.#sent++;
        client.message(receiver.jid, text, text);
        this.#tell();
        await new Promise<void>((resolve) => systemClock.after(this.#gapMs, resolve));
      }
    }
  }

  #received(body: string, to: number): void {
    const [run, from, meant, number] = body.split(' ');
    if (run !== this.#run) return;
    if (Number(meant) !== to) this.#foreign++;
    else if (this.#seen.has(body)) this.#doubles++;
    else {
      this.#seen.add(body);
      this.#times.add(systemClock.now() - (this.#sentAt.get(body) ?? 0));
      const pair = `${from} ${to}`;
      if (Number(number) !== (this.#next.get(pair) ?? 0)) this.#disordered++;
      this.#next.set(pair, Number(number) + 1);
    }
    this.#tell();
    this.#wake();
  }

  /** False where nothing comes any more. */
  #something(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = systemClock.after(this.#silenceMs, () => resolve(false));
      this.#wake = () => {
        timer.cancel();
        resolve(true);
      };
    });
  }

  #tell(): void {
    this.#report.progress(() => `${this.#sent} of ${this.#expected} sent, ${this.#seen.size} received`);
  }

  #outcome(): Outcome {
    const missing = this.#expected - this.#seen.size;
    const [doubles, disordered, foreign] = [this.#doubles, this.#disordered, this.#foreign];
    const ok = missing + doubles + disordered + foreign + this.#lost.length === 0;
    this.#report.line(`  ${this.#clients.length} users, ${this.#sent} messages sent, ${this.#seen.size} received`);
    this.#report.line(
      `  ${missing} missing, ${doubles} twice, ${disordered} out of order, ${foreign} at somebody else`,
    );
    for (const line of this.#lost) this.#report.line(`  FAIL  ${line}`);
    this.#report.line(`  took: ${timesText(this.#times)}`);
    return {
      ok,
      users: this.#clients.length,
      sent: this.#sent,
      received: this.#seen.size,
      missing,
      doubles,
      disordered,
      foreign,
      lost: this.#lost,
      milliseconds: this.#times.summary(),
    };
  }
}
