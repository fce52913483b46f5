import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { StreamView } from '../core/events.ts';
import type { Hooks } from '../core/hooks.ts';
import type { Connector, RestartAttributes, Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { parseTree, textOf, withDescendants } from '../xml/tree.ts';
import { bounce, refusalOf } from './bounce.ts';
import { endOf, type FencedStream } from './fence.ts';
import { Gate, type GateSettings } from './gate.ts';
import { Guard, type GuardSettings } from './guard.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';

/** What the transport in front of a stream wants to hear of it. */
export interface StreamClient {
  /** The server's header is known, at first and after each restart. */
  onHeader(header: StreamHeader, stream: Stream): void;
  /** Something waits in the outbox. */
  onReadable(stream: Stream): void;
  /** The server side is over; what still waits in the outbox goes to the client first. */
  onEnd(end: StreamEnd | undefined, stream: Stream): void;
  /** The server takes no more (true), or takes again (false). */
  onFlow(full: boolean, stream: Stream): void;
  /** The server has given the client its address, by either kind of login. */
  onBound(jid: string): void;
  /** A connector or a hook broke its contract. */
  onFault(error: GatewayError, stream: Stream): void;
}

export interface StreamSettings extends GuardSettings, GateSettings {
  readonly maxUpstreamBacklogBytes: number;
}

/**
 * `opening`: no header from the server yet; what the client sends waits. `open`. `closing`: the client has ended it.
 * `closed`: the server side is over.
 */
type State = 'opening' | 'open' | 'closing' | 'closed';

/** One XMPP stream between a client, whatever its transport, and a connector. */
export class Stream implements FencedStream, OutboxOwner {
  readonly view: StreamView;
  readonly outbox: Outbox;
  readonly #client: StreamClient;
  readonly #settings: StreamSettings;
  readonly #clock: Clock;
  readonly #hooks: Hooks;
  #upstream: Guard | undefined;
  /** Where a hook sees what the client sends. */
  readonly #fromClient: Gate | undefined;
  /** Where a hook sees what the client gets. */
  readonly #toClient: Gate | undefined;
  #serverIsFull = false;
  #state: State = 'opening';
  /** From the client, while there is no header: sent in order as soon as there is. */
  #early: Stanza[] = [];
  #earlyBytes = 0;
  #restartDue = false;
  #authenticated = false;
  /** XEP-0198 is on: the gateway neither injects nor answers stanzas (SM-02). */
  #managed = false;
  #resumable = false;
  #isBound = false;

  constructor(view: StreamView, client: StreamClient, settings: StreamSettings, clock: Clock, hooks: Hooks = {}) {
    this.view = view;
    this.#client = client;
    this.#settings = settings;
    this.#clock = clock;
    this.#hooks = hooks;
    this.outbox = new Outbox(settings.maxQueuedBytes, this);
    if (hooks.nodes !== undefined) {
      const owner = {
        ...this.#gateOwner(),
        pass: (stanza: Stanza) => this.#forward(stanza),
        refuse: (stanza: Stanza) => this.#sendBack(stanza, (answer) => this.#pass(answer)),
        onFlow: (full: boolean) => this.#holdClient(full, this.#serverIsFull),
      };
      this.#fromClient = new Gate('nodes', (stanza) => hooks.nodes?.(stanza, view), owner, clock, settings);
    }
    if (hooks.stanza !== undefined) {
      const owner = {
        ...this.#gateOwner(),
        pass: (stanza: Stanza) => this.#pass(stanza),
        refuse: (stanza: Stanza) => this.#sendBack(stanza, (answer) => this.#forward(answer)),
        onFlow: (full: boolean) => this.#holdServer(full, this.outbox.isFull),
      };
      this.#toClient = new Gate('stanza', (stanza) => hooks.stanza?.(stanza, view), owner, clock, settings);
    }
  }

  #gateOwner() {
    return {
      isCounting: () => this.#managed,
      onFault: (error: GatewayError) => this.#client.onFault(error, this),
      onFailed: (error: unknown) => this.fail(endOf(error)),
    };
  }

  onFull(full: boolean): void {
    this.#holdServer(full, this.#toClient?.isFull === true);
  }

  /** `others`: something else holds it anyway. */
  #holdServer(full: boolean, others: boolean): void {
    if (others) return;
    if (full) this.#upstream?.pause();
    else this.#upstream?.resume();
  }

  #holdClient(full: boolean, others: boolean): void {
    if (!others) this.#client.onFlow(full, this);
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

  /** The server's header is not there: at first, or after a restart. */
  get isOpening(): boolean {
    return this.#state === 'opening';
  }

  /** What waits for the client, in the outbox or for a hook. */
  get undelivered(): readonly Stanza[] {
    return [...this.outbox.peek(), ...(this.#toClient?.waiting ?? [])];
  }

  /** Throws `GatewayError` where the connector refuses, or the hook that accepts. `begin` has to follow. */
  connect(connector: Connector): void {
    const { view } = this;
    const hooks = this.#hooks;
    this.#upstream = new Guard(connector, view.request, this, this.#clock, this.#settings);
    this.#upstream.connect(hooks.accept && (() => hooks.accept?.(view.request, view.session)));
  }

  /** The stream is known to all who have to know it: what the connector has said of its end may be told. */
  begin(): void {
    this.#upstream?.begin();
  }

  /** From the client to the server. Throws `GatewayError`: `policy-violation` where more waits than may. */
  send(stanza: Stanza): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    if (this.#fromClient === undefined) {
      this.#forward(stanza);
      return;
    }
    if (this.#fromClient.bytes > this.#settings.maxUpstreamBacklogBytes) {
      throw new GatewayError('policy-violation', 'too much was sent before the hook "nodes" answered');
    }
    this.#fromClient.push(stanza);
  }

  /** What passed the hook, too, when the client has ended the stream since. */
  #forward(stanza: Stanza): void {
    if (this.#state === 'open' || this.#state === 'closing') {
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
    // What the client said before goes first, also where a hook takes its time.
    if (end === undefined && this.#fromClient !== undefined) {
      this.#fromClient.whenIdle(() => this.#upstream?.close());
      return;
    }
    this.#fromClient?.stop();
    this.#upstream?.close(end);
  }

  /** A plug broke: the stream is over at once, on both sides. */
  fail(end: StreamEnd): void {
    if (this.#state === 'closed') return;
    this.#fromClient?.stop();
    this.#toClient?.stop();
    this.#end(end, () => this.#upstream?.close(end));
  }

  onFault(error: GatewayError): void {
    this.#client.onFault(error, this);
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
    const { undelivered } = this;
    this.#toClient?.stop();
    this.outbox.take(Infinity);
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
    this.#client.onHeader(header, this);
    const early = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    try {
      for (const stanza of early) this.#upstream?.send(stanza);
    } catch (error) {
      // The connector is to learn of it as all others do, not by an exception from its own call.
      this.fail(endOf(error));
    }
  }

  deliver(stanza: Stanza): void {
    if (this.#state === 'closed') return;
    this.#observe(stanza);
    if (this.#toClient?.isOpen === true) this.#toClient.push(stanza);
    else this.#pass(stanza);
  }

  #pass(stanza: Stanza): void {
    this.outbox.push(stanza);
    this.#client.onReadable(this);
  }

  /** The sender of a refused stanza is told, where it can be. */
  #sendBack(stanza: Stanza, send: (answer: Stanza) => void): void {
    const answer = refusalOf(stanza);
    if (answer !== undefined) send(answer);
  }

  closed(end?: StreamEnd): void {
    this.#upstream?.ended();
    if (this.#state === 'closed') return;
    // What came before the end goes first, also where a hook takes its time.
    const isBusy = end === undefined && (this.#toClient?.waiting.length ?? 0) > 0;
    if (isBusy) this.#toClient?.whenIdle(() => this.#end(end));
    else this.#end(end);
  }

  #end(end: StreamEnd | undefined, before?: () => void): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#early = [];
    before?.();
    this.#client.onEnd(end, this);
  }

  pause(): void {
    this.#serverIsFull = true;
    this.#holdClient(true, this.#fromClient?.isFull === true);
  }

  resume(): void {
    this.#serverIsFull = false;
    this.#holdClient(false, this.#fromClient?.isFull === true);
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
        this.#noteAddress(xml, NS.sasl2, 'authorization-identifier');
        break;
      case NS.client:
        if (!this.#isBound && name === 'iq' && xml.includes(NS.bind)) this.#noteAddress(xml, NS.bind, 'jid');
        break;
      case NS.sm2:
      case NS.sm3:
        if (name === 'enabled' || name === 'resumed') this.#noteManagement(xml);
        break;
      default:
    }
  }

  /** A full address means that the stream is bound: SASL2 tells a bare one where nothing was bound inline (XEP-0388 §2.6.1). */
  #noteAddress(xml: string, ns: string, name: string): void {
    for (const element of withDescendants(parseTree(xml, READ_BEFORE))) {
      if (element.ns !== ns || element.name !== name) continue;
      const jid = textOf(element);
      this.#isBound = jid.includes('/');
      if (this.#isBound) this.#client.onBound(jid);
      return;
    }
  }

  /** Stream management is on: alone, or inside SASL2's success (XEP-0198 §9). */
  #noteManagement(xml: string): void {
    for (const { ns, name, attributes } of withDescendants(parseTree(xml, READ_BEFORE))) {
      if ((ns !== NS.sm3 && ns !== NS.sm2) || (name !== 'enabled' && name !== 'resumed')) continue;
      this.#managed = true;
      this.#resumable = name === 'resumed' || /^(true|1)$/.test(attributes.get('resume') ?? '');
    }
  }
}
