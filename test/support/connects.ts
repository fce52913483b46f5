import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Counts TCP sockets of this process that began to connect anywhere, while `action` runs: those of a test's clients as well. */
export async function connectsDuring(action: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const onSocket = (): void => void count++;
  subscribe('net.client.socket', onSocket);
  try {
    await action();
  } finally {
    unsubscribe('net.client.socket', onSocket);
  }
  return count;
}
