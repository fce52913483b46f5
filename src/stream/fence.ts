import { GatewayError, codeOf, reasonOf } from '../core/errors.ts';
import type { Downstream, Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';

/** The stream behind the fence. */
export interface FencedStream extends Downstream {
  /** The connector, or who had to accept the stream, cannot go on. */
  fail(end: StreamEnd): void;
  /** Something that came with the program around the gateway broke its contract. */
  onFault(error: GatewayError): void;
}

/** What a connector may do to a client, held to its contract: nothing twice, nothing after the end. */
export class Fence implements Downstream {
  readonly #name: string;
  readonly #stream: FencedStream;
  #isOver = false;
  #hasOpened = false;
  #hasDelivered = false;
  #isBlamedLate = false;
  /** Until the stream is known to all who have to know it, its end waits. */
  #isHolding = true;
  #heldEnd: { readonly end: StreamEnd | undefined } | undefined;

  /** `name`: of the connector. */
  constructor(name: string, stream: FencedStream) {
    this.#name = name;
    this.#stream = stream;
  }

  /** The connector has said that it is over, or is not listened to any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** An error that names the connector; a refusal of its own stays what it is. */
  blame(what: string, cause?: unknown): GatewayError {
    return this.accuse(`the connector "${this.#name}"`, what, cause);
  }

  accuse(whom: string, what: string, cause?: unknown): GatewayError {
    if (cause instanceof GatewayError) return cause;
    const why = cause === undefined ? '' : `: ${reasonOf(cause)}`;
    const error = new GatewayError('plug-fault', `${whom} ${what}${why}`, { cause });
    this.#stream.onFault(error);
    return error;
  }

  /** The end that was held, if any, is told now. */
  release(): void {
    this.#isHolding = false;
    if (this.#heldEnd !== undefined) this.#stream.closed(this.#heldEnd.end);
  }

  /** Nothing of the connector is let through any more. */
  shut(): void {
    this.#isOver = true;
  }

  restarted(): void {
    this.#hasOpened = this.#hasDelivered = false;
  }

  opened(header: StreamHeader): void {
    if (this.#isLate('opened')) return;
    // A second header before anything else is another server's (a redirect): the client keeps the first one.
    if (this.#hasOpened && this.#hasDelivered) {
      this.#fail('called opened() twice');
      return;
    }
    this.#hasOpened = true;
    this.#stream.opened(header);
  }

  deliver(stanza: Stanza): void {
    if (this.#isLate('deliver')) return;
    // Not each program is checked by a compiler.
    if (typeof (stanza as Partial<Stanza> | undefined)?.xml !== 'string' || !(stanza.bytes >= 0)) {
      this.#fail('delivered something that is no stanza');
      return;
    }
    this.#hasDelivered = true;
    this.#stream.deliver(stanza);
  }

  closed(end?: StreamEnd): void {
    if (this.#isLate('closed')) return;
    this.#isOver = true;
    if (this.#isHolding) this.#heldEnd = { end };
    else this.#stream.closed(end);
  }

  pause(): void {
    if (!this.#isOver) this.#stream.pause();
  }

  resume(): void {
    if (!this.#isOver) this.#stream.resume();
  }

  #fail(what: string): void {
    this.#stream.fail(endOf(this.blame(what)));
  }

  /** True where the connector has ended before; it is blamed once. */
  #isLate(what: string): boolean {
    if (!this.#isOver) return false;
    if (!this.#isBlamedLate) {
      this.#isBlamedLate = true;
      this.blame(`called ${what}() after its end`);
    }
    return true;
  }
}

export function endOf(error: unknown): StreamEnd {
  return { code: codeOf(error), detail: reasonOf(error) };
}
