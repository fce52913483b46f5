import type { Clock, Timer } from '../core/clock.ts';
import { GatewayError, reasonOf } from '../core/errors.ts';
import type { Verdict } from '../core/hooks.ts';
import type { Stanza } from '../core/ports.ts';
import { NS } from '../xml/ns.ts';

/** What a gate does with elements, and where it says that it has failed. */
export interface GateOwner {
  /** May throw. */
  pass(stanza: Stanza): void;
  refuse(stanza: Stanza): void;
  /** XEP-0198 counts the elements of both sides: one that is taken out needs something in its place. */
  isCounting(): boolean;
  /** Too much waits for the hook (true), or no more (false). */
  onFlow(full: boolean): void;
  /** The hook broke its contract. */
  onFault(error: GatewayError): void;
  /** Nothing passes any more. */
  onFailed(error: unknown): void;
}

export interface GateSettings {
  readonly hookSeconds: number;
  readonly maxQueuedBytes: number;
}

/** Unasked results are ignored by whoever gets them (RFC 6120 §8.2.3), and count as one stanza. */
const PLACEHOLDER_XML = `<iq xmlns='${NS.client}' type='result' id='sluice-taken-out'/>`;
const PLACEHOLDER: Stanza = { xml: PLACEHOLDER_XML, name: 'iq', ns: NS.client, bytes: PLACEHOLDER_XML.length };

/** Asks a hook about the elements of one stream in one direction, one after the other. There is none where there is no hook. */
export class Gate {
  readonly #name: string;
  readonly #hook: (stanza: Stanza) => Promise<Verdict> | Verdict;
  readonly #owner: GateOwner;
  readonly #clock: Clock;
  readonly #settings: GateSettings;
  /** The one that the hook is asked about comes first. */
  #waiting: Stanza[] = [];
  #bytes = 0;
  #isFull = false;
  #isOver = false;
  #deadline: Timer | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(
    name: string,
    hook: (stanza: Stanza) => Promise<Verdict> | Verdict,
    owner: GateOwner,
    clock: Clock,
    settings: GateSettings,
  ) {
    this.#name = name;
    this.#hook = hook;
    this.#owner = owner;
    this.#clock = clock;
    this.#settings = settings;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What the hook has not answered for. */
  get waiting(): readonly Stanza[] {
    return this.#waiting;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get isOpen(): boolean {
    return !this.#isOver;
  }

  push(stanza: Stanza): void {
    if (this.#isOver) return;
    if (this.#waiting.length > 0 || !this.#ask(stanza)) this.#queue(stanza);
  }

  /** Runs it when nothing waits for the hook: at once, or later. Nothing more may be pushed. */
  whenIdle(run: () => void): void {
    if (this.#isOver || this.#waiting.length === 0) run();
    else this.#whenIdle = run;
  }

  /** The hook is not asked any more, and nothing passes. */
  stop(): void {
    this.#isOver = true;
    this.#deadline?.cancel();
  }

  /** False where the answer is not there yet. */
  #ask(stanza: Stanza): boolean {
    let answer: Promise<Verdict> | Verdict;
    try {
      answer = this.#hook(stanza);
    } catch (error) {
      this.#fail(`threw: ${reasonOf(error)}`, error);
      return true;
    }
    if (!isPromise(answer)) {
      this.#settle(stanza, answer);
      return true;
    }
    const { hookSeconds } = this.#settings;
    this.#deadline = this.#clock.after(hookSeconds * 1000, () => this.#fail(`did not answer in ${hookSeconds} s`));
    void Promise.resolve(answer).then(
      (verdict) => this.#answered(verdict),
      (error: unknown) => this.#fail(`rejected: ${reasonOf(error)}`, error),
    );
    return false;
  }

  #queue(stanza: Stanza): void {
    this.#waiting.push(stanza);
    this.#changed(stanza.bytes);
  }

  #answered(verdict: Verdict): void {
    if (this.#isOver) return;
    this.#deadline?.cancel();
    this.#settleFirst(verdict);
    for (let next = this.#waiting[0]; next !== undefined && !this.#isOver; next = this.#waiting[0]) {
      if (!this.#ask(next)) return;
      this.#shift();
    }
    if (!this.#isOver) this.#whenIdle?.();
  }

  #settleFirst(verdict: Verdict): void {
    const first = this.#shift();
    if (first !== undefined) this.#settle(first, verdict);
  }

  #shift(): Stanza | undefined {
    const first = this.#waiting.shift();
    this.#changed(-(first?.bytes ?? 0));
    return first;
  }

  #settle(stanza: Stanza, verdict: Verdict): void {
    if (verdict === undefined) this.#pass(stanza);
    else if (typeof verdict === 'object' && typeof (verdict as Stanza | null)?.xml === 'string') this.#pass(verdict);
    else if (verdict === 'drop' || verdict === 'refuse') {
      if (stanza.ns === NS.client && this.#owner.isCounting()) this.#pass(PLACEHOLDER);
      else if (verdict === 'refuse') this.#owner.refuse(stanza);
    } else this.#fail(`answered ${JSON.stringify(verdict)}, which is no verdict`);
  }

  #pass(stanza: Stanza): void {
    try {
      this.#owner.pass(stanza);
    } catch (error) {
      this.#stopWith(error);
    }
  }

  #fail(what: string, cause?: unknown): void {
    if (this.#isOver) return;
    if (cause instanceof GatewayError) {
      this.#stopWith(cause);
      return;
    }
    const error = new GatewayError('plug-fault', `the hook "${this.#name}" ${what}`, { cause });
    this.#owner.onFault(error);
    this.#stopWith(error);
  }

  #stopWith(error: unknown): void {
    this.stop();
    this.#owner.onFailed(error);
  }

  #changed(bytes: number): void {
    this.#bytes += bytes;
    const isFull = this.#bytes > (this.#isFull ? 0.5 : 1) * this.#settings.maxQueuedBytes;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#owner.onFlow(isFull);
  }
}

function isPromise<T>(answer: Promise<T> | T): answer is Promise<T> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';
}
