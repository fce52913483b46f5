import { attributeOf, isErrorBody, type HttpMessage } from './http.ts';
import type { ClientConnection, Traffic } from './proxy.ts';
import { NO_FAULT, type Fault, type FaultKind } from './schedule.ts';
import type { Upstream } from './upstream.ts';

/** `coming`: not at the gateway yet. `asked`: all of it is. `answered`: the whole answer is at the proxy. `over`. */
type ExchangeState = 'coming' | 'asked' | 'answered' | 'over';

/** Faults after which the client asks again. */
const COSTLY: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...(['lose-request', 'cut-request', 'cut-between', 'repeat-held', 'repeat-swap'] as const),
  ...(['repeat-after', 'lose-answer', 'cut-answer'] as const),
]);

/** One coming of one request, through the proxy. */
export class Exchange {
  readonly n: number;
  readonly #client: ClientConnection;
  readonly #traffic: Traffic;
  readonly #attempt: number;
  readonly #raw: Buffer;
  readonly #fault: Fault;
  #state: ExchangeState = 'coming';
  #upstream: Upstream | undefined;
  #copy: Upstream | undefined;
  /** The answers to the request and to its copy, where both count. */
  #first: HttpMessage | undefined;
  #second: HttpMessage | undefined;
  #askedAt = 0;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(client: ClientConnection, traffic: Traffic, n: number, attempt: number, raw: Buffer) {
    this.n = n;
    this.#client = client;
    this.#traffic = traffic;
    this.#attempt = attempt;
    this.#raw = raw;
    const { record } = traffic;
    const fault = record.schedule.fault(record.number, n, attempt, record.traits);
    this.#fault = COSTLY.has(fault.kind) && !record.mayRepeat ? NO_FAULT : fault;
    if (attempt > 0) record.noteRepeat();
    traffic.exchanges.add(this);
  }

  get isUnanswered(): boolean {
    return this.#state === 'asked' && this.#copy === undefined && this.#upstream?.partial === 0;
  }

  start(): void {
    const { counts } = this.#client.proxy;
    counts.requests++;
    if (this.#attempt > 0) counts.repeats++;
    const { kind, ms, how } = this.#fault;
    this.#log(`comes, ${kind}${kind === 'none' ? '' : ` ${ms} ms ${how}`}`);
    for (const other of this.#traffic.exchanges) other.#overtaken(this.n);
    if (this.#attempt === 0) this.#go();
    else void this.#client.proxy.barrier().then(() => this.#state === 'coming' && this.#go());
  }

  #go(): void {
    const { kind, ms, at } = this.#fault;
    switch (kind) {
      case 'delay-request':
      case 'reorder':
        this.#after(ms, () => this.#ask(kind));
        break;
      case 'lose-request':
        this.#after(ms, () => this.#cut(kind));
        break;
      case 'cut-request':
        this.#upstream = this.#client.upstream;
        this.#upstream.onClose = () => {};
        this.#upstream.write(this.#raw.subarray(0, 1 + Math.floor(at * (this.#raw.length - 2))));
        this.#after(ms, () => this.#cut(kind));
        break;
      default:
        this.#ask();
        if (kind === 'cut-between') this.#after(ms, () => this.#state === 'asked' && this.#cut(kind));
        if (kind === 'repeat-held' || kind === 'repeat-swap') this.#after(ms, () => this.#repeat(kind));
    }
  }

  /** The request that this one has to let pass is here. */
  #overtaken(n: number): void {
    if (this.#fault.kind !== 'reorder' || this.#state !== 'coming' || n <= this.n) return;
    this.#client.proxy.counts.reordered++;
    this.#clearTimers();
    this.#after(5 + (this.#fault.ms % 50), () => this.#ask('reorder'));
  }

  #ask(because?: FaultKind): void {
    if (because !== undefined) this.#count(because);
    this.#state = 'asked';
    this.#askedAt = performance.now();
    const upstream = this.#client.upstream;
    this.#upstream = upstream;
    upstream.onAnswer = (answer) => this.#answered(answer);
    upstream.onClose = () => this.#fail('the gateway closed the connection without an answer');
    upstream.write(this.#raw);
    this.#log('asked');
    this.#expect();
  }

  /** No request stays unanswered beyond `wait` (BOSH-PAY-05). */
  #expect(): void {
    const ms = this.#traffic.record.traits.wait * 1000 + this.#client.proxy.toleranceMs;
    this.#within(ms, `no answer within ${ms} ms`);
  }

  /** Fails where this is not over by then; but where the machine is late, not before the gateway has come to its events again. */
  #within(ms: number, why: string): void {
    const state = this.#state;
    const { proxy } = this.#client;
    this.#after(ms, () => {
      void Promise.all([proxy.barrier(), proxy.barrier()])
        .then(() => proxy.barrier())
        .then(() => this.#state === state && this.#fail(why));
    });
  }

  #answered(answer: HttpMessage): void {
    this.#took(this.#askedAt);
    if (isErrorBody(answer)) this.#client.proxy.counts.errorBodies++;
    const isSuperseded = this.#copy !== undefined && isErrorBody(answer);
    if (isSuperseded) this.#log('superseded by its copy');
    if (this.#copy === undefined || (isSuperseded && this.#fault.kind === 'repeat-held')) {
      this.#deliver(answer);
    } else {
      this.#first = answer;
      this.#deliverBest();
    }
  }

  /** When both are answered: the client must not move on before, out of what the gateway has to remember for the copy. */
  #deliverBest(): void {
    if (this.#first === undefined || this.#second === undefined) return;
    this.#deliver(isErrorBody(this.#first) ? this.#second : this.#first);
  }

  #deliver(answer: HttpMessage): void {
    if (this.#state !== 'asked') return;
    this.#state = 'answered';
    this.#clearTimers();
    const { kind, ms, at } = this.#fault;
    this.#log(`answered: ${answer.body.slice(0, 160)}${answer.body.length > 160 ? `… (${answer.body.length})` : ''}`);
    switch (kind) {
      case 'lose-answer':
        this.#cut(kind);
        break;
      case 'cut-answer':
        this.#client.write(answer.raw.subarray(0, Math.floor(at * answer.raw.length)));
        this.#cut(kind);
        break;
      case 'delay-answer':
        this.#count(kind);
        this.#after(ms, () => this.#pass(answer));
        break;
      case 'repeat-after':
        this.#repeatAfter(answer);
        break;
      default:
        this.#pass(answer);
    }
  }

  #pass(answer: HttpMessage): void {
    this.#over();
    this.#client.write(answer.raw);
  }

  /** The request comes a second time while the first is held. */
  #repeat(kind: 'repeat-held' | 'repeat-swap'): void {
    if (this.#state !== 'asked') return;
    this.#count(kind);
    const at = performance.now();
    const copy = this.#sendCopy((answer) => {
      this.#took(at);
      this.#second = answer;
      this.#log('the copy is answered');
      this.#deliverBest();
    });
    this.#copy = copy;
    this.#clearTimers();
    this.#expect();
  }

  /** The request comes a second time when it is answered. The client hears of neither before the second is: it moves on only then. */
  #repeatAfter(answer: HttpMessage): void {
    // The answer to a superseded connection is not stored.
    if (isErrorBody(answer) || attributeOf(answer.body, 'type') === 'terminate') {
      this.#pass(answer);
      return;
    }
    this.#count('repeat-after');
    this.#within(this.#client.proxy.toleranceMs, 'a repeat of an answered request is not answered');
    this.#sendCopy((again) => {
      if (this.#state !== 'answered') return;
      // Of a session that has ended the gateway need not remember anything (BOSH-TERM-04).
      const isOver = this.#traffic.record.isTerminating && attributeOf(again.body, 'condition') === 'item-not-found';
      if (again.body !== answer.body && !isOver) {
        this.#fail(`a repeat has another answer: ${again.body.slice(0, 300)}`);
      }
      this.#pass(answer);
    });
  }

  #sendCopy(onAnswer: (answer: HttpMessage) => void): Upstream {
    this.#traffic.record.noteRepeat();
    this.#client.proxy.counts.repeats++;
    const copy = this.#client.proxy.open();
    copy.onClose = () => this.#state !== 'over' && this.#fail('the gateway closed the connection of a copy');
    copy.onAnswer = (answer) => {
      copy.close('fin');
      onAnswer(answer);
    };
    this.#log('a copy is sent');
    copy.write(this.#raw);
    return copy;
  }

  #cut(kind: FaultKind): void {
    const { how } = this.#fault;
    this.#count(kind);
    this.#log(`cut (${kind}, ${how})`);
    this.#over();
    if (how !== 'silent' && kind !== 'lose-request') this.#upstream?.close(how);
    this.#client.close(how);
  }

  /** The client closed its connection. */
  abandon(): void {
    if (this.#state === 'over') return;
    this.#log('given up by the client');
    this.#over();
    const { record } = this.#traffic;
    this.#upstream?.close(record.schedule.ending(record.number, this.n));
  }

  /** FIN to the gateway. Resolves, when the gateway has closed too, with whether any byte of an answer had come. */
  halfClose(): Promise<boolean> {
    const upstream = this.#upstream as Upstream;
    this.#over();
    this.#log('half closed, for the page is reloaded');
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#fail('the gateway does not close a connection that is ended'), 10_000);
      let isAnswered = false;
      upstream.onAnswer = () => (isAnswered = true);
      upstream.onClose = (bytes) => {
        clearTimeout(late);
        this.#log(`closed by the gateway, ${isAnswered || bytes > 0 ? 'answered' : 'unread'}`);
        resolve(isAnswered || bytes > 0);
      };
      upstream.halfClose();
    });
  }

  #over(): void {
    this.#state = 'over';
    this.#clearTimers();
    this.#traffic.exchanges.delete(this);
    this.#client.done(this);
    if (this.#upstream !== undefined) this.#upstream.onClose = () => {};
  }

  #count(kind: FaultKind): void {
    const { faults } = this.#client.proxy.counts;
    faults[kind] = (faults[kind] ?? 0) + 1;
  }

  #took(since: number): void {
    const { counts } = this.#client.proxy;
    counts.longestMs = Math.max(counts.longestMs, performance.now() - since);
  }

  #log(what: string): void {
    this.#traffic.record.log(`P: ${this.n}/${this.#attempt} ${what}`);
  }

  #fail(why: string): void {
    this.#traffic.record.fail(`request ${this.n}/${this.#attempt}: ${why}`);
  }

  #after(ms: number, action: () => void): void {
    this.#timers.push(setTimeout(action, ms));
  }

  #clearTimers(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }
}
