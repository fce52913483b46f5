/** How a session of the load speaks to what is measured. */
export interface Route {
  readonly transport: 'bosh' | 'websocket' | 'tcp';
  /** `blind`: a relay, which gets the stanzas as they are. */
  readonly dialect: 'xmpp' | 'blind';
  readonly url: string;
  readonly domain: string;
  /** A server that does not keep two requests of a client in order gets them so many milliseconds apart. */
  readonly apartMs?: number;
}

/** One client's connection. Everything that comes is told to `read`, in any pieces. */
export interface Link {
  /** Connects, and opens the stream where there is one. */
  open(): void;
  /** Opens the stream anew, after the login. */
  restart(): void;
  /** A part of the login: nothing else is under way. */
  say(xml: string): void;
  /** From now on there is always something that the server can answer. */
  settle(): void;
  /** These leave together where the transport can do that. */
  send(stanzas: readonly string[]): void;
  /** Ends the session, orderly. */
  close(): void;
  /** Cuts what is open. */
  destroy(): void;
}

export interface LinkEvents {
  read(text: string): void;
  /** The link is of no use any more. */
  failed(why: string): void;
  /** The server said that the client is to come again in so many seconds. */
  later(seconds: number): void;
}

/** Counted over all links of a process. */
export const traffic = { requests: 0 };
