import type { SrvRecord } from 'node:dns';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import { silentLogger, type Stanza, type StreamRequest, type Target } from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { childOf, elementsOf, parseTree, textOf } from '../xml/tree.ts';
import { describe, type Connection } from './approach.ts';
import { XmppConnector, type ConnectorSettings } from './connector.ts';
import { Dns } from './dns.ts';
import { checkIdentity } from './identity.ts';
import { endpointOf } from './lookup.ts';
import { Policy } from './policy.ts';
import type { StreamHost } from './stream-host.ts';
import { mustVerify, peerCertificate, secure } from './tls.ts';
import { XmppStream } from './xmpp-stream.ts';

export interface Failure {
  readonly code: ErrorCode;
  readonly reason: string;
}

/** What a server has shown, and what a client would be told of it. */
export interface CertificateReport {
  readonly names: readonly string[];
  readonly issuer: string;
  readonly validTo: Date;
  readonly fingerprint: string;
  /** Why it is not believed: a code of OpenSSL, or `NAMES`; undefined where it is in order. */
  readonly problem: string | undefined;
  /** Whether anything hangs on it. */
  readonly isNeeded: boolean;
}

/** One server, as far as one got. */
export interface ServerReport {
  readonly target: Target;
  readonly addresses: readonly { readonly address: string; readonly isAllowed: boolean }[];
  connected?: { readonly address: string; readonly ms: number };
  tls?: { readonly version: string; readonly cipher: string };
  certificate?: CertificateReport;
  mechanisms?: readonly string[];
  failure?: Failure;
}

/** Goes the gateway's way to a domain, with the gateway's own parts, and tells of each step: `sluice check`. */
export class Inspector {
  readonly #domain: string;
  readonly #settings: ConnectorSettings;
  readonly #clock: Clock;
  readonly #dns: Dns;
  readonly #policy: Policy;
  readonly #connector: XmppConnector;

  constructor(domain: string, settings: ConnectorSettings, clock: Clock) {
    this.#domain = domain;
    this.#settings = settings;
    this.#clock = clock;
    this.#dns = new Dns(settings, clock);
    this.#policy = new Policy(settings);
    this.#connector = new XmppConnector(settings, clock, silentLogger);
  }

  async stop(): Promise<void> {
    this.#dns.stop();
    await this.#connector.stop();
  }

  /** Why clients are refused that ask for the domain, if they are. */
  refusal(): Failure | undefined {
    try {
      this.#policy.check(this.#domain, undefined);
      return undefined;
    } catch (error) {
      return failureOf(error);
    }
  }

  /** The records of `_xmpp-client` or `_xmpps-client`, whether they are followed or not. */
  async records(service: '_xmpp-client' | '_xmpps-client'): Promise<readonly SrvRecord[] | Failure> {
    try {
      return await this.#dns.srv(`${service}._tcp.${this.#domain}`);
    } catch (error) {
      return failureOf(error);
    }
  }

  /** The servers in the order in which the gateway tries them. Throws `GatewayError` where there is none. */
  async targets(): Promise<readonly Target[]> {
    const targets: Target[] = [];
    const { signal } = new AbortController();
    for await (const target of this.#connector.targets(this.#request, signal)) targets.push(target);
    return targets;
  }

  get #request(): StreamRequest {
    return { transport: 'websocket', to: this.#domain, clientAddress: '127.0.0.1' };
  }

  async inspect(target: Target): Promise<ServerReport> {
    const found = await this.#dns.addresses(target.host, target.trusted).catch(() => []);
    const isAllowed = (address: string): boolean => target.trusted || this.#policy.allows(address);
    const addresses = found.map(({ address }) => ({ address, isAllowed: isAllowed(address) }));
    const report: ServerReport = { target, addresses };
    const begun = this.#clock.now();
    const host: StreamHost = {
      targets: async function* () {
        yield target;
      },
      dial: async (to, request, signal) => {
        // TLS is this function's business: it goes on where the gateway does not, to see more.
        const plain = await this.#connector.dial(
          { ...to, tls: to.tls === 'direct' ? 'starttls' : to.tls },
          request,
          signal,
        );
        report.connected = { address: plain.socket.remoteAddress ?? '', ms: Math.round(this.#clock.now() - begun) };
        const connection = { ...plain, target: to };
        return to.tls === 'direct' ? this.#secure(connection, report) : connection;
      },
      secure: (connection) => this.#secure(connection, report),
      isGatewaysName: () => false,
      changed: () => {},
      finished: () => {},
    };
    await new Promise<void>((resolve) => {
      const client = {
        opened: () => {},
        pause: () => {},
        resume: () => {},
        deliver: (stanza: Stanza) => {
          report.mechanisms = mechanismsOf(stanza);
          stream.close();
          resolve();
        },
        closed: (end?: { code: ErrorCode; detail?: string | undefined; error?: Stanza | undefined }) => {
          if (end !== undefined) {
            const reason = end.detail ?? conditionOf(end.error);
            report.failure = { code: end.code, reason: reason.replace(`${describe(target)}: `, '') };
          }
          resolve();
        },
      };
      const stream = new XmppStream(this.#request, client, host, this.#settings, this.#clock, silentLogger);
      void stream.connect();
    });
    return report;
  }

  async #secure({ socket, target }: Connection, report: ServerReport): Promise<Connection> {
    const endpoint = endpointOf(this.#domain, this.#settings);
    const isDirect = target.tls === 'direct';
    const timeoutMs = this.#settings.attemptSeconds * 1000;
    const options = { domain: this.#domain, endpoint, verify: false, isDirect, timeoutMs };
    const secured = await secure(socket, options, this.#clock);
    report.tls = { version: secured.getProtocol() ?? '', cipher: secured.getCipher().standardName };
    const isNeeded = mustVerify(target, endpoint) && endpoint.fingerprints === undefined;
    report.certificate = certificateOf(secured, this.#domain, isNeeded);
    return { socket: secured, target, isSecured: true, isVerified: false };
  }
}

function failureOf(error: unknown): Failure {
  return { code: codeOf(error), reason: reasonOf(error) };
}

function certificateOf(socket: TLSSocket, domain: string, isNeeded: boolean): CertificateReport {
  const certificate = peerCertificate(socket);
  const names = (certificate.subjectaltname ?? '').split(', ').map((name) => name.replace(/^DNS:/, ''));
  const { O: organisation, CN: name } = certificate.issuer;
  const isOfDomain = checkIdentity(domain, certificate) === undefined;
  // Node keeps the code of OpenSSL here, or the message of `checkIdentity`.
  const chain = socket.authorized || !isOfDomain ? undefined : String(socket.authorizationError);
  return {
    names: names.filter((text) => text !== ''),
    issuer: [organisation, name].flat().filter(Boolean).join(', '),
    validTo: new Date(certificate.valid_to),
    fingerprint: certificate.fingerprint256,
    problem: isOfDomain ? chain : 'NAMES',
    isNeeded,
  };
}

function mechanismsOf({ xml }: Stanza): string[] {
  const features = parseTree(xml, READ_BEFORE);
  const lists = [childOf(features, 'mechanisms', NS.sasl), childOf(features, 'authentication', NS.sasl2)];
  const found = lists.flatMap((list) => (list === undefined ? [] : elementsOf(list)));
  return [...new Set(found.filter(({ name }) => name === 'mechanism').map((element) => textOf(element).trim()))];
}

function conditionOf(error: Stanza | undefined): string {
  const [condition] = error === undefined ? [] : elementsOf(parseTree(error.xml, READ_BEFORE));
  return condition === undefined ? 'the server ended the stream' : `the server says ${condition.name}`;
}
