import type { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { adminPages } from './admin/pages.ts';
import { BoshEndpoint } from './bosh/endpoint.ts';
import { parseSettings, type Settings, type SettingsInput } from './config/schema.ts';
import { systemClock, type Clock } from './core/clock.ts';
import { Events, type GatewayEvents } from './core/events.ts';
import type { Hooks } from './core/hooks.ts';
import { silentLogger, type Connector, type Logger, type Lookup } from './core/ports.ts';
import { version } from './core/version.ts';
import { Attachment } from './http/attachment.ts';
import { Discovery } from './discovery/endpoint.ts';
import { Listener, type UpgradeHandler } from './http/listener.ts';
import { Origins } from './http/origins.ts';
import { respondText } from './http/respond.ts';
import { fits, pathForms, plainPath, type Page } from './http/router.ts';
import { Throttle } from './http/throttle.ts';
import { TrustedProxies } from './http/trusted-proxies.ts';
import { createPrebind, type Prebind } from './prebind/prebind.ts';
import type { Prebound } from './prebind/index.ts';
import type { AccountInput } from './prebind/request.ts';
import type { GatewayContext } from './session/context.ts';
import { Registry } from './session/registry.ts';
import { XmppConnector, type ConnectorSettings } from './upstream/connector.ts';
import { NamedLookup } from './upstream/named-lookup.ts';
import { WebSocketEndpoint } from './websocket/endpoint.ts';
import type { XmlLimits } from './xml/reader.ts';

/** The settings of docs/configuration.md, and what only a program can give to a connector. */
export interface ConnectorOptions extends SettingsInput {
  /** pino, or anything of its shape. Default: nothing is logged. */
  readonly logger?: Logger;
  /** Where the default connector looks for the servers of a domain; the settings and DNS by default. */
  readonly lookup?: Lookup;
  /** Tests bring one that they move by hand. */
  readonly clock?: Clock;
}

/** The settings of docs/configuration.md, and what only a program can give. */
export interface GatewayOptions extends ConnectorOptions {
  /** What streams are opened with. Default: `createXmppConnector` with these same options. */
  readonly connector?: Connector;
  /** What decides about streams and elements. Default: all pass. */
  readonly hooks?: Hooks;
  /** Further pages on the same port, asked after the gateway's own paths. */
  readonly pages?: readonly Page[];
}

/** How much is going on. */
export interface GatewayStats {
  readonly sessions: number;
  readonly streams: number;
  /** Since the start. */
  readonly sessionsInTotal: number;
}

/** Browsers in front, XMPP servers behind. */
export interface Gateway {
  readonly events: EventEmitter<GatewayEvents>;
  /** The port that is listened on. */
  readonly port: number;
  /** The port for TLS, where there is one. */
  readonly tlsPort: number | undefined;
  readonly settings: Settings;
  /** Rejects with Node's own error where the port cannot be had. */
  start(): Promise<void>;
  /**
   * Answers on a server of the program what is for the gateway's paths, WebSockets too, and leaves all else to the server's own
   * listeners. May be called before or after the server listens, for several servers, with or without `start`. `stop` gives the
   * server back as it was; it closes neither the server nor its connections.
   */
  attach(server: Server): void;
  /**
   * Takes no more sessions from now on; those that are there go on. Resolves when the last of them is over, which may be never:
   * `stop` ends what is left.
   */
  drain(): Promise<void>;
  /** Ends all sessions with `system-shutdown`, then closes; done after `drainSeconds` at the latest. Idempotent. */
  stop(): Promise<void>;
  stats(): GatewayStats;
  /**
   * A session that is logged in, for a page to attach to: what `POST /prebind` does, without HTTP. Throws `PrebindError`. The
   * caller has to know who asks.
   */
  prebind(account: AccountInput): Promise<Prebound>;
}

/** Throws `ConfigError` where a setting is wrong. */
export function createGateway(options: GatewayOptions = {}): Gateway {
  const { logger: log = silentLogger, clock = systemClock, connector, lookup, hooks, pages = [], ...input } = options;
  const settings = parseSettings(input);
  const connect = connector ?? xmppConnector(settings, clock, log, lookup);
  return new ComposedGateway(settings, log, clock, connect, pages, hooks);
}

/** The default connector, to be wrapped: XMPP over TCP and TLS. Throws `ConfigError` where a setting is wrong. */
export function createXmppConnector(options: ConnectorOptions = {}): Connector {
  const { logger = silentLogger, clock = systemClock, lookup, ...input } = options;
  return xmppConnector(parseSettings(input), clock, logger, lookup);
}

function xmppConnector(settings: Settings, clock: Clock, log: Logger, lookup?: Lookup): Connector {
  return new XmppConnector(connectorSettings(settings), clock, log, lookup && new NamedLookup(lookup));
}

/** Time for answers that are written to leave, when all sessions are over. */
const LAST_ANSWERS_MS = 250;

function xmlLimits(settings: Settings, maxBytes: number): XmlLimits {
  const { maxDepth, maxAttributes, maxNameLength, maxDeclarations, maxPayloads: maxChildren } = settings;
  return { maxBytes, maxDepth, maxAttributes, maxNameLength, maxDeclarations, maxChildren };
}

/** What the default connector is told of the settings. */
export function connectorSettings(settings: Settings): ConnectorSettings {
  return { ...settings, xml: xmlLimits(settings, settings.maxStanzaBytes) };
}

class ComposedGateway implements Gateway {
  readonly events: Events;
  readonly settings: Settings;
  readonly #registry = new Registry();
  readonly #clock: Clock;
  readonly #listener: Listener;
  readonly #tlsListener: Listener | undefined;
  /** What answers on servers of the program. */
  readonly #guest: Listener;
  readonly #upgrades: (pathname: string) => boolean;
  readonly #attachments: Attachment[] = [];
  readonly #webSocket: WebSocketEndpoint;
  readonly #connector: Connector;
  readonly #prebind: Prebind;
  #isDraining = false;
  #stopping: Promise<void> | undefined;

  constructor(
    settings: Settings,
    log: Logger,
    clock: Clock,
    connector: Connector,
    pages: readonly Page[],
    hooks: Hooks = {},
  ) {
    this.settings = settings;
    this.events = new Events(log);
    this.#clock = clock;
    const bodyXml = xmlLimits(settings, settings.maxBodyBytes);
    this.#connector = connector;
    const context: GatewayContext = {
      connector: this.#connector,
      clock,
      log,
      events: this.events,
      hooks,
      registry: this.#registry,
      isDraining: () => this.#isDraining,
    };
    const origins = new Origins(settings);
    const throttle = new Throttle(settings, clock, log);
    const proxies = new TrustedProxies(settings.trustedProxies, settings.proxyHeader);
    const bosh = new BoshEndpoint(context, { ...settings, bodyXml }, origins, throttle, proxies);
    // Pages are told one address: where `path` has none, it is `boshUrl` that has.
    const path = plainPath(settings.path) ?? '/';
    this.#prebind = createPrebind(bosh.context, { ...settings, path, bodyXml });
    this.#webSocket = new WebSocketEndpoint(context, { ...settings, bodyXml }, origins, throttle, proxies);

    const speaksBosh = settings.transports.includes('bosh');
    const speaksWebSocket = settings.transports.includes('websocket');
    const boshPaths = speaksBosh ? pathForms(settings.path) : [];
    const webSocketPaths = speaksWebSocket ? pathForms(settings.websocketPath) : [];
    const longGet = settings.getRequests ? { maxGetBytes: settings.maxGetBytes } : {};
    const handle: Page['handle'] = (request, response) => bosh.handle(request, response);
    const admin = adminPages(settings, this.events, clock, { version: version() });
    const ownPages: Page[] = [
      ...admin.below,
      ...boshPaths.map((path): Page => ({ path, handle, ...longGet })),
      // Who finds a path by itself is told what it is; a pattern may be for all there are.
      ...webSocketPaths.flatMap((path): Page[] => (typeof path === 'string' ? [{ path, handle: invite }] : [])),
      ...this.#prebind.pages,
      ...(settings.hostMeta ? new Discovery(settings, proxies, log).pages : []),
    ];
    const upgradable = speaksWebSocket ? [...boshPaths, ...webSocketPaths] : [];
    const upgrades = (pathname: string): boolean => upgradable.some((path) => fits(path, pathname));
    const upgrade: UpgradeHandler = (request, socket, head, pathname) => {
      if (!upgrades(pathname)) return false;
      this.#webSocket.upgrade(request, socket, head);
      return true;
    };
    // A server of the program keeps its root to itself.
    this.#guest = new Listener(settings, origins, throttle, proxies, clock, ownPages, upgrade);
    this.#upgrades = upgrades;
    const allPages = [...ownPages, ...pages, ...admin.top];
    this.#listener = new Listener(settings, origins, throttle, proxies, clock, allPages, upgrade);
    const { tlsPort, tlsCert: cert, tlsKey: key, tlsClientCa: clientCa } = settings;
    if (tlsPort !== undefined && cert !== undefined && key !== undefined) {
      const own = { ...settings, port: tlsPort };
      this.#tlsListener = new Listener(own, origins, throttle, proxies, clock, allPages, upgrade, {
        cert,
        key,
        clientCa,
      });
    }
  }

  get tlsPort(): number | undefined {
    return this.#tlsListener?.port;
  }

  get port(): number {
    return this.#listener.port;
  }

  async start(): Promise<void> {
    await this.#listener.start();
    await this.#tlsListener?.start();
  }

  attach(server: Server): void {
    if (this.#stopping !== undefined) throw new Error('the gateway has been stopped');
    this.#attachments.push(new Attachment(server, this.#guest, this.#upgrades));
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all([this.#registry.whenSettled(), this.#webSocket.whenEmpty()]);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** BOSH clients between two requests learn of the end with their next one: so requests are still taken while sessions end. */
  async #stop(): Promise<void> {
    const all = this.drain();
    this.#prebind.stop();
    for (const listener of [this.#guest, this.#listener, this.#tlsListener]) listener?.drain();
    for (const session of this.#registry.all()) session.shutDown();
    this.#webSocket.shutDown();
    await new Promise<void>((resolve) => {
      const deadline = this.#clock.after(this.settings.drainSeconds * 1000, resolve);
      void all.then(() => {
        deadline.cancel();
        resolve();
      });
    });
    for (const session of this.#registry.all()) session.destroy();
    this.#webSocket.stop();
    for (const attachment of this.#attachments) attachment.detach();
    await Promise.all([this.#listener.stop(LAST_ANSWERS_MS), this.#tlsListener?.stop(LAST_ANSWERS_MS)]);
    await this.#connector.stop?.();
  }

  prebind(account: AccountInput): Promise<Prebound> {
    return this.#prebind.make(account);
  }

  stats(): GatewayStats {
    const { size: sessions, streams, total: sessionsInTotal } = this.#registry;
    return { sessions, streams, sessionsInTotal };
  }
}

function invite(_request: unknown, response: Parameters<Page['handle']>[1]): void {
  response.setHeader('Upgrade', 'websocket');
  respondText(response, 426, 'This is an XMPP over WebSocket endpoint (RFC 7395): the websocket_url of Converse.js.');
}
