import { EventEmitter } from 'node:events';
import { GatewayError, reasonOf } from '../core/errors.ts';
import { randomId } from '../core/id.ts';
import type { Lookup, StreamRequest, Target } from '../core/ports.ts';
import { isLoopback } from '../upstream/addresses.ts';
import { endpointOf, type EndpointSettings } from '../upstream/lookup.ts';
import { compatSession, compatStream, type CompatStream } from './objects.ts';

/** What an old lookup service does: connects a socket to wherever it finds. */
export interface LookupServiceLike extends EventEmitter {
  connect(socket: unknown): void;
}

/** `lookup_service` of the old options. */
export type LookupServiceConstructor = new (port: number, stream: CompatStream) => LookupServiceLike;

export function isLookupService(value: unknown): value is LookupServiceConstructor {
  return typeof value === 'function';
}

const XMPP_PORT = 5222;

/** What else an old service does to its socket. */
const HARMLESS = ['setTimeout', 'setNoDelay', 'setKeepAlive', 'end', 'destroy'];

/** Stands in for a socket: it only notes where it was to be connected to. */
class NotedSocket extends EventEmitter {
  readonly #note: (host: string, port: number) => void;

  constructor(note: (host: string, port: number) => void) {
    super();
    this.#note = note;
    // A service that does not listen for errors has one place to try.
    this.on('error', () => {});
    for (const name of HARMLESS) Reflect.set(this, name, () => this);
  }

  /** As `net.Socket` has it: a port and a host, or both in an object. */
  connect(first: number | string | { readonly port: number; readonly host?: string }, host?: unknown): this {
    const port = typeof first === 'object' ? first.port : Number(first);
    const name = typeof first === 'object' ? first.host : typeof host === 'string' ? host : undefined;
    this.#note(name ?? 'localhost', port);
    return this;
  }
}

/**
 * An old lookup service as a lookup: it says where, and the gateway connects. What it says is trusted, as the program's own word;
 * TLS is as the domain's settings want it. When a place does not answer, its socket has an error, and it may name another one.
 */
export function adaptLookup(
  make: (stream: CompatStream) => LookupServiceLike,
  settings: EndpointSettings = { domains: {} },
): Lookup {
  return { targets: (request, signal) => targetsOf(make(streamFor(request)), request, settings, signal) };
}

/** The same for `lookup_service` of the options. */
export function lookupOf(Service: LookupServiceConstructor, settings?: EndpointSettings): Lookup {
  return adaptLookup((stream) => new Service(XMPP_PORT, stream), settings);
}

function streamFor(request: StreamRequest): CompatStream {
  const session = compatSession(request.transport === 'websocket' ? 'WEBSOCKET' : randomId(), request.custom);
  return compatStream(randomId(), request, session);
}

async function* targetsOf(
  service: LookupServiceLike,
  { to }: StreamRequest,
  settings: EndpointSettings,
  signal: AbortSignal,
): AsyncIterable<Target> {
  const found: Target[] = [];
  let failure: unknown;
  let isOver = false;
  let wake: () => void = () => {};
  const finish = (error?: unknown): void => {
    failure = error;
    isOver = true;
    wake();
  };
  const socket = new NotedSocket((host, port) => {
    const tls = endpointOf(to, settings).tls ?? (isLoopback(host) ? 'optional' : 'starttls');
    found.push({ host, port, tls, trusted: true });
    wake();
  });
  service.on('error', finish);
  signal.addEventListener('abort', () => finish(), { once: true });
  service.connect(socket);
  for (let count = 0; ; count++) {
    while (found.length === 0 && !isOver) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const target = found.shift();
    if (target === undefined) {
      if (count === 0) throw new GatewayError('upstream-unreachable', `the lookup service: ${reasonOf(failure)}`);
      return;
    }
    yield target;
    // Asked again, so it did not do. A service that does not listen has no other.
    if (socket.listenerCount('error') === 1) return;
    socket.emit('error', new Error(`${target.host}:${target.port} cannot be used`));
  }
}

/** The default lookup. It connects nothing itself: `Proxy` knows what it stands for. */
export class LookupService extends EventEmitter {
  readonly port: number;
  readonly stream: CompatStream | undefined;

  constructor(port: number = XMPP_PORT, stream?: CompatStream) {
    super();
    this.port = port;
    this.stream = stream;
  }

  connect(): void {
    this.emit('error', new Error('sluice/compat: LookupService only works inside Proxy; see docs/migrating.md'));
  }
}
