import type { LookupServiceConstructor } from '../compat/lookup.ts';
import { ConfigError } from '../config/config-error.ts';
import { levelOf, withSlash } from '../config/legacy-keys.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { reasonOf } from '../core/errors.ts';
import type { Lookup } from '../core/ports.ts';
import { createGateway } from '../gateway.ts';
import { plainPath } from '../http/router.ts';
import type { Arguments } from './arguments.ts';
import { explainListenError } from './listen-error.ts';
import { createLog } from './log.ts';
import { stopOnSignal } from './signals.ts';
import { version } from '../core/version.ts';

/** Grace on top of the gateway's own deadline, before the process goes whatever is left. */
const GRACE_SECONDS = 2;
/** Where bosh-server looks for its settings, where nobody says more. */
const OLD_FILE = '/etc/bosh.js.conf';

/** Where a person's client goes. */
export function addresses({ host, path, websocketPath }: Settings, port: number): { bosh: string; websocket: string } {
  const isAny = host === undefined || host === '0.0.0.0' || host === '::';
  const name = isAny ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const place = (one: string | RegExp): string => plainPath(one) ?? ` (${String(one)})`;
  return { bosh: `http://${name}:${port}${place(path)}`, websocket: `ws://${name}:${port}${place(websocketPath)}` };
}

/** The level that `--logging` of node-xmpp-bosh means. */
function levelFrom(logging: string | undefined): string | undefined {
  if (logging === undefined) return undefined;
  const level = levelOf(logging);
  if (level === undefined) throw new ConfigError('--logging', `must be a level such as INFO, not "${logging}"`);
  return level;
}

async function adapt(lookupService: unknown, settings: Settings): Promise<Lookup> {
  const { lookupOf } = await import('../compat/lookup.ts');
  return lookupOf(lookupService as LookupServiceConstructor, settings);
}

/** `sluice serve`: runs until a signal comes. */
export async function serve({ values, isBoshServer }: Arguments): Promise<void> {
  const { config: file, port, host, path } = values;
  const logLevel = values['log-level'] ?? levelFrom(values.logging);
  const flags = {
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
    ...(path !== undefined && { path: isBoshServer ? withSlash(path) : path }),
    ...(logLevel !== undefined && { logLevel }),
  };
  const fallback = isBoshServer ? OLD_FILE : undefined;
  const loaded = await loadSettings({ file, env: process.env, flags, fallback });
  const { settings, source } = loaded;
  const log = createLog(settings.logLevel);
  for (const warning of loaded.warnings) log.warn({ configuration: source }, warning);
  process.on('uncaughtException', (error) => {
    log.fatal({ error: reasonOf(error), stack: error.stack }, 'a fault that nobody foresaw: please report it');
    process.exit(1);
  });

  const lookup = loaded.lookupService === undefined ? undefined : await adapt(loaded.lookupService, settings);
  const gateway = createGateway({ ...settings, logger: log, ...(lookup && { lookup }) });
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
