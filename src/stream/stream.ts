import { GatewayError } from '../core/errors.ts';
import type { StreamView } from '../core/events.ts';
import type {
  Connector,
  Downstream,
  RestartAttributes,
  Stanza,
  StreamEnd,
  StreamHeader,
  Upstream,
} from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { elementsOf, parseTree } from '../xml/tree.ts';
import { bounce } from './bounce.ts';
import { Outbox } from './outbox.ts';

/** What the transport in front of a stream wants to hear of it. */
export interface StreamClient {
  /** The server's header is known, at first and after each restart. */
  onHeader(header: StreamHeader): void;
  /** Something waits in the outbox. */
  onReadable(): void;
  /** The server side is over; what still waits in the outbox goes to the client first. */
  onEnd(end: StreamEnd | undefined): void;
  /** The server takes no more (true), or takes again (false). */
  onFlow(full: boolean): void;
}

export interface StreamSettings {
  readonly maxQueuedBytes: number;
  readonly maxUpstreamBacklogBytes: number;
}

/**
 * `opening`: no header from the server yet; what the client sends waits. `open`. `closing`: the client has ended it.
 * `closed`: the server side is over.
 */
type State = 'opening' | 'open' | 'closing' | 'closed';

/** One XMPP stream between a client, whatever its transport, and a connector. */
export class Stream implements Downstream {
  readonly view: StreamView;
  readonly outbox: Outbox;
  readonly #client: StreamClient;
  readonly #settings: StreamSettings;
  #upstream: Upstream | undefined;
  #state: State = 'opening';
  /** From the client, while there is no header: sent in order as soon as there is. */
  #early: Stanza[] = [];
  #earlyBytes = 0;
  #restartDue = false;
  #authenticated = false;
  /** XEP-0198 is on: the gateway neither injects nor answers stanzas (SM-02). */
  #managed = false;
  #resumable = false;

  constructor(view: StreamView, client: StreamClient, settings: StreamSettings) {
    this.view = view;
    this.#client = client;
    this.#settings = settings;
    this.outbox = new Outbox(settings.maxQueuedBytes, (full) => {
      if (full) this.#upstream?.pause();
      else this.#upstream?.resume();
    });
  }

  /** Unguessable (XEP-0124 §16.2). */
  get name(): string {
    return this.view.name;
  }

  /** True once a SASL or SASL2 success has passed. */
  get isAuthenticated(): boolean {
    return this.#authenticated;
  }

  get isManaged(): boolean {
    return this.#managed;
  }

  get isResumable(): boolean {
    return this.#resumable;
  }

  get isOver(): boolean {
    return this.#state === 'closed';
  }

  /** Throws `GatewayError` where the connector refuses. */
  connect(connector: Connector): void {
    this.#upstream = connector.connect(this.view.request, this);
  }

  /** From the client to the server. Throws `policy-violation` where more waits than may. */
  send(stanza: Stanza): void {
    if (this.#state === 'open') {
      this.#upstream?.send(stanza);
    } else if (this.#state === 'opening') {
      this.#earlyBytes += stanza.bytes;
      if (this.#earlyBytes > this.#settings.maxUpstreamBacklogBytes) {
        throw new GatewayError('policy-violation', 'too much was sent before the server answered');
      }
      this.#early.push(stanza);
    }
  }

  /** True where the client may open a new stream on this connection: once after SASL success (RFC 6120 §6.4.6). */
  get restartIsDue(): boolean {
    return this.#restartDue && this.#state === 'open';
  }

  restart(attributes: RestartAttributes): void {
    if (!this.restartIsDue) throw new GatewayError('bad-request', 'no stream restart is due');
    this.#restartDue = false;
    this.#state = 'opening';
    this.#upstream?.restart(attributes);
  }

  /** Ends the stream toward the server. `onEnd` follows, when the server has answered or its time is up. */
  close(end?: StreamEnd): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#upstream?.close(end);
  }

  /**
   * The client is over, and what still waits for it never reaches it: with stream management the server keeps that, else its
   * senders are told (XEP-0206 §7, SM-02). A client that is merely gone, and may resume, leaves a broken connection (SM-03).
   */
  abandon(end?: StreamEnd): void {
    if (end?.code === 'client-gone' && this.#resumable) {
      this.close({ ...end, unclean: true });
      return;
    }
    const undelivered = this.outbox.take(Infinity);
    try {
      if (!this.#managed && this.#state === 'open') this.#answerFor(undelivered);
    } finally {
      this.close(end);
    }
  }

  #answerFor(undelivered: readonly Stanza[]): void {
    for (const stanza of undelivered) {
      const answer = bounce(stanza);
      if (answer !== undefined) this.#upstream?.send(answer);
    }
  }

  opened(header: StreamHeader): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.#client.onHeader(header);
    const early = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    for (const stanza of early) this.#upstream?.send(stanza);
  }

  deliver(stanza: Stanza): void {
    if (this.#state === 'closed') return;
    this.#observe(stanza);
    this.outbox.push(stanza);
    this.#client.onReadable();
  }

  closed(end?: StreamEnd): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#early = [];
    this.#client.onEnd(end);
  }

  pause(): void {
    this.#client.onFlow(true);
  }

  resume(): void {
    this.#client.onFlow(false);
  }

  /** The few elements that change what the gateway may do. They pass unchanged. */
  #observe({ name, ns, xml }: Stanza): void {
    switch (ns) {
      case NS.sasl:
        // Keyed on SASL1 alone: after SASL2's success there is no restart (SASL2-03).
        if (name === 'success') this.#restartDue = this.#authenticated = true;
        break;
      case NS.sasl2:
        if (name !== 'success') break;
        this.#authenticated = true;
        if (xml.includes(NS.sm3)) this.#noteManagement(xml);
        break;
      case NS.sm2:
      case NS.sm3:
        if (name === 'enabled' || name === 'resumed') this.#noteManagement(xml);
        break;
      default:
    }
  }

  /** Stream management is on: alone, or inside SASL2's success (XEP-0198 §9). */
  #noteManagement(xml: string): void {
    const walk = [parseTree(xml, READ_BEFORE)];
    for (let element = walk.pop(); element !== undefined; element = walk.pop()) {
      const isManagement = element.ns === NS.sm3 || element.ns === NS.sm2;
      if (isManagement && (element.name === 'enabled' || element.name === 'resumed')) {
        this.#managed = true;
        this.#resumable = element.name === 'resumed' || /^(true|1)$/.test(element.attributes.get('resume') ?? '');
      }
      walk.push(...elementsOf(element));
    }
  }
}
