import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { Networks, parseIp } from '../core/ip.ts';
import { plainAddress } from './client-address.ts';

/** Where proxies say the address of a client. */
export type ProxyHeaderKind = 'x-forwarded-for' | 'forwarded' | 'proxy-protocol';

/** One hop as an address, without quotes, brackets and port (RFC 7239 §6); undefined for `unknown` and made-up names. */
function addressIn(hop = ''): string | undefined {
  const bare = hop.trim().replace(/^"(.*)"$/, '$1');
  const [, bracketed, dotted] = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/.exec(bare) ?? [];
  const address = bracketed ?? dotted ?? bare;
  return parseIp(address) === undefined ? undefined : plainAddress(address);
}

/** RFC 7239 §4. */
const PARAMETERS = {
  proto: /(?:^|;)\s*proto="?([^";]*)"?\s*(?:;|$)/i,
  host: /(?:^|;)\s*host="?([^";]*)"?\s*(?:;|$)/i,
};

/** What reverse proxies say of a request; nobody else is believed (BOSH-HTTP-15). */
export class TrustedProxies {
  readonly #networks: Networks;
  readonly #header: ProxyHeaderKind;

  constructor(networks: readonly string[], header: ProxyHeaderKind = 'x-forwarded-for') {
    this.#networks = new Networks(networks);
    this.#header = header;
  }

  /** True where each connection of a proxy begins with a PROXY header. */
  get speakProxyProtocol(): boolean {
    return this.#header === 'proxy-protocol';
  }

  trusts(address: string | undefined): boolean {
    return this.#networks.has(address ?? '');
  }

  /**
   * The address of the client behind a connection from `peer`. Each proxy adds whom it sees at the end of the list, so it is
   * read from there up to the first that is no proxy of ours: what stands before that anybody may have written.
   */
  addressOf(request: IncomingMessage, peer: string | undefined): string {
    let address = plainAddress(peer);
    if (!this.trusts(address)) return address;
    const hops = this.speakProxyProtocol ? [] : this.#hops(request);
    while (this.trusts(address)) {
      const hop = addressIn(hops.pop());
      if (hop === undefined) break;
      address = hop;
    }
    return address;
  }

  /** In the order in which they stand there, the nearest last. */
  #hops({ headers }: IncomingMessage): string[] {
    const lines = [headers[this.#header] ?? []].flat().join(',');
    if (lines === '') return [];
    if (this.#header !== 'forwarded') return lines.split(',');
    return lines.split(',').map((hop) => /(?:^|;)\s*for=([^;]*)/i.exec(hop)?.[1] ?? '');
  }

  /** Whether the client came by TLS, to the gateway itself or to a trusted proxy; undefined where nobody says. */
  isSecure(request: IncomingMessage): boolean | undefined {
    if (request.socket instanceof TLSSocket) return true;
    const said = this.#said(request, 'proto');
    return said === undefined ? undefined : /^(https|wss)$/i.test(said);
  }

  /** The host that the client asked for, with its port where it has one. */
  hostOf(request: IncomingMessage): string | undefined {
    return this.#said(request, 'host') ?? request.headers.host;
  }

  /** True where the client came to that very host, with TLS where the address has it: nobody is sent where he is. */
  isAt(request: IncomingMessage, uri: string): boolean {
    const { protocol, host } = new URL(uri);
    const asked = URL.parse(`${protocol}//${this.hostOf(request) ?? ''}`)?.host;
    return asked === host && (this.isSecure(request) ?? false) === /^(https|wss):$/.test(protocol);
  }

  /**
   * What the nearest proxy says, which is the last in each list: in the kind of field that it sets, since it may pass on the other
   * kind as a client has written it.
   */
  #said({ socket, headers }: IncomingMessage, what: 'proto' | 'host'): string | undefined {
    if (this.speakProxyProtocol || !this.trusts(socket.remoteAddress)) return undefined;
    const name = this.#header === 'forwarded' ? 'forwarded' : `x-forwarded-${what}`;
    const last = [headers[name] ?? []].flat().join(',').split(',').at(-1)?.trim();
    const said = name === 'forwarded' ? PARAMETERS[what].exec(last ?? '')?.[1] : last;
    return said === '' ? undefined : said;
  }
}
