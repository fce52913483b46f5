// A connector in ten lines: whoever connects hears himself. `node echo.ts`
import { createGateway, type Connector } from 'sluice';

export const echo: Connector = {
  name: 'echo',
  connect({ to }, client) {
    queueMicrotask(() => client.opened({ from: to, version: '1.0' }));
    const send = client.deliver.bind(client);
    return { send, restart() {}, close: () => client.closed(), pause() {}, resume() {} };
  },
};

if (process.argv[1] === import.meta.filename) await createGateway({ connector: echo }).start();
