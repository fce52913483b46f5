import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

/** Listens with the shortest queue, tells its port, and then does nothing at all any more. */
const PROGRAM = `
const { createServer } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const server = createServer().listen({ ...workerData, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;

/**
 * A loopback address where connections are neither accepted nor refused, as behind a firewall that drops them: its queue is
 * full, so that the system leaves each further SYN without an answer.
 */
export async function startBlackHole(t: TestContext, host: string, port = 0): Promise<number> {
  const worker = new Worker(PROGRAM, { eval: true, workerData: { host, port } });
  const fillers: Socket[] = [];
  t.after(async () => {
    for (const socket of fillers) socket.destroy();
    await worker.terminate();
  });
  const [taken] = (await once(worker, 'message')) as [number];
  for (;;) {
    const socket = connect({ host, port: taken });
    fillers.push(socket);
    socket.on('error', () => {});
    const isConnected = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 150)),
    ]);
    if (!isConnected) return taken;
  }
}
