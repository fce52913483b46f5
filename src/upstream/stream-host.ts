import type { StreamRequest } from '../core/ports.ts';
import type { Connection, Dialer } from './approach.ts';
import type { InletSettings } from './inlet.ts';
import type { KeepaliveSettings } from './keepalive.ts';
import type { WireSettings } from './wire.ts';
import type { XmppStream } from './xmpp-stream.ts';

export interface XmppStreamSettings extends WireSettings, KeepaliveSettings, InletSettings {
  readonly connectSeconds: number;
  readonly negotiateSeconds: number;
  /** The largest stanza that a client may send. */
  readonly maxBodyBytes: number;
}

/** What the connector does for its streams. */
export interface StreamHost extends Dialer {
  /** TLS on a connection that a stream in clear has opened. */
  secure(connection: Connection, request: StreamRequest): Promise<Connection>;
  /** True where a login by certificate would be one as the gateway itself, and not as the client. */
  isGatewaysName(request: StreamRequest): boolean;
  /** The stream has begun to look for a server, or has stopped. */
  changed(stream: XmppStream, isDialing: boolean): void;
  finished(stream: XmppStream): void;
}
