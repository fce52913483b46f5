import { Resolver } from 'node:dns/promises';
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Connector, Downstream, Logger, Lookup, StreamRequest, Target, Upstream } from '../core/ports.ts';
import { dial } from './dial.ts';
import { DomainLookup, type Endpoint } from './lookup.ts';
import { checkRoute, checkServed, isLoopback, type PolicySettings } from './policy.ts';
import { secure } from './tls.ts';
import { XmppStream, type Dialer, type XmppStreamSettings } from './xmpp-stream.ts';

export interface ConnectorSettings extends PolicySettings, XmppStreamSettings {
  readonly domains: Readonly<Record<string, Endpoint>>;
  /** Name servers to ask instead of the system's. */
  readonly dnsServers: readonly string[];
  /** Connections to servers that are being made at once. */
  readonly maxDials: number;
}

/** The default connector: each client gets a TCP connection of its own to the XMPP server that it names. */
export class XmppConnector implements Connector, Dialer {
  readonly name = 'xmpp';
  readonly #settings: ConnectorSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #resolver = new Resolver({ timeout: 2000, tries: 2 });
  readonly #lookup: Lookup;
  readonly #streams = new Set<XmppStream>();
  readonly #dialing = new Set<XmppStream>();

  constructor(settings: ConnectorSettings, clock: Clock, log: Logger) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    if (settings.dnsServers.length > 0) this.#resolver.setServers(settings.dnsServers);
    this.#lookup = new DomainLookup(settings.domains, settings.routes, this.#resolver);
  }

  connect(request: StreamRequest, client: Downstream): Upstream {
    checkServed(request.to, this.#settings);
    checkRoute(request.route, this.#settings.routes);
    if (this.#dialing.size >= this.#settings.maxDials) throw new GatewayError('overload', 'maxDials is reached');
    const stream = new XmppStream(request, client, this, this.#settings, this.#clock, this.#log);
    this.#streams.add(stream);
    this.#dialing.add(stream);
    void stream.connect().finally(() => this.#dialing.delete(stream));
    return stream;
  }

  finished(stream: XmppStream): void {
    this.#streams.delete(stream);
    this.#dialing.delete(stream);
  }

  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    this.#resolver.cancel();
  }

  targets(request: StreamRequest, signal: AbortSignal): AsyncIterable<Target> {
    return this.#lookup.targets(request, signal);
  }

  dial(target: Target, signal: AbortSignal): Promise<Socket> {
    return dial(target, this.#resolver, signal);
  }

  secure(socket: Socket, target: Target, domain: string): Promise<Socket> {
    const ca = Object.hasOwn(this.#settings.domains, domain) ? this.#settings.domains[domain]?.ca : undefined;
    // What never leaves this machine may go in clear, so an unverified certificate takes nothing away (design decision 4).
    const verify = target.tls !== 'optional' || ca !== undefined || !isLoopback(target.host);
    return secure(socket, { domain, ca, verify, alpn: target.tls === 'direct' });
  }
}
