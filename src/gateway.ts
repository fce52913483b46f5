import { EventEmitter } from 'node:events';
import { BoshEndpoint } from './bosh/endpoint.ts';
import { parseSettings, type Settings, type SettingsInput } from './config/schema.ts';
import { systemClock, type Clock } from './core/clock.ts';
import type { GatewayEvents } from './core/events.ts';
import { silentLogger, type Connector, type Logger } from './core/ports.ts';
import { Listener, type UpgradeHandler } from './http/listener.ts';
import { Origins } from './http/origins.ts';
import { respondText } from './http/respond.ts';
import { bothForms, type Page } from './http/router.ts';
import { Throttle } from './http/throttle.ts';
import type { GatewayContext } from './session/context.ts';
import { Registry } from './session/registry.ts';
import { XmppConnector } from './upstream/connector.ts';
import { WebSocketEndpoint } from './websocket/endpoint.ts';
import type { XmlLimits } from './xml/reader.ts';

/** The settings of docs/configuration.md, and what only a program can give. */
export interface GatewayOptions extends SettingsInput {
  readonly logger?: Logger;
  /** What streams are opened with; XMPP over TCP by default. */
  readonly connector?: Connector;
  readonly clock?: Clock;
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
  /** Ends all sessions with `system-shutdown`, then closes; done after `drainSeconds` at the latest. Idempotent. */
  stop(): Promise<void>;
  stats(): GatewayStats;
}

/** Throws `ConfigError` where a setting is wrong. */
export function createGateway(options: GatewayOptions = {}): Gateway {
  const { logger: log = silentLogger, clock = systemClock, connector, pages = [], ...input } = options;
  return new ComposedGateway(parseSettings(input), log, clock, connector, pages);
}

/** Time for answers that are written to leave, when all sessions are over. */
const LAST_ANSWERS_MS = 250;

function xmlLimits(settings: Settings, maxBytes: number): XmlLimits {
  const { maxDepth, maxAttributes, maxNameLength, maxDeclarations, maxPayloads: maxChildren } = settings;
  return { maxBytes, maxDepth, maxAttributes, maxNameLength, maxDeclarations, maxChildren };
}

class ComposedGateway implements Gateway {
  readonly events = new EventEmitter<GatewayEvents>();
  readonly settings: Settings;
  readonly #registry = new Registry();
  readonly #clock: Clock;
  readonly #listener: Listener;
  readonly #tlsListener: Listener | undefined;
  readonly #webSocket: WebSocketEndpoint;
  readonly #connector: Connector;
  #isDraining = false;
  #stopping: Promise<void> | undefined;

  constructor(settings: Settings, log: Logger, clock: Clock, connector: Connector | undefined, pages: readonly Page[]) {
    this.settings = settings;
    this.#clock = clock;
    const xml = xmlLimits(settings, settings.maxStanzaBytes);
    const bodyXml = xmlLimits(settings, settings.maxBodyBytes);
    this.#connector = connector ?? new XmppConnector({ ...settings, xml }, clock, log);
    const context: GatewayContext = {
      connector: this.#connector,
      clock,
      log,
      events: this.events,
      registry: this.#registry,
      isDraining: () => this.#isDraining,
    };
    const origins = new Origins(settings);
    const throttle = new Throttle(settings, clock, log);
    const bosh = new BoshEndpoint(context, { ...settings, bodyXml }, origins, throttle);
    this.#webSocket = new WebSocketEndpoint(context, { ...settings, bodyXml }, origins, throttle);

    const boshPaths = bothForms(settings.path);
    const webSocketPaths = bothForms(settings.websocketPath);
    const longGet = settings.getRequests ? { maxGetBytes: settings.maxGetBytes } : {};
    const handle: Page['handle'] = (request, response) => bosh.handle(request, response);
    const ownPages: Page[] = [
      ...boshPaths.map((path): Page => ({ path, handle, ...longGet })),
      ...webSocketPaths.map((path): Page => ({ path, handle: invite })),
    ];
    const upgradable = new Set([...boshPaths, ...webSocketPaths]);
    const upgrade: UpgradeHandler = (request, socket, head, pathname) => {
      if (!upgradable.has(pathname)) return false;
      this.#webSocket.upgrade(request, socket, head);
      return true;
    };
    const allPages = [...ownPages, ...pages];
    this.#listener = new Listener(settings, origins, throttle, clock, allPages, upgrade);
    const { tlsPort, tlsCert: cert, tlsKey: key, tlsClientCa: clientCa } = settings;
    if (tlsPort !== undefined && cert !== undefined && key !== undefined) {
      const own = { ...settings, port: tlsPort };
      this.#tlsListener = new Listener(own, origins, throttle, clock, allPages, upgrade, { cert, key, clientCa });
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

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** BOSH clients between two requests learn of the end with their next one: so requests are still taken while sessions end. */
  async #stop(): Promise<void> {
    this.#isDraining = true;
    this.#listener.drain();
    this.#tlsListener?.drain();
    for (const session of this.#registry.all()) session.shutDown();
    this.#webSocket.shutDown();
    await new Promise<void>((resolve) => {
      const deadline = this.#clock.after(this.settings.drainSeconds * 1000, resolve);
      void Promise.all([this.#registry.whenSettled(), this.#webSocket.whenEmpty()]).then(() => {
        deadline.cancel();
        resolve();
      });
    });
    for (const session of this.#registry.all()) session.destroy();
    this.#webSocket.stop();
    await Promise.all([this.#listener.stop(LAST_ANSWERS_MS), this.#tlsListener?.stop(LAST_ANSWERS_MS)]);
    await this.#connector.stop?.();
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
