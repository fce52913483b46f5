import assert from 'node:assert/strict';
import { parseBody } from '../../src/bosh/body.ts';
import { BoshSession } from '../../src/bosh/bosh-session.ts';
import type { BoshContext } from '../../src/bosh/context.ts';
import { LastWords } from '../../src/bosh/last-words.ts';
import type { BoshSessionSettings } from '../../src/bosh/settings.ts';
import { negotiate } from '../../src/bosh/creation.ts';
import type { Exchange, ExchangeOwner } from '../../src/bosh/pending.ts';
import { Events } from '../../src/core/events.ts';
import { silentLogger, type Downstream, type Stanza, type Upstream } from '../../src/core/ports.ts';
import { joined, type Text } from '../../src/core/encoding.ts';
import { Registry } from '../../src/session/registry.ts';
import { DEFAULT_XML_LIMITS } from '../../src/xml/reader.ts';
import { body } from './bosh-client.ts';
import { childInfosets } from './infoset.ts';
import { TestClock } from './test-clock.ts';

/** One POST: on its way there, open at the gateway, answered, written out, or dead. */
class Connection implements Exchange {
  readonly connection = this;
  readonly rid: number;
  readonly bytes: Buffer;
  answerText: string | undefined;
  /** The answer left the gateway: it no longer notices what becomes of it. */
  isWritten = false;
  isDead = false;
  /** The client asked again elsewhere, and reads no answer here any more; the gateway may notice the end of it late. */
  isGivenUp = false;
  #owner: ExchangeOwner | undefined;

  constructor(rid: number, text: string) {
    this.rid = rid;
    this.bytes = Buffer.from(text);
  }

  answer(body: Text): void {
    assert.equal(this.answerText, undefined, `rid ${this.rid} is answered twice on one connection`);
    const text = joined(body);
    if (this.isDead) assert.doesNotMatch(text, /<message/, `rid ${this.rid} is answered on a dead connection`);
    else this.answerText = text;
  }

  get isOpen(): boolean {
    return !this.isDead;
  }

  tellLoss(owner: ExchangeOwner): void {
    if (this.isOpen) this.#owner = owner;
    else owner.onLost(this);
  }

  /** The death of it is told. */
  bury(): void {
    if (!this.isWritten) this.#owner?.onLost(this);
  }
}

const SETTINGS: BoshSessionSettings & { readonly maxWaitSeconds: number } = {
  maxSessions: 10,
  hookSeconds: 5,
  closeSeconds: 5,
  authenticationSeconds: 1_000_000,
  maxQueuedBytes: 1_000_000,
  maxUpstreamBacklogBytes: 1_000_000,
  creationWaitSeconds: 2,
  firstRequestSeconds: 1_000_000,
  maxResponseBytes: 200,
  maxReplayBytes: 1_000_000,
  maxWaitSeconds: 60,
  pollingSeconds: 0,
  overactivity: 'rate',
  maxStreamsPerSession: 8,
};

/**
 * A BOSH session between a client whose network loses, delays and repeats, and a server. The client keeps to its window: no
 * rid further than `requests` from the oldest unanswered one. A client's own knowledge is all that it acts on.
 */
export class BoshModel {
  readonly clock = new TestClock();
  readonly lastWords = new LastWords(this.clock);
  readonly forwarded: string[] = [];
  readonly sent: string[] = [];
  readonly delivered: string[] = [];
  readonly requests: number;
  readonly session: BoshSession;
  /** Requests that are not there yet. */
  #network: Connection[] = [];
  /** Requests that arrived, and whose answers the client has not seen. */
  #open: Connection[] = [];
  /** They broke, and the gateway has not been told. */
  readonly #dead: Connection[] = [];
  readonly #answers = new Map<number, string>();
  #oldest = 1001;
  #next = 1001;
  #repeats = 0;
  #isFull = false;
  #downstream: Downstream | undefined;
  #mayEnd = false;
  readonly #registry = new Registry();

  constructor(hold: number) {
    const creation = new Connection(1000, body({ rid: 1000, to: 'example.com', hold, wait: 60, ver: '1.11' }));
    const request = parseBody(creation.bytes, DEFAULT_XML_LIMITS);
    const limits = { ...SETTINGS, maxHold: 3, inactivitySeconds: 1_000_000, maxInactivitySeconds: 1_000_000 };
    const agreement = negotiate(request, { ...limits, maxPauseSeconds: 120, compression: false });
    this.requests = agreement.requests;
    this.session = new BoshSession(this.#context(), SETTINGS, agreement, request, creation, '127.0.0.1');
    this.#downstream?.opened({ from: 'example.com', id: 's1', version: '1.0' });
    this.clock.advance(2000);
    assert.match(creation.answerText ?? '', /sid=/);
    creation.isWritten = true;
  }

  #context(): BoshContext {
    const connector = {
      name: 'model',
      connect: (_: unknown, client: Downstream): Upstream => {
        this.#downstream = client;
        return {
          send: ({ xml }: Stanza) => void this.forwarded.push(numberIn(xml)),
          restart() {},
          close: (end) => client.closed(end),
          pause() {},
          resume() {},
        };
      },
    };
    const events = new Events(silentLogger);
    const registry = this.#registry;
    const { clock, lastWords } = this;
    return { connector, clock, log: silentLogger, events, registry, lastWords, isDraining: () => false };
  }

  #bytes(rid: number): string {
    return body({ rid, sid: this.session.id }, `<message xmlns='jabber:client' id='${rid}'/>`);
  }

  /** The client makes its next request, if its window lets it. */
  ask(): void {
    if (this.#next >= this.#oldest + this.requests) return;
    this.#network.push(new Connection(this.#next, this.#bytes(this.#next)));
    this.#next++;
  }

  /** One of the requests under way arrives. */
  arrive(which: number): void {
    const [connection] = this.#network.splice(which % Math.max(1, this.#network.length), 1);
    if (connection === undefined) return;
    this.#open.push(connection);
    // The endpoint finds sessions in the registry, and answers for those that are gone.
    if (this.#registry.get(this.session.id) === undefined) connection.answer('item-not-found');
    else this.session.receive(parseBody(connection.bytes, DEFAULT_XML_LIMITS), connection);
  }

  /** One of the requests under way is lost. */
  drop(which: number): void {
    this.#network.splice(which % Math.max(1, this.#network.length), 1);
  }

  /** The client gives up a connection, and asks again for one of its unanswered requests. */
  repeat(which: number): void {
    if (this.#next === this.#oldest || this.#repeats++ >= 20) return;
    const rid = this.#oldest + (which % (this.#next - this.#oldest));
    if (this.#answers.has(rid)) return;
    for (const connection of this.#open) if (connection.rid === rid) connection.isGivenUp = true;
    // What was under way on it never arrives.
    this.#network = this.#network.filter((connection) => connection.rid !== rid);
    this.#network.push(new Connection(rid, this.#bytes(rid)));
  }

  /** A connection breaks, before its answer or with it. */
  kill(which: number): void {
    this.breakOff(which);
    this.tell();
  }

  /** A connection breaks, and the gateway hears of it later. */
  breakOff(which: number): void {
    const [connection] = this.#open.splice(which % Math.max(1, this.#open.length), 1);
    if (connection === undefined) return;
    connection.isDead = true;
    this.#dead.push(connection);
  }

  /** The gateway hears of the connections that broke. */
  tell(): void {
    for (const connection of this.#dead.splice(0)) connection.bury();
  }

  /** The gateway's system takes an answer; the client has not read it yet. */
  writeOut(which: number): void {
    const answered = this.#open.filter(({ answerText, isWritten }) => answerText !== undefined && !isWritten);
    const connection = answered[which % Math.max(1, answered.length)];
    if (connection !== undefined) connection.isWritten = true;
  }

  /** The client reads one of the answers. */
  read(which: number): void {
    const answered = this.#open.filter(({ answerText, isGivenUp }) => answerText !== undefined && !isGivenUp);
    const connection = answered[which % Math.max(1, answered.length)];
    if (connection === undefined) return;
    this.#open.splice(this.#open.indexOf(connection), 1);
    connection.isWritten = true;
    const { rid, answerText = '' } = connection;
    if (this.#mayEnd) return;
    assert.doesNotMatch(answerText, /terminate/, 'the session broke');
    if (answerText.includes("type='error'")) return;
    const before = this.#answers.get(rid);
    if (before !== undefined) assert.equal(answerText, before, `rid ${rid}: another answer than before`);
    this.#answers.set(rid, answerText);
    // The client is done with this rid: what is still under way for it is given up.
    this.#network = this.#network.filter((other) => other.rid !== rid);
    while (this.#answers.has(this.#oldest)) this.#oldest++;
  }

  /** The server sends a stanza. */
  data(): void {
    const id = String(this.sent.length);
    this.sent.push(id);
    const xml = `<message xmlns='jabber:client' id='${id}'/>`;
    this.#downstream?.deliver({ xml, name: 'message', ns: 'jabber:client', bytes: xml.length });
  }

  /** The server takes no more, or takes again. */
  flow(): void {
    this.#isFull = !this.#isFull;
    if (this.#isFull) this.#downstream?.pause();
    else this.#downstream?.resume();
  }

  pass(ms: number): void {
    this.clock.advance(ms);
  }

  /** The session ends, in one of the ways in which one can. */
  end(how: number): void {
    this.#mayEnd = true;
    const { id } = this.session;
    if (how === 0)
      this.#network.push(new Connection(this.#next, body({ rid: this.#next++, sid: id, type: 'terminate' })));
    else if (how === 1) this.#downstream?.closed();
    else if (how === 2) this.#downstream?.closed({ code: 'upstream-lost', unclean: true });
    else if (how === 3) this.session.shutDown();
    else if (how === 4) this.session.onUnauthenticated();
    else if (how === 5) this.#network.push(new Connection(999_999, body({ rid: 999_999, sid: id })));
    else this.#network.push(new Connection(this.#next, body({ rid: this.#next++, sid: id, pause: 5 })));
  }

  /** Everything under way arrives, time passes: each connection is answered, and nothing is left of the session. */
  expire(): void {
    this.tell();
    while (this.#network.length > 0) this.arrive(0);
    for (let i = 0; i < 4; i++) this.clock.advance(1_000_000_000);
    const silent = this.#open.filter(({ answerText }) => answerText === undefined);
    assert.deepEqual(
      silent.map(({ rid }) => rid),
      [],
      'connections that were never answered',
    );
    assert.deepEqual([this.#registry.size, this.clock.pending], [0, 0], 'sessions and timers that are left');
  }

  /** Answers that are to be given are there: none is answered twice, and none before an older one. */
  check(): void {
    const unanswered = this.#open.filter(({ answerText }) => answerText === undefined);
    assert.ok(unanswered.length <= this.requests, `${unanswered.length} connections are kept waiting`);
  }

  /** The network is good from now on: the client asks for all it misses, and polls until it has everything. */
  settle(): void {
    if (this.#isFull) this.flow();
    this.tell();
    for (let round = 0; round < 20 + this.sent.length; round++) {
      for (let rid = this.#oldest; rid < this.#next; rid++) {
        const isAsked = this.#open.some((connection) => connection.rid === rid && !connection.isGivenUp);
        if (this.#answers.has(rid) || isAsked) continue;
        this.#network = this.#network.filter((connection) => connection.rid !== rid);
        this.#network.push(new Connection(rid, this.#bytes(rid)));
      }
      while (this.#network.length > 0) this.arrive(0);
      this.clock.advance(61_000);
      this.#open = this.#open.filter(({ answerText, isGivenUp }) => answerText === undefined || !isGivenUp);
      while (this.#open.some(({ answerText }) => answerText !== undefined)) this.read(0);
      if (this.#next === this.#oldest && round > 3 && this.received.length >= this.sent.length) break;
      if (round % 2 === 0) this.ask();
    }
    assert.equal(this.#oldest, this.#next, 'a request is never answered');
    assert.deepEqual(
      this.#open.map(({ rid }) => rid),
      [],
      'a connection is never answered',
    );
    this.delivered.push(...this.received);
  }

  /** The payload of all answers that were read, in rid order. */
  get received(): string[] {
    const answers = [...this.#answers].toSorted(([a], [b]) => a - b);
    return answers.flatMap(([, text]) => childInfosets(text).map(numberIn));
  }
}

function numberIn(text: string): string {
  return /id=["'](\d+)["']/.exec(text)?.[1] ?? text;
}
