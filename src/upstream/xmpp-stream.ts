import type { Clock, Timer } from '../core/clock.ts';
import { ERRORS, GatewayError, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import type {
  Downstream,
  Logger,
  RestartAttributes,
  Stanza,
  StreamEnd,
  StreamHeader,
  StreamRequest,
  Upstream,
  UpstreamSecurity,
} from '../core/ports.ts';
import { streamError } from '../stream/stream-error.ts';
import { NS } from '../xml/ns.ts';
import { byteLengthOf } from '../xml/stanza.ts';
import { Approach, type Connection } from './approach.ts';
import { asksForExternal, clientFeatures, invalidMechanism, tlsStep } from './features.ts';
import { Greeting } from './header.ts';
import { Inlet, type InletHandlers } from './inlet.ts';
import { Keepalive, type KeepaliveHandlers } from './keepalive.ts';
import { seeOtherHost } from './redirect.ts';
import { securityOf } from './security.ts';
import type { StreamHost, XmppStreamSettings } from './stream-host.ts';
import { Wire, type WireHandlers } from './wire.ts';

/**
 * `dialing`: no server yet. `plain`: a stream in clear, up to STARTTLS. `proceed`: `<proceed/>` is awaited. `securing`: TLS is
 * under way on it. `ready`: what the server says is for the client. `closing`: our end tag is out. `closed`: over.
 */
type State = 'dialing' | 'plain' | 'proceed' | 'securing' | 'ready' | 'closing' | 'closed';

/** One client's XMPP stream to its server, over TCP and TLS (RFC 6120). */
export class XmppStream implements Upstream, InletHandlers, WireHandlers, KeepaliveHandlers {
  readonly #request: StreamRequest;
  readonly #client: Downstream;
  readonly #host: StreamHost;
  readonly #settings: XmppStreamSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Undefined once something has passed between the client and this server: no other one can take its place. */
  #approach: Approach | undefined;
  readonly #greeting: Greeting;
  readonly #inlet: Inlet;
  readonly #keepalive: Keepalive;
  #state: State = 'dialing';
  #wire: Wire | undefined;
  #connection: Connection | undefined;
  /** A header that the client was not told of: TLS, or another server, may follow. */
  #header: StreamHeader | undefined;
  /** The server has said something that is XMPP. */
  #isGreeted = false;
  /** The server has said that the login is done: a new stream follows (RFC 6120 §6.4.6). */
  #isRestartDue = false;
  /** Of the negotiation, then of the closing. */
  #deadline: Timer | undefined;

  constructor(
    request: StreamRequest,
    client: Downstream,
    host: StreamHost,
    settings: XmppStreamSettings,
    clock: Clock,
    log: Logger,
  ) {
    this.#request = request;
    this.#client = client;
    this.#host = host;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#greeting = new Greeting(request);
    this.#approach = new Approach(request, host, settings.connectSeconds, clock, log);
    this.#inlet = new Inlet(this, settings, clock);
    this.#keepalive = new Keepalive(settings, this, clock);
  }

  get domain(): string {
    return this.#request.to;
  }

  /** Looks for a server until one takes the connection. Never rejects. */
  async connect(): Promise<void> {
    try {
      if (this.#approach !== undefined) this.#use(await this.#approach.next());
    } catch (error) {
      this.#finish({ code: codeOf(error), detail: reasonOf(error) });
    }
  }

  #become(state: State): void {
    const before = this.#state;
    this.#state = state;
    this.#log.debug({ domain: this.domain, before, state }, 'server stream');
    if ((before === 'dialing') !== (state === 'dialing')) this.#host.changed(this, state === 'dialing');
  }

  /** Speaks XMPP on a connection from its first byte. */
  #use(connection: Connection): void {
    const { socket, target, isSecured } = connection;
    if (this.#isOver()) {
      socket.destroy();
      return;
    }
    this.#connection = connection;
    this.#isGreeted = false;
    this.#header = undefined;
    this.#become(isSecured || target.tls === 'none' ? 'ready' : 'plain');
    this.#wire = new Wire(socket, this, this.#settings, this.#clock);
    this.#openStream();
  }

  #openStream(): void {
    this.#deadline?.cancel();
    this.#deadline = this.#clock.after(this.#settings.negotiateSeconds * 1000, () =>
      this.onBroken('connection-timeout', 'no stream features in time', 'upstream-timeout'),
    );
    this.#inlet.open();
    const isSecured = this.#connection?.isSecured === true;
    this.#write(this.#state === 'plain' ? this.#greeting.beforeTls : this.#greeting.render(isSecured));
  }

  onData(bytes: Buffer): void {
    if (this.#state === 'closed') return;
    this.#keepalive.heard();
    this.#inlet.write(bytes);
    if (this.#state === 'ready') this.#tellHeader();
  }

  onHeader(header: StreamHeader): void {
    this.#header = header;
    this.#isGreeted = true;
    const { from } = header;
    // It is passed on as it is: who the server is, its certificate says (U-06).
    if (from !== undefined && from !== this.domain) this.#log.info({ domain: this.domain, from }, 'odd stream header');
  }

  /** Not at once: a redirect that comes with it is not for the client. */
  #tellHeader(): void {
    if (this.#header === undefined) return;
    const header = this.#header;
    this.#header = undefined;
    this.#client.opened(header);
  }

  onStanza(stanza: Stanza): void {
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
      this.#streamError(stanza);
      return;
    }
    if (stanza.ns !== NS.streams || stanza.name !== 'features') {
      this.onBroken('bad-format', 'the server sent something else than features first');
      return;
    }
    const step = tlsStep(stanza, this.#connection?.target.tls);
    if (step === 'starttls') {
      this.#become('proceed');
      this.#write(`<starttls xmlns='${NS.tls}'/>`);
    } else if (step === 'go on') {
      this.#become('ready');
      this.#deliver(stanza);
    } else this.#fail('upstream-tls', 'the server offers no STARTTLS, and TLS is required');
  }

  #proceed(stanza: Stanza): void {
    const { name, ns } = stanza;
    if (ns === NS.streams && name === 'error') {
      this.#streamError(stanza);
      return;
    }
    if (ns !== NS.tls || name !== 'proceed') {
      this.#fail('upstream-tls', `the server answered <starttls/> with <${name.slice(0, 40)}/>`);
      return;
    }
    // Whatever came in clear after it would be taken for the server's word under TLS (RFC 6120 §5.4.3.3, U-11).
    if (this.#inlet.isMidway) {
      this.#fail('upstream-tls', 'the server sent plain text after <proceed/>');
      return;
    }
    const connection = this.#connection as Connection;
    this.#inlet.stop();
    // Nothing of ours may stand between the records of TLS.
    this.#wire?.release();
    this.#wire = undefined;
    this.#become('securing');
    this.#host.secure(connection, this.#request).then(
      (secured) => this.#use(secured),
      (error: unknown) => this.#finish({ code: codeOf(error), detail: reasonOf(error) }),
    );
  }

  #deliver(stanza: Stanza): void {
    const { name, ns } = stanza;
    if (ns === NS.streams && name === 'error') {
      this.#streamError(stanza);
      return;
    }
    // Some would speak for the gateway itself (U-30, U-31); after SASL's success there is no stream to say anything on (U-28).
    if (ns === NS.framing || ns === NS.httpbind || this.#isRestartDue) {
      this.onBroken(
        'bad-format',
        `the server sent an element in ${ns}${this.#isRestartDue ? ' before the restart' : ''}`,
      );
      return;
    }
    if (this.#keepalive.observe(stanza)) return;
    this.#tellHeader();
    this.#approach = undefined;
    this.#isRestartDue = ns === NS.sasl && name === 'success';
    if (ns !== NS.streams || name !== 'features') {
      this.#client.deliver(stanza);
      return;
    }
    this.#deadline?.cancel();
    this.#deadline = undefined;
    const rules = { maxBytes: this.#settings.maxBodyBytes, external: !this.#host.isGatewaysName(this.#request) };
    this.#client.deliver(clientFeatures(stanza, rules));
  }

  security(): UpstreamSecurity | undefined {
    return this.#connection === undefined ? undefined : securityOf(this.#connection);
  }

  /** The error goes to the client whole; another server's address does not: web clients would go there (UP-ERR-03, -04). */
  #streamError(error: Stanza): void {
    this.#write('</stream:stream>');
    this.#wire?.end();
    const place = seeOtherHost(error);
    if (place === undefined) {
      this.#tellHeader();
      this.#finish({ code: 'stream-error', error });
    } else if (this.#approach === undefined) {
      const detail = `see-other-host "${place.slice(0, 80)}" in a running session`;
      this.#finish({ code: 'stream-error', detail, error: streamError('reset') });
    } else {
      try {
        this.#approach.redirect((this.#connection as Connection).target, place);
        this.#dialAgain();
      } catch (refusal) {
        this.#finish({ code: codeOf(refusal), detail: reasonOf(refusal) });
      }
    }
  }

  /** What came from the server before is forgotten, its connection too. */
  #dialAgain(): void {
    this.#inlet.stop();
    this.#deadline?.cancel();
    this.#wire?.release().on('error', () => {});
    this.#wire?.drop();
    this.#wire = undefined;
    this.#become('dialing');
    void this.connect();
  }

  send(stanza: Stanza): void {
    if (this.#state !== 'ready') return;
    // With the gateway's certificate a client could log in as the gateway (UP-TLS-17).
    if (asksForExternal(stanza) && this.#host.isGatewaysName(this.#request))
      this.#client.deliver(invalidMechanism(stanza));
    else {
      this.#approach = undefined;
      this.#write(stanza.xml, byteLengthOf(stanza));
    }
  }

  restart(given: RestartAttributes = {}): void {
    if (this.#state !== 'ready') return;
    this.#greeting.restart(given);
    this.#isRestartDue = false;
    this.#keepalive.stop();
    this.#openStream();
  }

  close(end?: StreamEnd): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#deadline?.cancel();
    if (this.#state !== 'ready' || end?.unclean === true) {
      // Nothing is open yet, or the server shall see a broken connection so that the client can resume (SM-03).
      this.#wire?.end();
      this.#finish(end);
      return;
    }
    this.#become('closing');
    this.#keepalive.stop();
    this.#wire?.resume();
    this.#write(`${end?.error?.xml ?? ''}</stream:stream>`);
    // What the server still says is delivered until its own end tag (RFC 6120 §4.4).
    this.#deadline = this.#clock.after(this.#settings.closeSeconds * 1000, () => this.#finish(end));
  }

  /** At once. */
  destroy(): void {
    this.#finish();
    this.#wire?.destroy();
  }

  pause(): void {
    this.#wire?.pause();
    this.#inlet.pausing(true);
  }

  resume(): void {
    this.#wire?.resume();
    this.#inlet.pausing(false);
  }

  #write(xml: string, bytes?: number): void {
    this.#keepalive.sent();
    this.#wire?.write(xml, bytes);
  }

  onIdle(xml: string): void {
    this.#write(xml);
  }

  get isListening(): boolean {
    return this.#wire?.isPaused === false;
  }

  onFlow(isFull: boolean): void {
    if (isFull) this.#client.pause();
    else this.#client.resume();
  }

  onOverflow(): void {
    this.#fail('policy-violation', 'the server does not take what the client sends');
  }

  onEnd(): void {
    if (this.#state === 'plain' || this.#state === 'proceed') {
      this.#fail('upstream-closed', 'the server ended the stream before TLS');
      return;
    }
    if (this.#state === 'ready') this.#write('</stream:stream>');
    this.#wire?.close();
    this.#finish();
  }

  onLost(detail: string): void {
    if (this.#isOver()) return;
    const isClosing = this.#state === 'closing';
    this.#wire?.destroy();
    // It took the connection and has said nothing: a proxy without a server behind it, or none (UP-DNS-08).
    if (!this.#isGreeted && !isClosing && this.#approach !== undefined) {
      this.#approach.failed((this.#connection as Connection).target, new GatewayError('upstream-lost', detail));
      this.#dialAgain();
    } else this.#finish(isClosing ? undefined : { code: 'upstream-lost', detail, unclean: true });
  }

  /** The server broke a rule: it is told which, and the stream is over (RFC 6120 §4.9.1.1). */
  onBroken(condition: string, detail: string, code: ErrorCode = 'upstream-protocol'): void {
    if (this.#isOver()) return;
    this.#write(`${streamError(condition).xml}</stream:stream>`);
    this.#fail(code, detail);
  }

  #fail(code: ErrorCode, detail: string): void {
    this.#wire?.end();
    this.#finish({ code, detail });
  }

  #isOver(): boolean {
    return this.#state === 'closed';
  }

  #finish(end?: StreamEnd): void {
    if (this.#isOver()) return;
    const isSecuring = this.#state === 'securing';
    this.#become('closed');
    this.#deadline?.cancel();
    this.#keepalive.stop();
    this.#approach?.stop();
    this.#inlet.stop();
    if (isSecuring) this.#connection?.socket.destroy();
    else this.#wire?.drop();
    if (end !== undefined) {
      const { code, detail } = end;
      this.#log[ERRORS[code].level]({ domain: this.domain, code, detail }, ERRORS[code].help);
    }
    this.#host.finished(this);
    this.#client.closed(end);
  }
}
