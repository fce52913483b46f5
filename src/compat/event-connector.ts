import type { EventEmitter } from 'node:events';
import { GatewayError } from '../core/errors.ts';
import type { GatewayEvents, StreamView } from '../core/events.ts';
import { randomId } from '../core/id.ts';
import type { Connector, Downstream, StreamRequest, Upstream } from '../core/ports.ts';
import { parseElement } from './element.ts';
import { Link } from './link.ts';
import { compatSession, compatStream, type CompatSession, type CompatStream } from './objects.ts';
import type { StreamPipe } from './stream-pipe.ts';

type Transport = StreamRequest['transport'];

/**
 * The old contract as a connector: each stream is told to a pipe by `stream-add`, `nodes`, `stream-restart` and
 * `stream-terminate`, and hears `stream-added`, `response` and `terminate` from it.
 */
export class EventConnector implements Connector {
  readonly name = 'compat';
  readonly #pipes = new Map<Transport, StreamPipe>();
  /** Until the gateway has said what they are called. */
  readonly #unnamed = new WeakMap<StreamRequest, CompatStream>();
  readonly #sessions = new Map<string, CompatSession>();

  /** Streams of that transport go to this pipe from now on; those of one without a pipe are refused. */
  use(transport: Transport, pipe: StreamPipe): void {
    this.#pipes.set(transport, pipe);
  }

  connect(request: StreamRequest, client: Downstream): Upstream {
    const pipe = this.#pipes.get(request.transport);
    if (pipe === undefined) throw new GatewayError('policy-violation', `${request.transport} is not started`);
    const session = compatSession(request.transport === 'websocket' ? 'WEBSOCKET' : randomId(), request.custom);
    const stream = compatStream(randomId(), request, session);
    const link = new Link(stream, client, pipe);
    this.#unnamed.set(request, stream);
    pipe.add(link, request);
    // Not before the gateway has made its session, and said its names.
    queueMicrotask(() => link.announce());
    return link;
  }

  /** Hears from the gateway what streams are called, and what becomes of answers. */
  listen(events: EventEmitter<GatewayEvents>): void {
    events.on('stream-add', (view) => this.#name(view));
    events.on('stream-terminate', ({ name, session: { id } }) => {
      const session = this.#sessions.get(id);
      const at = session?.streams.findIndex((stream) => stream.name === name) ?? -1;
      const [gone] = at < 0 ? [] : (session?.streams.splice(at, 1) ?? []);
      if (gone !== undefined) for (const pipe of this.#pipes.values()) pipe.forget(gone);
      if (session?.streams.length === 0) this.#sessions.delete(id);
    });
    events.on('response-acknowledged', ({ rid, stanzas }, { id }) => {
      const response = body(stanzas.map(({ xml }) => xml));
      this.#pipes.get('bosh')?.emit('response-acknowledged', { response, ts: new Date(), rid }, this.#sessions.get(id));
    });
    events.on('no-client', (stanzas, view) => {
      const stream = this.#streamOf(view);
      this.#pipes.get(view.session.transport)?.emit('no-client', body(stanzas.map(({ xml }) => xml)), stream);
    });
    events.on('error', (error) => {
      for (const pipe of this.#pipes.values()) if (pipe.listenerCount('error') > 0) pipe.emit('error', error);
    });
  }

  #name({ name, session: { id, transport }, request }: StreamView): void {
    const stream = this.#unnamed.get(request);
    if (stream === undefined) return;
    stream.name = name;
    const known = this.#sessions.get(id);
    const session = known ?? { ...stream.session, sid: transport === 'websocket' ? 'WEBSOCKET' : id };
    stream.session = session;
    session.streams.push(stream);
    this.#sessions.set(id, session);
    this.#pipes.get(transport)?.know(stream);
  }

  #streamOf({ name, session: { id } }: StreamView): CompatStream | undefined {
    return this.#sessions.get(id)?.streams.find((stream) => stream.name === name);
  }
}

/** A BOSH answer as an element. */
function body(stanzas: readonly string[]) {
  return parseElement(`<body xmlns='http://jabber.org/protocol/httpbind'>${stanzas.join('')}</body>`);
}
