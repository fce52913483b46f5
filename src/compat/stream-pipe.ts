import type { StreamRequest } from '../core/ports.ts';
import { EventPipe } from './event-pipe.ts';
import type { Link, Pipe } from './link.ts';
import type { CompatSession, CompatStream } from './objects.ts';

/** Events that come from a program, or from the connector that is attached. */
const UNDERSTOOD = ['stream-added', 'stream-restarted', 'response', 'terminate'] as const;

/** The pipe of one transport, with the listeners that make events do something. */
export class StreamPipe extends EventPipe implements Pipe {
  /** Sessions by sid. */
  readonly sid_state: Record<string, CompatSession> = Object.create(null) as Record<string, CompatSession>;
  /** Streams by name. */
  readonly sn_state: Record<string, CompatStream> = Object.create(null) as Record<string, CompatStream>;
  readonly #links = new WeakMap<CompatStream, { readonly link: Link; readonly request: StreamRequest }>();
  readonly #own = new Map<string, number>(UNDERSTOOD.map((event) => [event, 1]));

  constructor() {
    super();
    this.on('stream-added', (stream: CompatStream) => this.linkOf(stream)?.open());
    this.on('stream-restarted', (stream: CompatStream) => this.linkOf(stream)?.open());
    this.on('response', (stanza: unknown, stream: CompatStream) => this.linkOf(stream)?.deliver(stanza));
    this.on('terminate', (stream: CompatStream, condition: unknown) => this.linkOf(stream)?.terminate(condition));
  }

  get events(): EventPipe {
    return this;
  }

  /** Says that a listener for that event is one of ours. */
  ours(event: string): void {
    this.#own.set(event, (this.#own.get(event) ?? 0) + 1);
  }

  isWatched(event: string): boolean {
    return this.listenerCount(event) !== (this.#own.get(event) ?? 0);
  }

  add(link: Link, request: StreamRequest): void {
    this.#links.set(link.stream, { link, request });
  }

  /** The stream has its name and session. */
  know(stream: CompatStream): void {
    this.sn_state[stream.name] = stream;
    this.sid_state[stream.session.sid] = stream.session;
  }

  forget(stream: CompatStream): void {
    delete this.sn_state[stream.name];
    if (stream.session.streams.length === 0) delete this.sid_state[stream.session.sid];
  }

  /** Undefined for what is no stream of this pipe. */
  linkOf(stream: CompatStream): Link | undefined {
    return this.#links.get(stream)?.link;
  }

  requestOf(stream: CompatStream): StreamRequest | undefined {
    return this.#links.get(stream)?.request;
  }

  /** Had to be called by connectors to keep the numbers; they are right by themselves now. */
  stat_stream_add(): void {}

  stat_stream_terminate(): void {}
}
