import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Timer } from '../core/clock.ts';
import { fromHint, languageTag, normaliseDomain } from '../core/domain.ts';
import { ERRORS, GatewayError, codeOf, reasonOf, type ErrorCode } from '../core/errors.ts';
import { randomId, shortId } from '../core/id.ts';
import type { Stanza, StreamEnd, StreamHeader } from '../core/ports.ts';
import type { GatewayContext, SessionSettings } from '../session/context.ts';
import { Session, type SessionOwner } from '../session/session.ts';
import type { Outbox } from '../stream/outbox.ts';
import type { Stream } from '../stream/stream.ts';
import { streamError } from '../stream/stream-error.ts';
import { NS } from '../xml/ns.ts';
import type { XmlLimits } from '../xml/reader.ts';
import { writeFrames } from './frames.ts';
import { FRAMING, type Framing, type Message } from './framing.ts';
import { Heartbeat, type HeartbeatHandlers } from './heartbeat.ts';
import { isOldHeader, OldFraming } from './old-framing.ts';

export interface WebSocketSessionSettings extends SessionSettings {
  /** Limits of one message. */
  readonly bodyXml: XmlLimits;
  readonly openSeconds: number;
  readonly openWaitSeconds: number;
  readonly closeSeconds: number;
  readonly pingSeconds: number;
  /** The framing of before RFC 7395 is spoken to clients that begin with it. */
  readonly oldFraming: boolean;
  /** Where clients are sent in place of an opening (RFC 7395 §3.6.1). */
  readonly seeOtherWebSocketUri?: string | undefined;
}

/**
 * `idle`: no `<open/>` from the client yet. `opening`: it waits for ours. `open`: elements flow. `closing`: the client has said
 * `<close/>`, the server has not ended its stream. `ended`: nothing is sent any more but the closing handshake.
 */
type State = 'idle' | 'opening' | 'open' | 'closing' | 'ended';

/** One WebSocket and its one XMPP stream (RFC 7395). */
export class WebSocketSession implements SessionOwner, HeartbeatHandlers {
  readonly id = randomId();
  readonly #socket: WebSocket;
  /** What carries the WebSocket. */
  readonly #connection: Duplex;
  readonly #context: GatewayContext;
  readonly #settings: WebSocketSessionSettings;
  readonly #clientAddress: string;
  #state: State = 'idle';
  readonly #session: Session;
  #stream: Stream | undefined;
  #to = '';
  /** Waits for the client's `<open/>`, then for the server's header, at the end for the client's `<close/>`. */
  #deadline: Timer | undefined;
  readonly #heartbeat: Heartbeat;
  #framing: Framing = FRAMING;
  #isPaused = false;
  #isGathering = false;
  /** Stanzas that the socket did not take, in order. */
  readonly #unsent: Stanza[] = [];

  constructor(
    socket: WebSocket,
    connection: Duplex,
    context: GatewayContext,
    settings: WebSocketSessionSettings,
    clientAddress: string,
  ) {
    this.#socket = socket;
    this.#connection = connection;
    this.#context = context;
    this.#settings = settings;
    this.#clientAddress = clientAddress;
    this.#session = new Session(context, settings, this, 'websocket', clientAddress);
    this.#deadline = context.clock.after(settings.openSeconds * 1000, () => this.#fail('connection-timeout'));
    socket.on('message', (data: RawData, isBinary: boolean) => this.#message(data as Buffer, isBinary));
    socket.on('error', (error) => {
      context.log.debug({ session: shortId(this.id), reason: reasonOf(error) }, 'WebSocket protocol error');
    });
    socket.on('close', () => this.#gone());
    this.#heartbeat = new Heartbeat(socket, this, settings.pingSeconds, context.clock);
  }

  #message(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'ended') {
      this.#answeredClose(data, isBinary);
      return;
    }
    if (isBinary) {
      // RFC 7395 §3.2: text only.
      this.#hangUp(1003, { code: 'bad-format', detail: 'binary message' });
      return;
    }
    if (this.#state === 'idle' && this.#settings.oldFraming && isOldHeader(data.toString()))
      this.#framing = new OldFraming();
    try {
      for (const message of this.#framing.read(data, this.#settings.bodyXml)) this.#take(message);
    } catch (error) {
      this.#fail(codeOf(error), reasonOf(error));
    }
  }

  #take(message: Message): void {
    if (this.#state === 'ended') return;
    if (message.kind === 'open') this.#open(message.header);
    else if (message.kind === 'close') this.#clientClose();
    else this.#element(message.stanza);
  }

  #open(header: StreamHeader): void {
    if (this.#stream === undefined) this.#openFirst(header);
    else this.#restart(this.#stream, header);
  }

  #openFirst({ to, from, version, lang }: StreamHeader): void {
    this.#state = 'opening';
    this.#endWait();
    const { seeOtherWebSocketUri } = this.#settings;
    if (seeOtherWebSocketUri !== undefined) {
      this.#sendElsewhere(seeOtherWebSocketUri);
      return;
    }
    const domain = normaliseDomain(to ?? '');
    if (domain === undefined) throw new GatewayError('improper-addressing', 'to is missing or no domain');
    this.#to = domain;
    if (version === undefined || !/^[1-9]\d{0,4}\.\d{1,5}$/.test(version))
      throw new GatewayError('unsupported-version');
    this.#stream = this.#session.open({ to: domain, from: fromHint(from, domain), lang: languageTag(lang) });
    this.#awaitHeader();
  }

  /** Before the stream is in use, and never away from TLS: the setting says wss (RFC 7395 §3.6.1). */
  #sendElsewhere(uri: string): void {
    const redirect = this.#framing.redirect(uri);
    if (redirect === undefined) throw new GatewayError('policy-violation', 'this framing has no word for a redirect');
    this.#end();
    this.#socket.send(redirect);
    this.#socket.close(1000);
    this.#session.finish();
  }

  /** RFC 7395 §3.7: a second `<open/>` is a stream restart, and nothing else. */
  #restart(stream: Stream, { to, from, lang }: StreamHeader): void {
    if (!stream.restartIsDue) throw new GatewayError('policy-violation', 'no stream restart is due');
    if (to !== undefined && normaliseDomain(to) !== this.#to) {
      throw new GatewayError('policy-violation', 'a restart may not change the domain');
    }
    this.#state = 'opening';
    this.#session.restart({ from: fromHint(from, this.#to), lang: languageTag(lang) }, stream);
    this.#awaitHeader();
  }

  /** COMPAT(xmpp.js): it gives up after 2 s, so a slow server's `<open/>` is made here (WS-OPEN-05). */
  #awaitHeader(): void {
    if (this.#state !== 'opening') return;
    this.#deadline = this.#context.clock.after(this.#settings.openWaitSeconds * 1000, () => this.#sendOpen());
  }

  #endWait(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  #sendOpen(header: StreamHeader = {}): void {
    this.#endWait();
    this.#state = 'open';
    const { from = this.#to === '' ? undefined : this.#to, id = randomId(), lang } = header;
    this.#socket.send(this.#framing.open({ from, id, lang }));
    this.#drain();
  }

  #element(stanza: Stanza): void {
    if (this.#stream === undefined) throw new GatewayError('bad-format', 'the first message is no <open/>');
    if (this.#state === 'closing') return;
    if (stanza.ns !== NS.streams) {
      this.#session.send([stanza], this.#stream);
      return;
    }
    // The client reports a stream error: its stream is over on both sides (RFC 6120 §4.9.1.1, NSV-34).
    this.#closeOrderly(1000);
    this.#session.finish({ code: 'stream-error', error: stanza });
  }

  #clientClose(): void {
    if (this.#state === 'closing') return;
    if (this.#stream === undefined) {
      this.#closeOrderly(1000);
      return;
    }
    // What the server still sends is delivered until it ends its stream (RFC 7395 §3.6).
    this.#state = 'closing';
    this.#stream.close();
  }

  onHeader(header: StreamHeader, stream: Stream): void {
    this.#stream = stream;
    // Where it was too slow, ours went before; its features follow all the same.
    if (this.#state === 'opening') this.#sendOpen(header);
  }

  onReadable(stream: Stream): void {
    this.#stream = stream;
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#context.clock.soon(WebSocketSession.#gathered, this);
  }

  /** What comes in one read leaves in one write. */
  static #gathered(this: void, session: WebSocketSession): void {
    session.#isGathering = false;
    session.#drain();
  }

  /** Sends what waits, as fast as the client takes it: the rest stays in the outbox, and stops the server when that is full. */
  #drain(): void {
    if (this.#state !== 'open' && this.#state !== 'closing') return;
    const { maxQueuedBytes } = this.#settings;
    const outbox = this.#stream?.outbox;
    while (outbox !== undefined && !outbox.isEmpty && this.#socket.bufferedAmount <= maxQueuedBytes) {
      this.#write(outbox.take(maxQueuedBytes), outbox);
    }
  }

  #write(stanzas: readonly Stanza[], outbox: Outbox): void {
    const sent = (error?: Error | null): void => this.#sent(stanzas, outbox, error);
    if (this.#socket.readyState !== this.#socket.OPEN) this.#unsent.push(...stanzas);
    // Frames of our own, unless the library has to compress them: it writes each of them by itself, in two pieces.
    else if (this.#socket.extensions === '') writeFrames(this.#connection, stanzas, sent);
    else stanzas.forEach(({ xml }, i) => this.#socket.send(xml, i === stanzas.length - 1 ? sent : undefined));
  }

  /** What was never written out was not delivered. */
  #sent(stanzas: readonly Stanza[], outbox: Outbox, error: Error | null | undefined): void {
    if (error instanceof Error) this.#unsent.push(...stanzas);
    else if (!outbox.isEmpty) this.#drain();
  }

  onFlow(full: boolean): void {
    this.#isPaused = full;
    if (full) this.#socket.pause();
    else this.#socket.resume();
  }

  onEnd(end: StreamEnd | undefined): void {
    const wasOpening = this.#state === 'opening';
    if (this.#state === 'ended') return;
    if (!wasOpening) for (const { xml } of this.#stream?.outbox.take(Infinity) ?? []) this.#socket.send(xml);
    if (end === undefined && this.#state === 'closing') this.#endWith(1000);
    else if (end === undefined) this.#endAndAwaitClose();
    else if (end.unclean === true && !wasOpening) this.#lost(end);
    else this.#fail(end.code, end.detail, end.error);
  }

  /** The client asked, or broke a rule: `<close/>` and the WebSocket's own handshake follow at once. */
  #endWith(closeCode: number, end?: StreamEnd): void {
    this.#closeOrderly(closeCode);
    this.#session.finish(end);
  }

  #closeOrderly(closeCode: number): void {
    this.#end();
    this.#socket.send(this.#framing.close);
    this.#socket.close(closeCode);
  }

  /** The server ended the stream: the client may answer `<close/>` first (RFC 7395 §3.6). */
  #endAndAwaitClose(): void {
    this.#end();
    this.#socket.send(this.#framing.close);
    this.#deadline = this.#context.clock.after(this.#settings.closeSeconds * 1000, () => this.#socket.close(1000));
    this.#session.finish();
  }

  #answeredClose(data: Buffer, isBinary: boolean): void {
    if (isBinary || data.length > 1024 || !/<close|<\/(?:[\w.-]+:)?stream/.test(data.toString())) return;
    this.#endWait();
    this.#socket.close(1000);
  }

  /** The server was lost: no `<close/>`, so that a client with stream management resumes (WS-CLOSE-05, conformance A-27). */
  #lost(end: StreamEnd): void {
    const error = this.#stream?.isManaged === true ? undefined : streamError(ERRORS[end.code].stream);
    this.#end();
    if (error !== undefined) this.#socket.send(error.xml);
    this.#hangUp(ERRORS[end.code].close, end);
  }

  /** The stream ends with an error, said before anything is closed; an `<open/>` goes in front of it where none went (§3.5). */
  #fail(code: ErrorCode, detail?: string, error?: Stanza): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'idle' || this.#state === 'opening') this.#sendOpen();
    this.#drain();
    this.#socket.send((error ?? streamError(ERRORS[code].stream)).xml);
    const entry = ERRORS[code];
    if (this.#stream === undefined) {
      this.#context.log[entry.level]({ client: this.#clientAddress, code, detail }, 'WebSocket refused');
    }
    this.#endWith(entry.close, { code, detail });
  }

  /** Closes the WebSocket without a word of XMPP. */
  #hangUp(closeCode: number, end: StreamEnd): void {
    this.#end();
    this.#socket.close(closeCode);
    this.#session.finish(end);
  }

  #end(): void {
    this.#drain();
    this.#state = 'ended';
    this.#endWait();
    this.#heartbeat.stop();
    // A paused socket would never see the client's closing frame.
    if (this.#isPaused) this.#socket.resume();
  }

  /** The WebSocket is closed, by whomever. */
  #gone(): void {
    const wasClosing = this.#state === 'closing';
    this.#end();
    if (this.#stream !== undefined) this.#session.putBack(this.#unsent.splice(0), this.#stream);
    this.#session.finish(wasClosing ? undefined : { code: 'client-gone' });
  }

  /** More pings and pongs than any client needs (conformance W-14). */
  onFlood(): void {
    if (this.#state !== 'ended') this.#hangUp(1008, { code: 'policy-violation', detail: 'too many control frames' });
  }

  get isRead(): boolean {
    return !this.#isPaused;
  }

  onUnauthenticated(): void {
    this.#fail('connection-timeout', 'not authenticated in time');
  }

  shutDown(): void {
    this.#fail('system-shutdown');
  }

  destroy(): void {
    this.#socket.terminate();
    this.#gone();
  }
}
