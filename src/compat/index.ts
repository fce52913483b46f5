/**
 * `sluice/compat`: the API of node-xmpp-bosh 0.7, for programs that were written for it. `require('sluice/compat')` works too. What
 * is new, and what has no counterpart, is in docs/migrating.md.
 */
import { Connector } from './connector.ts';
import { LookupService } from './lookup.ts';
import { Proxy } from './proxy.ts';
import { createBoshServer } from './start.ts';

export { start_bosh, start_websocket, type BoshEventPipe, type WebSocketEventPipe } from './start.ts';
export { EventPipe, type PipeListener } from './event-pipe.ts';
export { Element } from './element.ts';
export type { CompatOptions } from './connector.ts';
export type { LookupServiceConstructor, LookupServiceLike } from './lookup.ts';
export type { CompatSession, CompatStream } from './objects.ts';

export const bosh = { createServer: createBoshServer } as const;
export const connector = { Connector } as const;
export const proxy = { Proxy } as const;
export const lookup = { LookupService } as const;
