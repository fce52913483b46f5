import type { Clock } from '../core/clock.ts';
import type { Events } from '../core/events.ts';
import type { Hooks } from '../core/hooks.ts';
import type { Connector, Logger } from '../core/ports.ts';
import type { StreamSettings } from '../stream/stream.ts';
import type { Registry } from './registry.ts';

export interface SessionSettings extends StreamSettings {
  readonly maxSessions: number;
  readonly authenticationSeconds: number;
}

/** What all sessions of one gateway share. */
export interface GatewayContext {
  readonly connector: Connector;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events;
  readonly hooks?: Hooks;
  readonly registry: Registry;
  /** True from the moment that the gateway stops: no new sessions. */
  readonly isDraining: () => boolean;
}
