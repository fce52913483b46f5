import { createSocket, type RemoteInfo } from 'node:dgram';
import type { TestContext } from 'node:test';
import dnsPacket from 'dns-packet';

/** What one name has. */
export interface FakeRecords {
  /** Seconds; 0 unless given. */
  readonly ttl?: number;
  readonly CNAME?: readonly string[];
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly SRV?: readonly {
    readonly target: string;
    readonly port: number;
    readonly priority?: number;
    readonly weight?: number;
  }[];
}

type Said = FakeRecords | 'silent' | 'broken';

/**
 * By name in lower case; `silent` never answers, `broken` says SERVFAIL, and what is not named is NXDOMAIN. A function is asked
 * each time.
 */
export type FakeZone = Readonly<Record<string, Said | ((type: string) => Said)>>;

const SERVFAIL = 2;
const NXDOMAIN = 3;

/** A name server on a loopback port of its own, which knows nothing but its zone. */
export class FakeDns {
  /** What was asked, as `TYPE name`. */
  readonly questions: string[] = [];
  readonly #socket = createSocket('udp4');
  readonly #zone: FakeZone;

  private constructor(zone: FakeZone) {
    this.#zone = zone;
    this.#socket.on('message', (bytes, from) => this.#answer(bytes, from));
  }

  static async start(t: TestContext, zone: FakeZone): Promise<FakeDns> {
    const dns = new FakeDns(zone);
    await new Promise<void>((resolve) => dns.#socket.bind(0, '127.0.0.1', resolve));
    t.after(() => new Promise<void>((resolve) => dns.#socket.close(() => resolve())));
    return dns;
  }

  /** The value of the setting `dnsServers`. */
  get servers(): string[] {
    return [`127.0.0.1:${this.#socket.address().port}`];
  }

  #answer(bytes: Buffer, { port, address }: RemoteInfo): void {
    const { id = 0, questions = [] } = dnsPacket.decode(bytes);
    const [{ type, name } = { type: 'A', name: '' }] = questions;
    this.questions.push(`${type} ${name}`);
    const entry = this.#zone[name.toLowerCase()];
    const records = typeof entry === 'function' ? entry(type) : entry;
    if (records === 'silent') return;
    const code = records === 'broken' ? SERVFAIL : records === undefined ? NXDOMAIN : 0;
    const { ttl = 0, CNAME, ...lists } = typeof records === 'object' ? records : {};
    const kind = CNAME === undefined ? type : 'CNAME';
    const values = CNAME ?? lists[type as keyof typeof lists] ?? [];
    const answers = values.map((data) => ({ name, type: kind, ttl, data }));
    const flags = dnsPacket.RECURSION_AVAILABLE | dnsPacket.AUTHORITATIVE_ANSWER | code;
    this.#socket.send(dnsPacket.encode({ id, type: 'response', flags, questions, answers }), port, address);
  }
}
