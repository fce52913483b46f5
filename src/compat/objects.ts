import type { StreamRequest } from '../core/ports.ts';

/** A session as the old API shows it. WebSocket has one for all, as it had. */
export interface CompatSession {
  readonly sid: string;
  /** What the client's page said of itself when it created the session. */
  readonly ua?: string | undefined;
  /** Other attributes of the creation request that BOSH does not define. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly streams: CompatStream[];
}

/** A stream as the old API shows it; for WebSocket it is what was called `sstate`. */
export interface CompatStream {
  /** Unguessable. */
  name: string;
  readonly to: string;
  readonly from: string | undefined;
  readonly route: { readonly protocol: string; readonly host: string; readonly port: number } | undefined;
  /** Attributes for the stream header: what the client gave as `stream_attrs`, at first and at each restart. */
  attrs: Record<string, string>;
  terminated: boolean;
  session: CompatSession;
  /** The same as `session`. */
  readonly state: CompatSession;
}

export function compatSession(sid: string, custom?: ReadonlyMap<string, string>): CompatSession {
  return { sid, ua: custom?.get('ua'), attributes: Object.fromEntries(custom ?? []), streams: [] };
}

export function compatStream(name: string, request: StreamRequest, session: CompatSession): CompatStream {
  const { to, from, route, headerAttributes } = request;
  return {
    name,
    to,
    from,
    route: route && { protocol: 'xmpp', ...route },
    attrs: { ...headerAttributes },
    terminated: false,
    session,
    get state() {
      return this.session;
    },
  };
}
