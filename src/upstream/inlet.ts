import { ERRORS, GatewayError, reasonOf, type ErrorCode } from '../core/errors.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Stanza, StreamHeader } from '../core/ports.ts';
import { XmlError, type XmlLimits } from '../xml/limits.ts';
import { StreamReader, type RootTag, type Slice, type StreamHandlers } from '../xml/reader.ts';
import { stanzaOf } from '../xml/stanza.ts';
import { readHeader } from './header.ts';

export interface InletSettings {
  readonly xml: XmlLimits;
  /** In which one element must be complete. */
  readonly stanzaSeconds: number;
}

/** What an inlet tells. */
export interface InletHandlers {
  onHeader(header: StreamHeader): void;
  onStanza(stanza: Stanza): void;
  /** The end tag. */
  onEnd(): void;
  /** What the server sends breaks the rules: the condition that it is told, and why for the log. */
  onBroken(condition: string, detail: string, code: ErrorCode): void;
}

/** What comes from the server: one stream after another on one connection (RFC 6120 §4.3.3). */
export class Inlet implements StreamHandlers {
  readonly #handlers: InletHandlers;
  readonly #settings: InletSettings;
  readonly #clock: Clock;
  #reader: StreamReader | undefined;
  /** Runs while an element is unfinished: one byte a minute is no stanza (UP-XML-11). */
  #deadline: Timer | undefined;
  #isPaused = false;

  constructor(handlers: InletHandlers, settings: InletSettings, clock: Clock) {
    this.#handlers = handlers;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** A new stream: nothing of the last one counts any more, and what follows it on the wire is a header. */
  open(): void {
    this.stop();
    this.#reader = new StreamReader(this, this.#settings.xml);
  }

  /** For the reader alone, as the next two. */
  header(root: RootTag): void {
    this.#handlers.onHeader(readHeader(root));
  }

  element(slice: Slice): void {
    this.#handlers.onStanza(stanzaOf(slice));
  }

  end(): void {
    this.#handlers.onEnd();
  }

  /** True while something follows the last complete element. */
  get isMidway(): boolean {
    return this.#reader?.midway === true;
  }

  write(bytes: Buffer): void {
    try {
      this.#reader?.write(bytes);
    } catch (error) {
      const detail = reasonOf(error);
      if (error instanceof XmlError) this.#break(error.code, detail);
      else if (error instanceof GatewayError) this.#break(ERRORS[error.code].stream, detail);
      else this.#break('internal-server-error', detail, 'internal-error');
    }
    this.#watch();
  }

  /** While nothing is read on purpose, no time passes for the server. */
  pausing(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#watch();
  }

  #watch(): void {
    if (this.#isPaused || this.#reader?.isUnfinished !== true) this.#unwatch();
    else {
      this.#deadline ??= this.#clock.after(this.#settings.stanzaSeconds * 1000, () =>
        this.#break('policy-violation', `an element was not complete in ${this.#settings.stanzaSeconds} s`),
      );
    }
  }

  #unwatch(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  #break(condition: string, detail: string, code: ErrorCode = 'upstream-protocol'): void {
    this.#handlers.onBroken(condition, detail, code);
  }

  stop(): void {
    this.#unwatch();
    this.#reader?.stop();
  }
}
