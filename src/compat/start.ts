import { createServer, type Server } from 'node:http';
import { translateLegacy } from '../config/legacy.ts';
import { parseSettings, type Settings } from '../config/schema.ts';
import type { Logger } from '../core/ports.ts';
import { createGateway, type Gateway } from '../gateway.ts';
import { respondText } from '../http/respond.ts';
import { Connector, withoutPlugs, type CompatOptions } from './connector.ts';
import { EventConnector } from './event-connector.ts';
import { createLogger } from './logger.ts';
import { StreamPipe } from './stream-pipe.ts';

/** Above the longest GET that BOSH may have: what else is in a header. */
const MAX_HEADER_BYTES = 16_384;

/** What is stopped together: the gateway of a pipe, and the connector behind it. */
abstract class ServerPipe extends StreamPipe {
  protected readonly gateway: Gateway;
  readonly settings: Settings;
  readonly #connectors: Connector[] = [];

  constructor(transport: 'bosh' | 'websocket', options: CompatOptions, own: Readonly<Record<string, unknown>>) {
    super();
    const { settings, warnings } = translateLegacy(withoutPlugs(options));
    const logger = createLogger(options);
    this.settings = parseSettings({ ...settings, ...own });
    const connector = new EventConnector();
    connector.use(transport, this);
    this.gateway = createGateway({ ...this.settings, transports: [transport], connector, logger });
    connector.listen(this.gateway.events);
    for (const warning of warnings) process.emitWarning(warning, 'SluiceCompatWarning');
  }

  /** Puts XMPP servers behind the pipe. */
  connect(options: CompatOptions, logger?: Logger): void {
    this.#connectors.push(new Connector(this, options, logger));
  }

  protected async end(): Promise<void> {
    await this.gateway.stop();
    await Promise.all(this.#connectors.map((connector) => connector.stop()));
  }
}

/** What `start_bosh` returns: the events of BOSH, and the HTTP server. */
export class BoshEventPipe extends ServerPipe {
  readonly server: Server;
  /** Takes WebSockets for the pipes of `start_websocket`. */
  readonly #others = new Set<WebSocketEventPipe>();
  #stopping: Promise<void> | undefined;

  constructor(options: CompatOptions) {
    super('bosh', options, {});
    const { host, port, requestSeconds, keepAliveSeconds, maxGetBytes } = this.settings;
    const limits = {
      requestTimeout: requestSeconds * 1000,
      headersTimeout: requestSeconds * 1000,
      keepAliveTimeout: keepAliveSeconds * 1000,
      maxHeaderSize: MAX_HEADER_BYTES + maxGetBytes,
      noDelay: true,
    };
    this.server = createServer(limits, (request, response) => {
      // The program may have listeners of its own for what is not the gateway's.
      if (this.server.listenerCount('request') > 1) return;
      request.resume();
      respondText(response, 404, 'There is nothing here.');
    });
    this.server.on('error', (error) => this.emit('error', error));
    this.gateway.attach(this.server);
    this.server.listen({ host, port });
  }

  /** Stops with this one. */
  join(other: WebSocketEventPipe): void {
    this.#others.add(other);
  }

  /** Ends all sessions, WebSockets too, tells their clients, and closes the server. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    await Promise.all([this.end(), ...[...this.#others].map((other) => other.stop())]);
    this.server.closeAllConnections();
    await closed;
  }
}

/** What `start_websocket` returns. */
export class WebSocketEventPipe extends ServerPipe {
  readonly bosh_server: BoshEventPipe;
  readonly server: Server;
  /** Stands for the HTTP server where only WebSockets are meant: they may come at any path. */
  readonly #door = createServer();

  constructor(bosh: BoshEventPipe, options: CompatOptions) {
    super('websocket', options, { websocketPath: '^/' });
    this.bosh_server = bosh;
    this.server = bosh.server;
    this.gateway.attach(this.#door);
    bosh.join(this);
    bosh.server.on('upgrade', this.#upgrade);
  }

  readonly #upgrade = (...values: unknown[]): void => {
    this.#door.emit('upgrade', ...values);
  };

  /** Ends all WebSockets; BOSH goes on. */
  async stop(): Promise<void> {
    await this.end();
    this.server.off('upgrade', this.#upgrade);
  }
}

/** BOSH without anything behind it: whoever listens to the events is the server. Listens at once. Throws `ConfigError`. */
export function createBoshServer(options: CompatOptions = {}): BoshEventPipe {
  return new BoshEventPipe(options);
}

/** BOSH with XMPP servers behind it. Listens at once. Throws `ConfigError` for options that are wrong. */
export function start_bosh(options: CompatOptions = {}): BoshEventPipe {
  const pipe = new BoshEventPipe(options);
  pipe.connect(options, createLogger(options));
  return pipe;
}

/** XMPP over WebSocket on the same HTTP server, at any path, with XMPP servers behind it. */
export function start_websocket(bosh: BoshEventPipe, options: CompatOptions = {}): WebSocketEventPipe {
  const pipe = new WebSocketEventPipe(bosh, options);
  pipe.connect(options, createLogger(options));
  return pipe;
}
