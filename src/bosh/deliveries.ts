import { ERRORS } from '../core/errors.ts';
import type { Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';
import { withItem, withoutItem } from '../core/short-list.ts';
import type { Stream } from '../stream/stream.ts';
import { NO_VALUES, type BodyValues } from './body.ts';

/** What one answer carries. */
export interface Delivery {
  readonly values: BodyValues;
  readonly payload: readonly Stanza[];
  /** Whose payload it is. */
  readonly stream: Stream | undefined;
  /** The stream that ends with this answer, while others go on. */
  readonly ended: Stream | undefined;
}

/** A stream, and what the client is to hear of it. */
class Turn {
  readonly stream: Stream;
  /** Said in the first answer after it is known (§7.2). */
  header: StreamHeader | undefined;
  isAnnounced = false;
  /** The server ended this stream, and the session goes on without it (§16.6). */
  end: { readonly end: StreamEnd | undefined } | undefined;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  get hasSomething(): boolean {
    return !this.stream.outbox.isEmpty || this.end !== undefined;
  }
}

/** What waits for a client on all its streams, and whose turn it is: one stream an answer (XEP-0124 §16.4). */
export class Deliveries {
  /** The one that was served longest ago comes first. */
  #turns: readonly Turn[] = [];
  readonly #isNaming: boolean;
  #isMany = false;

  /** `isNaming`: the session may have several streams, so the client is told their names. */
  constructor(isNaming: boolean) {
    this.#isNaming = isNaming;
  }

  /** A stream of the session. Idempotent: what it says at once, as it is opened, comes before. */
  add(stream: Stream): Turn {
    const before = this.#turnOf(stream);
    if (before !== undefined) return before;
    const turn = new Turn(stream);
    this.#turns = withItem(this.#turns, turn);
    if (this.#turns.length > 1) this.#isMany = true;
    return turn;
  }

  remove(stream: Stream): void {
    this.#turns = this.#turns.filter((turn) => turn.stream !== stream);
  }

  #turnOf(stream: Stream): Turn | undefined {
    for (const turn of this.#turns) if (turn.stream === stream) return turn;
    return undefined;
  }

  /** The first header of a stream is told to the client; those after restarts are not. */
  announce(stream: Stream, header: StreamHeader): void {
    const turn = this.add(stream);
    if (turn.isAnnounced) return;
    turn.isAnnounced = true;
    turn.header = header;
  }

  /** The server ended this stream, and the session goes on without it (§16.6). */
  end(stream: Stream, end: StreamEnd | undefined): void {
    this.add(stream).end = { end };
  }

  /** True where there is something to carry: of any stream, or of that one which the request opens. */
  hasFor(opens: Stream | undefined): boolean {
    if (opens === undefined) return this.#next() !== undefined;
    return this.#turnOf(opens)?.hasSomething ?? !opens.outbox.isEmpty;
  }

  #next(): Turn | undefined {
    for (const turn of this.#turns) if (turn.hasSomething) return turn;
    return undefined;
  }

  /** Takes what the next answer carries: up to `maxBytes` of one stream, or nothing where `maxBytes` is 0. */
  take(opens: Stream | undefined, maxBytes: number): Delivery {
    const next = maxBytes > 0 ? this.#next() : undefined;
    const turn = opens === undefined ? next : this.#turnOf(opens);
    const stream = opens ?? turn?.stream;
    const payload = maxBytes > 0 && stream !== undefined ? stream.outbox.take(maxBytes) : NO_PAYLOAD;
    const header = this.#takeHeader(stream === undefined && !this.#isMany ? this.#turns[0] : turn);
    const isNamed =
      this.#isNaming && stream !== undefined && (opens !== undefined || (this.#isMany && payload.length > 0));
    const name = isNamed ? stream.name : undefined;
    const values =
      name === undefined && header === undefined
        ? NO_VALUES
        : { stream: name, from: header?.from, authid: header?.id, 'xmpp:version': header?.version };
    if (turn !== undefined) {
      if (maxBytes > 0 && payload.length === 0 && turn.end !== undefined) return this.#farewell(turn);
      if (this.#turns.length > 1) this.#turns = withItem(withoutItem(this.#turns, turn), turn);
    }
    return { values, payload, stream, ended: undefined };
  }

  #takeHeader(turn: Turn | undefined): StreamHeader | undefined {
    const header = turn?.header;
    if (turn !== undefined) turn.header = undefined;
    return header;
  }

  /** A terminal condition with a stream's name ends that stream alone (§16.6). */
  #farewell({ stream, end: why }: Turn): Delivery {
    this.remove(stream);
    const end = why?.end;
    const condition = ERRORS[end?.code ?? 'upstream-closed'].bosh;
    const payload = end?.error === undefined ? [] : [end.error];
    return { values: { type: 'terminate', condition, stream: stream.name }, payload, stream, ended: stream };
  }
}

const NO_PAYLOAD: readonly Stanza[] = [];
