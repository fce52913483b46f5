import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Signal, within } from './waiting.ts';

/** What a TLS client says first, as far as the tests ask for it. */
export interface ClientHello {
  readonly serverName: string | undefined;
  readonly protocols: readonly string[];
  readonly suites: readonly number[];
  readonly extensions: readonly number[];
  readonly versions: readonly number[];
}

const EXTENSION = { serverName: 0, alpn: 16, supportedVersions: 43 };

/** Reads a ClientHello (RFC 8446 §4.1.2) from the first TLS record. Throws where there is none. */
export function readClientHello(bytes: Buffer): ClientHello {
  assert.deepEqual([bytes[0], bytes[5]], [22, 1], `no ClientHello: ${bytes.subarray(0, 40).toString('latin1')}`);
  let at = 5 + 4 + 2 + 32;
  const u8 = (): number => bytes.readUInt8(at++);
  const u16 = (): number => bytes.readUInt16BE((at += 2) - 2);
  const idLength = u8();
  at += idLength;
  const suites = Array.from({ length: u16() / 2 }, u16);
  const methods = u8();
  at += methods;
  const end = u16() + at;
  const bodies = new Map<number, Buffer>();
  while (at < end) {
    const type = u16();
    const length = u16();
    bodies.set(type, bytes.subarray(at, at + length));
    at += length;
  }
  const names = bodies.get(EXTENSION.alpn)?.subarray(2) ?? Buffer.alloc(0);
  const protocols: string[] = [];
  for (let i = 0; i < names.length; i += 1 + (names[i] ?? 0))
    protocols.push(names.toString('latin1', i + 1, i + 1 + (names[i] ?? 0)));
  const versions = bodies.get(EXTENSION.supportedVersions)?.subarray(1) ?? Buffer.alloc(0);
  return {
    serverName: bodies.get(EXTENSION.serverName)?.subarray(5).toString('latin1'),
    protocols,
    suites,
    extensions: [...bodies.keys()],
    versions: Array.from({ length: versions.length / 2 }, (_, i) => versions.readUInt16BE(2 * i)),
  };
}

/** A TCP server that says nothing, and one connection to it. */
export async function startListener(t: TestContext): Promise<{ port: number; first: () => Promise<Buffer> }> {
  const came = new Signal<Buffer>();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', came.resolve);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, first: () => within(came.promise, 'the first bytes') };
}
