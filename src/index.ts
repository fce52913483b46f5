/** The public API: nothing else is. */
export { createGateway, createXmppConnector } from './gateway.ts';
export type { ConnectorOptions, Gateway, GatewayOptions, GatewayStats } from './gateway.ts';
export type { Page } from './http/router.ts';

export { ConfigError } from './config/config-error.ts';
export type { Settings, SettingsInput } from './config/schema.ts';

export { PREBIND_ERRORS, PrebindError } from './prebind/errors.ts';
export type { PrebindErrorCode } from './prebind/errors.ts';
export type { Prebound } from './prebind/index.ts';
export type { AccountInput } from './prebind/request.ts';

export { codeOf, ERRORS, GatewayError } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';
export type { Clock, Timer } from './core/clock.ts';
export type { AcknowledgedResponse, GatewayEvents, SessionView, StreamView, Undelivered } from './core/events.ts';
export type { Hooks, Verdict } from './core/hooks.ts';
export type {
  ClientCertificate,
  Connector,
  Downstream,
  Logger,
  Lookup,
  RestartAttributes,
  Route,
  Stanza,
  StreamEnd,
  StreamHeader,
  StreamRequest,
  Target,
  Upstream,
  UpstreamSecurity,
} from './core/ports.ts';

export { XmlError } from './xml/limits.ts';
export type { XmlErrorCode, XmlLimits } from './xml/limits.ts';
export { readStanza } from './xml/read-stanza.ts';
export { childOf, parseTree, textOf } from './xml/tree.ts';
export type { XmlElement } from './xml/tree.ts';
export { escapeAttribute, escapeText } from './xml/write.ts';
