/** The public API: nothing else is. */
export { createGateway } from './gateway.ts';
export type { Gateway, GatewayOptions, GatewayStats } from './gateway.ts';
export type { Page } from './http/router.ts';

export { ConfigError } from './config/config-error.ts';
export type { Settings, SettingsInput } from './config/schema.ts';

export { codeOf, ERRORS, GatewayError } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';
export type { GatewayEvents, SessionView, StreamView } from './core/events.ts';
export type {
  Connector,
  Downstream,
  Logger,
  RestartAttributes,
  Stanza,
  StreamEnd,
  StreamHeader,
  StreamRequest,
  Upstream,
} from './core/ports.ts';
