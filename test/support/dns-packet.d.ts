/** What the tests use of dns-packet, which has no types of its own. */
declare module 'dns-packet' {
  export interface Question {
    readonly type: string;
    readonly name: string;
  }

  export interface Packet {
    readonly id?: number;
    readonly type?: 'query' | 'response';
    readonly flags?: number;
    readonly questions?: readonly Question[];
    readonly answers?: readonly { name: string; type: string; ttl: number; data: unknown }[];
  }

  const dnsPacket: {
    encode(packet: Packet): Buffer;
    decode(bytes: Uint8Array): Packet;
    readonly RECURSION_AVAILABLE: number;
    readonly AUTHORITATIVE_ANSWER: number;
  };
  export default dnsPacket;
}
