import { parseSettings } from '../config/schema.ts';
import { translateLegacy } from '../config/legacy.ts';
import { systemClock } from '../core/clock.ts';
import { silentLogger, type Connector as Port, type Logger, type Lookup } from '../core/ports.ts';
import { connectorSettings } from '../gateway.ts';
import { XmppConnector } from '../upstream/connector.ts';
import type { Element } from './element.ts';
import { isLookupService, lookupOf } from './lookup.ts';
import type { CompatStream } from './objects.ts';
import type { StreamPipe } from './stream-pipe.ts';

/** Options of node-xmpp-bosh, of Sluice, or both; see docs/migrating.md. */
export type CompatOptions = Readonly<Record<string, unknown>>;

/** XMPP over TCP, as such options want it. Throws `ConfigError`. */
export function xmppConnector(options: CompatOptions, log: Logger = silentLogger, lookup?: Lookup): Port {
  const { settings, lookupService } = translateLegacy(withoutPlugs(options));
  const checked = parseSettings(settings);
  const named = isLookupService(lookupService) ? lookupOf(lookupService, checked) : undefined;
  return new XmppConnector(connectorSettings(checked), systemClock, log, lookup ?? named);
}

/** Options that are no settings. */
export function withoutPlugs(options: CompatOptions): CompatOptions {
  const { logger: _, ...settings } = options;
  return settings;
}

/** Connects the streams of a pipe to XMPP servers. It stands at the usual priority: listeners below it come before. */
export class Connector {
  readonly #xmpp: Port;

  constructor(pipe: StreamPipe, options: CompatOptions = {}, log?: Logger) {
    const xmpp = xmppConnector(options, log);
    this.#xmpp = xmpp;
    const handle = (event: string, listener: (...values: never[]) => void): void => {
      pipe.ours(event);
      pipe.on(event, listener as (...values: unknown[]) => void);
    };
    handle('stream-add', (stream: CompatStream) => {
      const request = pipe.requestOf(stream);
      if (request === undefined) return;
      const headerAttributes = Object.keys(stream.attrs).length > 0 ? stream.attrs : undefined;
      // A listener before may have sent it elsewhere.
      const asked = { ...request, to: stream.to, headerAttributes };
      pipe.linkOf(stream)?.attach((client) => xmpp.connect(asked, client));
    });
    handle('nodes', (nodes: readonly (Element | string)[], stream: CompatStream) => {
      for (const node of nodes) pipe.linkOf(stream)?.sendInner(node);
    });
    handle('stream-restart', (stream: CompatStream) => pipe.linkOf(stream)?.restartInner());
    handle('stream-terminate', (stream: CompatStream) => pipe.linkOf(stream)?.closeInner());
  }

  async stop(): Promise<void> {
    await this.#xmpp.stop?.();
  }
}
