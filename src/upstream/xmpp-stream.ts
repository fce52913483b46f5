import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import { ERRORS, GatewayError, codeOf, reasonOf } from '../core/errors.ts';
import type {
  Downstream,
  Logger,
  RestartAttributes,
  Stanza,
  StreamEnd,
  StreamHeader,
  StreamRequest,
  Target,
  Upstream,
} from '../core/ports.ts';
import { streamError } from '../stream/stream-error.ts';
import { NS } from '../xml/ns.ts';
import { StreamReader, XmlError, type RootTag, type Slice, type XmlLimits } from '../xml/reader.ts';
import { stanzaOf } from '../xml/stanza.ts';
import { clientFeatures, offersStarttls } from './features.ts';
import { readHeader, renderHeader } from './header.ts';

export interface XmppStreamSettings {
  readonly xml: XmlLimits;
  readonly connectSeconds: number;
  readonly negotiateSeconds: number;
  readonly closeSeconds: number;
  readonly maxUpstreamBytes: number;
  readonly maxUpstreamBacklogBytes: number;
}

/** What the connector does for its streams. */
export interface Dialer {
  targets(request: StreamRequest, signal: AbortSignal): AsyncIterable<Target>;
  dial(target: Target, signal: AbortSignal): Promise<Socket>;
  secure(socket: Socket, target: Target, domain: string): Promise<Socket>;
  finished(stream: XmppStream): void;
}

/**
 * `dialing`: no server yet, or TLS under way. `plain`: a stream in clear, up to STARTTLS. `proceed`: `<proceed/>` is awaited.
 * `ready`: what the server says is for the client. `closing`: our end tag is out. `closed`: over.
 */
type State = 'dialing' | 'plain' | 'proceed' | 'ready' | 'closing' | 'closed';

/** One client's XMPP stream to its server, over TCP and TLS (RFC 6120). */
export class XmppStream implements Upstream {
  readonly #request: StreamRequest;
  readonly #client: Downstream;
  readonly #dialer: Dialer;
  readonly #settings: XmppStreamSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #state: State = 'dialing';
  #socket: Socket | undefined;
  #reader: StreamReader | undefined;
  #target: Target | undefined;
  /** The header of the stream in clear, kept until it is known whether TLS follows. */
  #plainHeader: StreamHeader | undefined;
  #secured = false;
  #attributes: RestartAttributes;
  #deadline: Timer;
  #corked = false;
  /** The server takes no more: the client was told. */
  #clientPaused = false;
  #readingPaused = false;

  constructor(
    request: StreamRequest,
    client: Downstream,
    dialer: Dialer,
    settings: XmppStreamSettings,
    clock: Clock,
    log: Logger,
  ) {
    this.#request = request;
    this.#client = client;
    this.#dialer = dialer;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#attributes = request;
    // Whatever a name server or a host is still being waited for (UP-DNS-08).
    this.#deadline = clock.after(settings.connectSeconds * 1000, () =>
      this.#fail('upstream-timeout', 'no connection to the server in time'),
    );
  }

  /** Tries the targets in their order until a stream is ready. Never rejects. */
  async connect(): Promise<void> {
    let failure: unknown = new GatewayError('upstream-unreachable', `${this.#request.to} has no address`);
    try {
      for await (const target of this.#dialer.targets(this.#request, this.#abort.signal)) {
        try {
          const socket = await this.#dialer.dial(target, this.#abort.signal);
          await this.#use(socket, target);
          return;
        } catch (error) {
          failure = error;
          this.#log.debug({ domain: this.#request.to, host: target.host, reason: reasonOf(error) }, 'target failed');
          if (this.#abort.signal.aborted) break;
        }
      }
    } catch (error) {
      failure = error;
    }
    this.#finish({ code: codeOf(failure), detail: reasonOf(failure) });
  }

  async #use(tcp: Socket, target: Target): Promise<void> {
    if (this.#isOver()) {
      tcp.destroy();
      return;
    }
    this.#target = target;
    let socket = tcp;
    this.#socket = tcp;
    if (target.tls === 'direct') {
      socket = await this.#dialer.secure(tcp, target, this.#request.to);
      this.#secured = true;
    }
    this.#deadline.cancel();
    this.#deadline = this.#clock.after(this.#settings.negotiateSeconds * 1000, () => this.#negotiationTimeout());
    this.#adopt(socket, this.#secured || target.tls === 'none' ? 'ready' : 'plain');
  }

  /** Speaks XMPP on a socket from its first byte. */
  #adopt(socket: Socket, state: 'plain' | 'ready'): void {
    if (this.#isOver()) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    this.#state = state;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#lost(reasonOf(error)));
    socket.on('end', () => this.#lost('the server closed the connection'));
    socket.on('close', () => this.#lost('the connection was closed'));
    socket.on('drain', () => this.#drained());
    this.#openStream();
  }

  #openStream(): void {
    this.#reader?.stop();
    this.#reader = new StreamReader(
      { header: (root) => this.#header(root), element: (slice) => this.#element(slice), end: () => this.#serverEnd() },
      this.#settings.xml,
    );
    const { from, lang, headerAttributes } = this.#attributes;
    // The client's JID is nobody's business while the stream is in clear (RFC 6120 §4.7.1), and so is what else it says.
    const { to } = this.#request;
    this.#write(
      this.#state === 'plain'
        ? renderHeader({ to, lang })
        : renderHeader({ to, from: this.#secured ? from : undefined, lang }, headerAttributes),
    );
  }

  #read(bytes: Buffer): void {
    if (this.#state === 'closed') return;
    try {
      this.#reader?.write(bytes);
    } catch (error) {
      if (error instanceof XmlError) this.#refuse(error.code, error.message);
      else if (error instanceof GatewayError) this.#refuse(ERRORS[error.code].stream, reasonOf(error));
      else this.#refuse('internal-server-error', reasonOf(error), 'internal-error');
    }
  }

  #header(root: RootTag): void {
    const header = readHeader(root);
    if (this.#state === 'ready') this.#client.opened(header);
    else this.#plainHeader = header;
  }

  #element(slice: Slice): void {
    const stanza = stanzaOf(slice);
    switch (this.#state) {
      case 'plain':
        this.#plainElement(stanza);
        break;
      case 'proceed':
        this.#proceed(stanza);
        break;
      case 'ready':
      case 'closing':
        this.#deliver(stanza);
        break;
      default:
    }
  }

  #plainElement(stanza: Stanza): void {
    if (stanza.ns === NS.streams && stanza.name === 'error') {
      this.#finish({ code: 'stream-error', error: stanza });
    } else if (stanza.ns !== NS.streams || stanza.name !== 'features') {
      this.#refuse('bad-format', 'the server sent something else than features first');
    } else if (offersStarttls(stanza)) {
      this.#state = 'proceed';
      this.#write(`<starttls xmlns='${NS.tls}'/>`);
    } else if (this.#target?.tls === 'optional') {
      this.#state = 'ready';
      this.#client.opened(this.#plainHeader ?? {});
      this.#deliver(stanza);
    } else {
      this.#fail('upstream-tls', 'the server offers no STARTTLS, and TLS is required');
    }
  }

  #proceed({ name, ns }: Stanza): void {
    if (ns !== NS.tls || name !== 'proceed') {
      this.#fail('upstream-tls', `the server answered <starttls/> with <${name.slice(0, 40)}/>`);
      return;
    }
    // Whatever came in clear after it would be taken for the server's word under TLS (RFC 6120 §5.4.3.3, U-11).
    if (this.#reader?.midway === true) {
      this.#fail('upstream-tls', 'the server sent plain text after <proceed/>');
      return;
    }
    const socket = this.#socket as Socket;
    this.#reader?.stop();
    for (const event of ['data', 'error', 'end', 'close', 'drain']) socket.removeAllListeners(event);
    this.#state = 'dialing';
    this.#dialer.secure(socket, this.#target as Target, this.#request.to).then(
      (secured) => {
        this.#secured = true;
        this.#adopt(secured, 'ready');
      },
      (error: unknown) => this.#finish({ code: codeOf(error), detail: reasonOf(error) }),
    );
  }

  #deliver(stanza: Stanza): void {
    if (stanza.ns === NS.streams && stanza.name === 'error') {
      this.#write('</stream:stream>');
      this.#endSocket();
      this.#finish({ code: 'stream-error', error: stanza });
      return;
    }
    // These would speak for the gateway itself (U-30, U-31).
    if (stanza.ns === NS.framing || stanza.ns === NS.httpbind) {
      this.#refuse('bad-format', `the server sent an element in ${stanza.ns}`);
      return;
    }
    if (stanza.ns === NS.streams && stanza.name === 'features') {
      this.#deadline.cancel();
      this.#client.deliver(clientFeatures(stanza));
      return;
    }
    this.#client.deliver(stanza);
  }

  send(stanza: Stanza): void {
    if (this.#state === 'ready') this.#write(stanza.xml);
  }

  restart(given: RestartAttributes = {}): void {
    if (this.#state !== 'ready') return;
    const { from, lang, headerAttributes } = this.#attributes;
    this.#attributes = {
      from: given.from ?? from,
      lang: given.lang ?? lang,
      headerAttributes: given.headerAttributes ?? headerAttributes,
    };
    this.#deadline.cancel();
    this.#deadline = this.#clock.after(this.#settings.negotiateSeconds * 1000, () => this.#negotiationTimeout());
    this.#openStream();
  }

  close(end?: StreamEnd): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#deadline.cancel();
    if (this.#state !== 'ready' || end?.unclean === true) {
      // Nothing is open yet, or the server shall see a broken connection so that the client can resume (SM-03).
      this.#endSocket();
      this.#finish(end);
      return;
    }
    this.#state = 'closing';
    this.#resumeReading();
    this.#write(`${end?.error?.xml ?? ''}</stream:stream>`);
    // What the server still says is delivered until its own end tag (RFC 6120 §4.4).
    this.#deadline = this.#clock.after(this.#settings.closeSeconds * 1000, () => this.#finish(end));
  }

  /** Drops the connection at once. */
  destroy(): void {
    this.#finish();
    this.#socket?.destroy();
  }

  pause(): void {
    this.#readingPaused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#resumeReading();
  }

  #resumeReading(): void {
    if (!this.#readingPaused) return;
    this.#readingPaused = false;
    this.#socket?.resume();
  }

  /** Many elements of one turn leave in one write. */
  #write(xml: string): void {
    const socket = this.#socket;
    if (socket === undefined || !socket.writable) return;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    socket.write(xml);
    const backlog = socket.writableLength;
    if (this.#state !== 'ready' || backlog <= this.#settings.maxUpstreamBytes) return;
    if (backlog > this.#settings.maxUpstreamBacklogBytes) {
      this.#endSocket();
      this.#finish({ code: 'policy-violation', detail: 'the server does not take what the client sends' });
    } else if (!this.#clientPaused) {
      this.#clientPaused = true;
      this.#client.pause();
    }
  }

  #drained(): void {
    if (!this.#clientPaused) return;
    this.#clientPaused = false;
    this.#client.resume();
  }

  #serverEnd(): void {
    if (this.#state === 'plain' || this.#state === 'proceed') {
      this.#fail('upstream-closed', 'the server ended the stream before TLS');
      return;
    }
    if (this.#state === 'ready') this.#write('</stream:stream>');
    this.#endSocket();
    this.#finish();
  }

  #lost(detail: string): void {
    if (this.#isOver()) return;
    const closing = this.#state === 'closing';
    this.#socket?.destroy();
    this.#finish(closing ? undefined : { code: 'upstream-lost', detail, unclean: true });
  }

  #negotiationTimeout(): void {
    this.#refuse('connection-timeout', 'no stream features in time', 'upstream-timeout');
  }

  /** The server broke a rule: it is told which, and the stream is over (RFC 6120 §4.9.1.1). */
  #refuse(condition: string, detail: string, code: StreamEnd['code'] = 'upstream-protocol'): void {
    if (this.#isOver()) return;
    // While TLS is being negotiated nothing of ours may stand between its records.
    if (this.#state !== 'dialing') this.#write(`${streamError(condition).xml}</stream:stream>`);
    this.#fail(code, detail);
  }

  #fail(code: StreamEnd['code'], detail: string): void {
    this.#endSocket();
    this.#finish({ code, detail });
  }

  /** Lets what was written go out, then closes. */
  #endSocket(): void {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    socket.end();
    socket.resume();
    const deadline = this.#clock.after(this.#settings.closeSeconds * 1000, () => socket.destroy());
    socket.once('close', () => deadline.cancel());
  }

  #isOver(): boolean {
    return this.#state === 'closed';
  }

  #finish(end?: StreamEnd): void {
    if (this.#isOver()) return;
    this.#state = 'closed';
    this.#deadline.cancel();
    this.#abort.abort();
    this.#reader?.stop();
    if (this.#socket !== undefined && !this.#socket.writableEnded) this.#socket.destroy();
    if (end !== undefined) {
      const { code, detail } = end;
      this.#log[ERRORS[code].level]({ domain: this.#request.to, code, detail }, ERRORS[code].help);
    }
    this.#dialer.finished(this);
    this.#client.closed(end);
  }
}
