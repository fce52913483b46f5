import { EventEmitter } from 'node:events';
import { normaliseDomain } from '../core/domain.ts';
import { GatewayError } from '../core/errors.ts';
import { randomId } from '../core/id.ts';
import type { Connector, StreamRequest, Upstream } from '../core/ports.ts';
import { NS } from '../xml/ns.ts';
import { xmppConnector, type CompatOptions } from './connector.ts';
import { Element, parseElement, stanzasOf } from './element.ts';
import { adaptLookup, LookupService, type LookupServiceLike } from './lookup.ts';
import { compatSession, compatStream, type CompatStream } from './objects.ts';

/**
 * One connection to an XMPP server, as `Proxy` of node-xmpp-bosh was. Emits `connect (stream)`, `restart (header, stream)`,
 * `stanza (element, stream)` and `close (error, stream)`.
 */
export class Proxy extends EventEmitter {
  readonly #connector: Connector;
  readonly #request: StreamRequest;
  readonly #stream: CompatStream;
  #upstream: Upstream | undefined;
  #isOpen = false;
  #early: string[] = [];

  /** `attributes`: of the stream header. Throws `ConfigError` for options that are wrong, `GatewayError` for a host that is none. */
  constructor(
    host: string,
    lookup?: LookupServiceLike,
    attributes: Readonly<Record<string, string>> = {},
    options: CompatOptions = {},
    stream?: CompatStream,
  ) {
    super();
    const to = normaliseDomain(host);
    if (to === undefined) throw new GatewayError('improper-addressing', `${host} is no domain`);
    this.#request = { transport: 'bosh', to, clientAddress: '127.0.0.1', headerAttributes: attributes };
    this.#stream = stream ?? compatStream(randomId(), this.#request, compatSession(randomId()));
    const own = lookup === undefined || lookup instanceof LookupService ? undefined : adaptLookup(() => lookup);
    this.#connector = xmppConnector(options, undefined, own);
  }

  connect(): void {
    if (this.#upstream !== undefined) return;
    this.#upstream = this.#connector.connect(this.#request, {
      opened: (header) => this.#opened(header.id, header.from),
      deliver: ({ xml }) => this.emit('stanza', parseElement(xml), this.#stream),
      closed: (end) => {
        void this.#connector.stop?.();
        this.emit('close', end === undefined ? undefined : new GatewayError(end.code, end.detail), this.#stream);
      },
      pause() {},
      resume() {},
    });
  }

  #opened(id: string | undefined, from: string | undefined): void {
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.emit('connect', this.#stream);
      for (const text of this.#early.splice(0)) this.send(text);
      return;
    }
    const header = { xmlns: NS.client, 'xmlns:stream': NS.streams, id, from, version: '1.0' };
    this.emit('restart', new Element('stream:stream', header), this.#stream);
  }

  /** One or more elements as text, or one as an element. What is sent too early waits. */
  send(given: string | Element): void {
    if (!this.#isOpen) this.#early.push(String(given));
    else for (const stanza of stanzasOf(given)) this.#upstream?.send(stanza);
  }

  restart(attributes: Readonly<Record<string, string>> = {}): void {
    this.#upstream?.restart({ headerAttributes: attributes });
  }

  terminate(): void {
    this.#upstream?.close();
  }
}
