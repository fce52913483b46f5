import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type {
  ClientCertificate,
  Connector,
  Downstream,
  Logger,
  Lookup,
  StreamRequest,
  Target,
  Upstream,
} from '../core/ports.ts';
import { encodeProxyHeader } from '../core/proxy-header.ts';
import type { Connection } from './approach.ts';
import { dial } from './dial.ts';
import { Dns, type DnsSettings } from './dns.ts';
import { DomainLookup, endpointOf, type Endpoint, type EndpointSettings } from './lookup.ts';
import { Policy, type PolicySettings } from './policy.ts';
import { mustVerify, secure } from './tls.ts';
import type { StreamHost, XmppStreamSettings } from './stream-host.ts';
import { XmppStream } from './xmpp-stream.ts';

export interface ConnectorSettings extends EndpointSettings, PolicySettings, DnsSettings, XmppStreamSettings {
  readonly domains: EndpointSettings['domains'];
  /** Connections to servers that are being made at once. */
  readonly maxDials: number;
  /** Of them, to one domain that is not named in `domains`. */
  readonly maxDialsPerDomain: number;
  /** Time for one address, and for TLS where it comes first. */
  readonly attemptSeconds: number;
}

/** The default connector: each client gets a TCP connection of its own to the XMPP server that it names. */
export class XmppConnector implements Connector, StreamHost {
  readonly name = 'xmpp';
  readonly #settings: ConnectorSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #dns: Dns;
  readonly #policy: Policy;
  readonly #lookup: Lookup;
  readonly #streams = new Set<XmppStream>();
  /** How many streams look for a server, by domain. */
  readonly #dialing = new Map<string, number>();
  #dials = 0;

  constructor(settings: ConnectorSettings, clock: Clock, log: Logger, lookup?: Lookup) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#dns = new Dns(settings, clock);
    this.#policy = new Policy(settings);
    this.#lookup = lookup ?? new DomainLookup(settings, settings.routes, this.#dns);
  }

  connect(request: StreamRequest, client: Downstream): Upstream {
    this.#policy.check(request.to, request.route);
    this.#checkDials(request.to);
    const stream = new XmppStream(request, client, this, this.#settings, this.#clock, this.#log);
    this.#streams.add(stream);
    this.changed(stream, true);
    void stream.connect();
    return stream;
  }

  #checkDials(domain: string): void {
    const { maxDials, maxDialsPerDomain, domains } = this.#settings;
    if (this.#dials >= maxDials) throw new GatewayError('overload', 'maxDials is reached');
    // A stranger's server that answers slowly must not take the places of all others.
    if (Object.hasOwn(domains, domain) || (this.#dialing.get(domain) ?? 0) < maxDialsPerDomain) return;
    throw new GatewayError('overload', `maxDialsPerDomain is reached for ${domain}`);
  }

  changed({ domain }: XmppStream, isDialing: boolean): void {
    const step = isDialing ? 1 : -1;
    this.#dials += step;
    const count = (this.#dialing.get(domain) ?? 0) + step;
    if (count > 0) this.#dialing.set(domain, count);
    else this.#dialing.delete(domain);
  }

  finished(stream: XmppStream): void {
    this.#streams.delete(stream);
  }

  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    this.#dns.stop();
  }

  targets(request: StreamRequest, signal: AbortSignal): AsyncIterable<Target> {
    return this.#lookup.targets(request, signal);
  }

  /** TCP to an address that was checked, a PROXY header where the domain wants one, and TLS where it comes first. */
  async dial(target: Target, request: StreamRequest, signal: AbortSignal): Promise<Connection> {
    this.#policy.checkPort(target, request.route);
    const found = await this.#dns.addresses(target.host, target.trusted);
    const addresses = this.#policy.filter(target, found);
    const options = { port: target.port, attemptMs: this.#attemptMs };
    const socket = await dial(addresses, options, this.#clock, signal);
    this.#sayProxyHeader(socket, request);
    const connection = { socket, target, isSecured: false, isVerified: false };
    if (target.tls !== 'direct') return connection;
    const abort = (): void => void socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await this.secure(connection, request);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  get #attemptMs(): number {
    return this.#settings.attemptSeconds * 1000;
  }

  /** The client's port means nothing to anybody: a BOSH client has a new one for each request. */
  #sayProxyHeader(socket: Socket, { to, clientAddress }: StreamRequest): void {
    const { proxyProtocol } = endpointOf(to, this.#settings);
    if (proxyProtocol === undefined) return;
    const server = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    socket.write(encodeProxyHeader(proxyProtocol, { address: clientAddress, port: 0 }, server));
  }

  async secure({ socket, target }: Connection, { to: domain, certificate }: StreamRequest): Promise<Connection> {
    const endpoint = endpointOf(domain, this.#settings);
    const isDirect = target.tls === 'direct';
    const verify = mustVerify(target, endpoint);
    const timeoutMs = isDirect ? this.#attemptMs : this.#settings.negotiateSeconds * 1000;
    const shown = certificate ?? this.#certificateOf(endpoint);
    const secured = await secure(socket, { domain, endpoint, verify, isDirect, timeoutMs, shown }, this.#clock);
    return { socket: secured, target, isSecured: true, isVerified: verify };
  }

  #certificateOf({ clientCert: cert, clientKey: key }: Endpoint): ClientCertificate | undefined {
    return cert === undefined || key === undefined ? undefined : { cert, key };
  }

  isGatewaysName({ to, certificate }: StreamRequest): boolean {
    return certificate === undefined && endpointOf(to, this.#settings).clientCert !== undefined;
  }
}
