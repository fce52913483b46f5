import type { Stanza, StreamEnd, StreamRequest } from './ports.ts';

/** A session as a listener sees it. */
export interface SessionView {
  readonly id: string;
  readonly transport: 'bosh' | 'websocket';
  readonly clientAddress: string;
}

/** A stream as a listener sees it. */
export interface StreamView {
  readonly name: string;
  readonly session: SessionView;
  readonly request: StreamRequest;
}

/** Events tell; they decide nothing. The names are node-xmpp-bosh's. */
export interface GatewayEvents {
  'stream-add': [stream: StreamView];
  'stream-restart': [stream: StreamView];
  'stream-terminate': [stream: StreamView, end: StreamEnd | undefined];
  /** Elements from the client, in order. */
  nodes: [stanzas: readonly Stanza[], stream: StreamView];
  /** Elements from the server that never reached the client. */
  'no-client': [stanzas: readonly Stanza[], stream: StreamView];
}
