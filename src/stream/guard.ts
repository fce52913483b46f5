import type { Clock, Timer } from '../core/clock.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Connector, RestartAttributes, Stanza, StreamEnd, StreamRequest, Upstream } from '../core/ports.ts';
import { Fence, endOf, type FencedStream } from './fence.ts';

export interface GuardSettings {
  readonly hookSeconds: number;
  readonly closeSeconds: number;
}

/** Beyond `closeSeconds`, which a connector may use up (s). */
const CLOSING_GRACE = 2;

/**
 * The connector of one stream, which may be anybody's: whatever it does that it must not, or never does, ends this stream alone,
 * with an error that names it.
 */
export class Guard implements Upstream {
  readonly #connector: Connector;
  readonly #request: StreamRequest;
  readonly #stream: FencedStream;
  readonly #fence: Fence;
  readonly #clock: Clock;
  readonly #settings: GuardSettings;
  #upstream: Upstream | undefined;
  #isClosing = false;
  /** Of the hook that accepts, then of the closing. */
  #deadline: Timer | undefined;

  constructor(
    connector: Connector,
    request: StreamRequest,
    stream: FencedStream,
    clock: Clock,
    settings: GuardSettings,
  ) {
    this.#connector = connector;
    this.#request = request;
    this.#stream = stream;
    this.#fence = new Fence(connector.name, stream);
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Asks whether the stream is accepted, then connects it. Throws `GatewayError` where it is refused at once. */
  connect(accept?: () => Promise<void> | void): void {
    let answer: Promise<void> | void;
    try {
      answer = accept?.();
    } catch (error) {
      throw this.#refusal('threw', error);
    }
    if (typeof answer?.then === 'function') this.#await(answer);
    else this.#connect();
  }

  #await(answer: Promise<void>): void {
    const { hookSeconds } = this.#settings;
    this.#deadline = this.#clock.after(hookSeconds * 1000, () => this.#refuse(`did not answer in ${hookSeconds} s`));
    void Promise.resolve(answer).then(
      () => this.#accepted(),
      (error: unknown) => this.#refuse('rejected', error),
    );
  }

  #accepted(): void {
    if (this.#fence.isOver) return;
    this.#deadline?.cancel();
    try {
      this.#connect();
      this.begin();
    } catch (error) {
      this.#stream.fail(endOf(error));
    }
  }

  #refuse(what: string, cause?: unknown): void {
    if (this.#fence.isOver) return;
    this.#fence.shut();
    this.#deadline?.cancel();
    this.#stream.fail(endOf(this.#refusal(what, cause)));
  }

  #refusal(what: string, cause?: unknown): GatewayError {
    return this.#fence.accuse('the hook "accept"', what, cause);
  }

  #connect(): void {
    try {
      const upstream = this.#connector.connect(this.#request, this.#fence);
      // `async connect()` is the usual mistake of programs that no compiler checks.
      if (typeof (upstream as Partial<Upstream> | undefined)?.send !== 'function')
        throw new TypeError('what it returned is no Upstream');
      this.#upstream = upstream;
    } catch (error) {
      this.#fence.shut();
      throw this.#fence.blame('failed in connect()', error);
    }
  }

  /** The stream is known to all who have to know it: an end that came at once may be told. */
  begin(): void {
    if (this.#upstream !== undefined) this.#fence.release();
  }

  /** Throws `GatewayError`. */
  send(stanza: Stanza): void {
    try {
      this.#upstream?.send(stanza);
    } catch (error) {
      throw this.#fence.blame('threw in send()', error);
    }
  }

  /** Throws `GatewayError`. */
  restart(attributes?: RestartAttributes): void {
    this.#fence.restarted();
    try {
      this.#upstream?.restart(attributes);
    } catch (error) {
      throw this.#fence.blame('threw in restart()', error);
    }
  }

  /** Never throws. `closed` follows: of the connector, or in its place. */
  close(end?: StreamEnd): void {
    if (this.#isClosing || this.#fence.isOver) return;
    this.#isClosing = true;
    this.#deadline?.cancel();
    if (this.#upstream === undefined) {
      this.#fence.shut();
      this.#stream.closed(end);
      return;
    }
    const seconds = this.#settings.closeSeconds + CLOSING_GRACE;
    this.#deadline = this.#clock.after(seconds * 1000, () => {
      if (!this.#fence.isOver) this.#giveUp(`did not call closed() within ${seconds} s of close()`);
    });
    try {
      this.#upstream.close(end);
    } catch (error) {
      this.#giveUp('threw in close()', error);
    }
    if (this.#fence.isOver) this.#deadline.cancel();
  }

  /** The stream has heard of its end: nothing is awaited any more. */
  ended(): void {
    this.#deadline?.cancel();
  }

  #giveUp(what: string, cause?: unknown): void {
    if (this.#fence.isOver) return;
    this.#fence.shut();
    this.#deadline?.cancel();
    this.#stream.closed(endOf(this.#fence.blame(what, cause)));
  }

  pause(): void {
    this.#flow('pause');
  }

  resume(): void {
    this.#flow('resume');
  }

  #flow(word: 'pause' | 'resume'): void {
    if (this.#fence.isOver) return;
    try {
      this.#upstream?.[word]();
    } catch (error) {
      const end = endOf(this.#fence.blame(`threw in ${word}()`, error));
      // Whoever fills or empties the queue is in the middle of it.
      queueMicrotask(() => this.#stream.fail(end));
    }
  }
}
