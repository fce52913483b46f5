import { ERRORS } from '../core/errors.ts';
import type { Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';
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

/** What waits for a client on all its streams, and whose turn it is: one stream an answer (XEP-0124 §16.4). */
export class Deliveries {
  /** The one that was served longest ago comes first. */
  readonly #turns: Stream[] = [];
  /** Said in the first answer after it is known (§7.2); undefined once it is said. */
  readonly #headers = new Map<Stream, StreamHeader | undefined>();
  /** Undefined where there is none, as nearly always. */
  #ends: Map<Stream, StreamEnd | undefined> | undefined;
  readonly #isNaming: boolean;
  #isMany = false;

  /** `isNaming`: the session may have several streams, so the client is told their names. */
  constructor(isNaming: boolean) {
    this.#isNaming = isNaming;
  }

  add(stream: Stream): void {
    this.#turns.push(stream);
    if (this.#turns.length > 1) this.#isMany = true;
  }

  remove(stream: Stream): void {
    const index = this.#turns.indexOf(stream);
    if (index >= 0) this.#turns.splice(index, 1);
    this.#headers.set(stream, undefined);
    this.#ends?.delete(stream);
  }

  /** The first header of a stream is told to the client; those after restarts are not. */
  announce(stream: Stream, header: StreamHeader): void {
    if (!this.#headers.has(stream)) this.#headers.set(stream, header);
  }

  /** The server ended this stream, and the session goes on without it (§16.6). */
  end(stream: Stream, end: StreamEnd | undefined): void {
    (this.#ends ??= new Map()).set(stream, end);
  }

  /** True where there is something to carry: of any stream, or of that one which the request opens. */
  hasFor(opens: Stream | undefined): boolean {
    return opens === undefined ? this.#turns.some((stream) => this.#has(stream)) : this.#has(opens);
  }

  #has(stream: Stream): boolean {
    return !stream.outbox.isEmpty || this.#ends?.has(stream) === true;
  }

  /** Takes what the next answer carries: up to `maxBytes` of one stream, or nothing where `maxBytes` is 0. */
  take(opens: Stream | undefined, maxBytes: number): Delivery {
    const stream = opens ?? (maxBytes > 0 ? this.#turns.find((one) => this.#has(one)) : undefined);
    const payload = maxBytes > 0 ? (stream?.outbox.take(maxBytes) ?? []) : [];
    const header = this.#takeHeader(stream ?? (this.#isMany ? undefined : this.#turns[0]));
    const isNamed =
      this.#isNaming && stream !== undefined && (opens !== undefined || (this.#isMany && payload.length > 0));
    const name = isNamed ? stream.name : undefined;
    const values =
      name === undefined && header === undefined
        ? NO_VALUES
        : { stream: name, from: header?.from, authid: header?.id, 'xmpp:version': header?.version };
    if (stream === undefined) return { values, payload, stream, ended: undefined };
    if (maxBytes > 0 && payload.length === 0 && this.#ends?.has(stream) === true) return this.#farewell(stream);
    if (this.#turns.length > 1 && this.#turns.includes(stream)) {
      this.#turns.splice(this.#turns.indexOf(stream), 1);
      this.#turns.push(stream);
    }
    return { values, payload, stream, ended: undefined };
  }

  #takeHeader(stream: Stream | undefined): StreamHeader | undefined {
    const header = stream === undefined ? undefined : this.#headers.get(stream);
    if (stream !== undefined && header !== undefined) this.#headers.set(stream, undefined);
    return header;
  }

  /** A terminal condition with a stream's name ends that stream alone (§16.6). */
  #farewell(stream: Stream): Delivery {
    const end = this.#ends?.get(stream);
    this.remove(stream);
    const condition = ERRORS[end?.code ?? 'upstream-closed'].bosh;
    const payload = end?.error === undefined ? [] : [end.error];
    return { values: { type: 'terminate', condition, stream: stream.name }, payload, stream, ended: stream };
  }
}
