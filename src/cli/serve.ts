import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { reasonOf } from '../core/errors.ts';
import { createGateway } from '../gateway.ts';
import { plainPath } from '../http/router.ts';
import type { Arguments } from './arguments.ts';
import { explainListenError } from './listen-error.ts';
import { createLog } from './log.ts';
import { stopOnSignal } from './signals.ts';
import { version } from './version.ts';

/** Grace on top of the gateway's own deadline, before the process goes whatever is left. */
const GRACE_SECONDS = 2;

/** Where a person's client goes. */
export function addresses({ host, path, websocketPath }: Settings, port: number): { bosh: string; websocket: string } {
  const isAny = host === undefined || host === '0.0.0.0' || host === '::';
  const name = isAny ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const place = (one: string | RegExp): string => plainPath(one) ?? ` (${String(one)})`;
  return { bosh: `http://${name}:${port}${place(path)}`, websocket: `ws://${name}:${port}${place(websocketPath)}` };
}

/** `sluice serve`: runs until a signal comes. */
export async function serve({ values }: Arguments): Promise<void> {
  const { config: file, port, host, path, 'log-level': logLevel } = values;
  const flags = {
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
    ...(path !== undefined && { path }),
  };
  const { settings, source } = await loadSettings({
    file,
    env: process.env,
    flags: logLevel === undefined ? flags : { ...flags, logLevel },
  });
  const log = createLog(settings.logLevel);
  process.on('uncaughtException', (error) => {
    log.fatal({ error: reasonOf(error), stack: error.stack }, 'a fault that nobody foresaw: please report it');
    process.exit(1);
  });

  const gateway = createGateway({ ...settings, logger: log });
  try {
    await gateway.start();
  } catch (error) {
    throw explainListenError(error, settings.port, settings.host);
  }
  stopOnSignal(settings.drainSeconds + GRACE_SECONDS, async (signal) => {
    log.info({ signal }, 'stopping');
    await gateway.stop();
    log.info({}, 'stopped');
  });

  const { bosh, websocket } = addresses(settings, gateway.port);
  const line = `Sluice ${version()} is up: BOSH at ${bosh}, WebSocket at ${websocket}`;
  const configuration = source ?? 'none: defaults';
  if (process.stderr.isTTY) process.stderr.write(`${line} (settings: ${configuration})\n`);
  if (!process.stdout.isTTY) log.info({ bosh, websocket, configuration, pid: process.pid }, line);
}
