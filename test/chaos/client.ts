import { setImmediate } from 'node:timers/promises';
import { body } from '../support/bosh-client.ts';
import { Connection } from './connection.ts';
import { attributeOf, isErrorBody, statusOf, type HttpMessage } from './http.ts';
import { KeySequence } from './keys.ts';
import type { ChaosProxy } from './proxy.ts';
import type { SessionRecord } from './record.ts';
import type { Random } from './schedule.ts';

/** A request that is not answered. */
interface Unanswered {
  readonly rid: number;
  /** Repeated to the byte (XEP-0124 §14.3). */
  readonly bytes: Buffer;
  attempts: number;
  connection: Connection | undefined;
  /** Until it is asked again, or until the client loses patience. */
  timer: NodeJS.Timeout | undefined;
}

type State = 'creating' | 'features' | 'authenticating' | 'restarting' | 'live' | 'terminating' | 'over';

/** One BOSH client, as its traits make it. It knows nothing but what reaches it. */
export class ChaosClient {
  readonly #record: SessionRecord;
  readonly #proxy: ChaosProxy;
  readonly #port: number;
  readonly #random: Random;
  readonly #keys: KeySequence | undefined;
  #connections: Connection[] = [];
  #state: State = 'creating';
  #sid = '';
  #firstRid = 0;
  #next = 0;
  /** All below are answered. */
  #oldest = 0;
  #requests = 1;
  /** Between two empty requests of a polling session (ms). */
  #pollMs = 0;
  #poll: NodeJS.Timeout | undefined;
  #traffic: NodeJS.Timeout | undefined;
  readonly #unanswered = new Map<number, Unanswered>();
  readonly #answers = new Map<number, string>();
  /** What stands in the next requests: their attributes and payload. */
  #outbox: [attributes: Record<string, string>, payload: string][] = [];
  /** Nothing new is sent: the session pauses, or the page is being reloaded. */
  #isQuiet = false;
  #isPausing = false;
  #resolve: () => void = () => {};

  constructor(record: SessionRecord, proxy: ChaosProxy, port: number) {
    this.#record = record;
    this.#proxy = proxy;
    this.#port = port;
    const { schedule, number, traits } = record;
    this.#random = schedule.client(number);
    this.#keys = traits.keys ? new KeySequence(`${schedule.seed}.${number}`) : undefined;
  }

  /** The whole life of the session, until `record.isEnding` and everything has arrived; or until it failed. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#record.onChange = () => this.#changed();
      this.#create();
    });
  }

  stop(): void {
    this.#state = 'over';
    clearTimeout(this.#poll);
    clearTimeout(this.#traffic);
    for (const { timer } of this.#unanswered.values()) clearTimeout(timer);
    for (const connection of this.#connections) connection.close();
    this.#resolve();
  }

  #changed(): void {
    const record = this.#record;
    if (this.#state === 'over') return;
    if (record.failure !== undefined) this.stop();
    else if (record.isEnding && this.#state === 'live' && this.#outbox.length === 0) this.#terminate();
    else if (this.#state === 'terminating' && this.#unanswered.size === 0 && record.streamEnded) this.stop();
  }

  /** A creation whose answer is lost made a session that nobody knows: this is another one, and that one dies early. */
  #create(): void {
    const { wait, hold, acks } = this.#record.traits;
    this.#firstRid = this.#next = this.#oldest = this.#random.int(1, 2 ** 40);
    const fixed = { to: 'example.com', ver: '1.11', wait, hold, 'xml:lang': 'en', ack: acks ? 1 : undefined };
    const xbosh = { 'xmlns:xmpp': 'urn:xmpp:xbosh', 'xmpp:version': '1.0' };
    this.#send({ ...fixed, ...xbosh, ...this.#keys?.first() }, '');
  }

  #send(attributes: Record<string, string | number | undefined>, payload: string): void {
    const rid = this.#next++;
    const n = rid - this.#firstRid;
    const acked = this.#record.traits.acks && n > 0 && this.#oldest < rid ? this.#oldest - 1 : undefined;
    const session = n === 0 ? {} : { sid: this.#sid, ack: acked, ...this.#keys?.next() };
    const text = body({ rid, ...session, ...attributes }, payload);
    const target = `/http-bind/?session=${this.#record.number}&n=${n}`;
    const head = `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\n`;
    const bytes = Buffer.from(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    const unanswered: Unanswered = { rid, bytes, attempts: 0, connection: undefined, timer: undefined };
    this.#unanswered.set(rid, unanswered);
    this.#record.log(`C: sends ${n}: ${text.slice(text.indexOf(' rid='), 260)}`);
    this.#ask(unanswered);
  }

  #ask(request: Unanswered): void {
    clearTimeout(request.timer);
    const { variant, wait } = this.#record.traits;
    let connection = this.#connections.find(({ isFree }) => isFree);
    if (connection === undefined) {
      connection = new Connection(this.#port, () => {
        this.#connections = this.#connections.filter(({ isClosed }) => !isClosed);
      });
      this.#connections.push(connection);
    }
    request.connection = connection;
    request.attempts++;
    const broken = (): void => this.#broken(request);
    connection.ask(request.bytes, (answer) => this.#answered(request, answer), broken);
    // Strophe gives a request up after 1.1 × wait; others notice broken connections only.
    if (variant === 'strophe') request.timer = setTimeout(broken, wait * 1100);
  }

  /** Takes a request off its connection. */
  #drop(request: Unanswered): void {
    clearTimeout(request.timer);
    request.connection?.close();
    request.connection = undefined;
  }

  #broken(request: Unanswered): void {
    if (this.#state === 'over') return;
    this.#drop(request);
    if (this.#state === 'creating') {
      this.#unanswered.delete(request.rid);
      this.#create();
      return;
    }
    const ms = this.#record.schedule.backOff(this.#record.number, request.rid - this.#firstRid, request.attempts);
    this.#log(request.rid, `broken, asks again in ${ms} ms`);
    request.timer = setTimeout(() => this.#ask(request), ms);
  }

  #answered(request: Unanswered, answer: HttpMessage): void {
    clearTimeout(request.timer);
    request.connection = undefined;
    const type = attributeOf(answer.body, 'type');
    if (statusOf(answer) !== 200) {
      this.#fail(`HTTP status: ${answer.head.slice(0, 80)}`);
    } else if (type === 'terminate' && this.#state !== 'terminating') {
      this.#fail(`the session was ended: ${answer.body.slice(0, 300)}`);
    } else if (isErrorBody(answer) && this.#record.traits.variant === 'standard') {
      this.#repeatUpTo(request.rid);
    } else {
      this.#settle(request.rid, answer.body);
    }
  }

  /** Recoverable: the request and all before it that are unanswered are asked again, in order (XEP-0124 §17.3). */
  #repeatUpTo(rid: number): void {
    this.#log(rid, "type='error': asks again for all up to it");
    const again = [...this.#unanswered.values()].filter((request) => request.rid <= rid);
    for (const request of again) this.#drop(request);
    for (const request of again.sort((a, b) => a.rid - b.rid)) this.#ask(request);
  }

  /** Answers count in the order of their rids, whichever comes first. */
  #settle(rid: number, text: string): void {
    this.#unanswered.delete(rid);
    this.#answers.set(rid, text);
    for (let next = this.#answers.get(this.#oldest); next !== undefined; next = this.#answers.get(this.#oldest)) {
      this.#answers.delete(this.#oldest++);
      this.#read(next);
    }
    if (this.#isPausing && this.#unanswered.size === 0) this.#rest();
    this.#pump();
    this.#changed();
  }

  #read(text: string): void {
    if (this.#state === 'creating') this.#created(text);
    this.#record.take('server', text);
    if (this.#state === 'features' && text.includes('<mechanisms')) {
      this.#state = 'authenticating';
      const credentials = Buffer.from(`\0${this.#record.number}\0`).toString('base64');
      this.#put({}, `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${credentials}</auth>`);
    } else if (this.#state === 'authenticating' && text.includes('<success')) {
      this.#state = 'restarting';
      this.#put({ 'xmpp:restart': 'true', 'xmlns:xmpp': 'urn:xmpp:xbosh' }, '');
    } else if (this.#state === 'restarting' && text.includes('<bind')) {
      this.#state = 'live';
      this.#log(this.#oldest, 'live');
      this.#live();
    }
  }

  #created(text: string): void {
    const number = (name: string): number => Number(attributeOf(text, name) ?? 0);
    this.#sid = attributeOf(text, 'sid') ?? '';
    this.#requests = number('requests');
    this.#pollMs = this.#record.traits.hold === 0 ? Math.max(250, number('polling') * 1000 + 150) : 0;
    this.#state = 'features';
    if (this.#sid === '' || this.#requests < 1) this.#fail(`the creation is answered with ${text.slice(0, 300)}`);
  }

  #put(attributes: Record<string, string>, payload: string): void {
    this.#outbox.push([attributes, payload]);
  }

  /** Sends what the window lets out, and keeps as many requests at the gateway as that holds. */
  #pump(): void {
    const { hold } = this.#record.traits;
    while (!this.#isQuiet && this.#state !== 'over' && this.#next - this.#oldest < this.#requests) {
      const item = this.#takeItem();
      if (item !== undefined) {
        if ('pause' in item[0]) this.#isQuiet = this.#isPausing = true;
        this.#send(...item);
      } else if (this.#state === 'terminating' || this.#unanswered.size >= Math.max(1, hold)) {
        return;
      } else if (this.#pollMs === 0) {
        this.#send({}, '');
      } else {
        this.#poll ??= setTimeout(() => {
          this.#poll = undefined;
          if (this.#outbox.length === 0 && this.#unanswered.size === 0 && !this.#isQuiet) this.#send({}, '');
          this.#pump();
        }, this.#pollMs);
        return;
      }
    }
  }

  /** Each its own request; but all that is left in one when the end is near. */
  #takeItem(): [attributes: Record<string, string>, payload: string] | undefined {
    const isPlain = this.#outbox.every(([attributes]) => Object.keys(attributes).length === 0);
    if (!this.#record.isEnding || !isPlain || this.#outbox.length < 2) return this.#outbox.shift();
    return [
      {},
      this.#outbox
        .splice(0, 8)
        .map(([, payload]) => payload)
        .join(''),
    ];
  }

  /** Stanzas at random times, each burst in one request or in many; pauses; reloads. */
  #live(): void {
    const random = this.#random;
    const { pace, variant } = this.#record.traits;
    const next = (): void => {
      this.#traffic = setTimeout(() => {
        if (this.#record.isEnding) return;
        const event = random.pick({ stanzas: 75, pause: 4, reload: variant === 'strophe' ? 21 : 0 });
        if (event === 'reload') void this.#reload();
        else if (event === 'pause') this.#put({ pause: '10' }, '');
        else this.#speak();
        this.#pump();
        next();
      }, random.gap(pace));
    };
    next();
  }

  #speak(): void {
    const count = Number(this.#random.pick({ 1: 45, 2: 25, 3: 15, 6: 15 }));
    const stanzas = Array.from({ length: count }, () => this.#record.make('client'));
    if (this.#random.chance(0.3)) this.#put({}, stanzas.join(''));
    else for (const stanza of stanzas) this.#put({}, stanza);
  }

  /** All is answered: nothing is said for a while. */
  #rest(): void {
    this.#isPausing = false;
    setTimeout(
      () => {
        this.#isQuiet = false;
        this.#pump();
        this.#changed();
      },
      this.#random.int(100, 1200),
    );
  }

  /** Another page takes the session over: it knows the next rid, and nothing of requests under way (see `ChaosProxy.reload`). */
  async #reload(): Promise<void> {
    if (this.#isQuiet || this.#unanswered.size === 0 || this.#unanswered.size < this.#next - this.#oldest) return;
    const requests = [...this.#unanswered.values()];
    const verdicts = this.#proxy.reload(
      this.#record.number,
      requests.map(({ rid }) => rid - this.#firstRid),
    );
    if (verdicts === undefined) return;
    this.#isQuiet = true;
    for (const { timer } of requests) clearTimeout(timer);
    for (let turns = this.#random.int(0, 3); turns > 0; turns--) await setImmediate();
    this.#record.provoke();
    const fates = await verdicts;
    if (this.#state === 'over') return;
    // What has reached the client counts, and all before it: those answers are asked for again.
    const read = Math.max(...requests.map(({ rid }) => (fates.get(rid - this.#firstRid) === 'answered' ? rid : 0)));
    for (const request of requests) {
      this.#drop(request);
      if (request.rid <= read) {
        this.#ask(request);
      } else {
        this.#log(request.rid, 'thrown away by a reload');
        this.#settle(request.rid, '');
      }
    }
    this.#isQuiet = false;
    this.#pump();
  }

  #terminate(): void {
    if (!this.#record.isComplete || this.#isQuiet) return;
    this.#state = 'terminating';
    this.#record.isTerminating = true;
    this.#put({ type: 'terminate' }, this.#record.make('client'));
    this.#pump();
  }

  #log(rid: number, what: string): void {
    this.#record.log(`C: ${rid - this.#firstRid} ${what}`);
  }

  #fail(why: string): void {
    this.#record.fail(why);
  }
}
