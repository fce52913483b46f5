import type { Socket } from 'node:net';
import { systemClock, type Timer } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { randomId } from '../core/id.ts';
import { NS } from '../xml/ns.ts';
import { StreamReader, XmlError, type RootTag, type Slice } from '../xml/reader.ts';
import { standAlone } from '../xml/graft.ts';
import { parseTree, textOf } from '../xml/tree.ts';
import { attributes } from '../xml/write.ts';
import type { Account } from './account.ts';
import { bind, isBindRequest } from './bind.ts';
import { handleIq } from './iq.ts';
import type { Host } from './host.ts';
import { foldName } from './jid.ts';
import { handleMessage } from './message.ts';
import { becomeUnavailable, handlePresence } from './presence.ts';
import { decodeSasl, encodeSasl, mechanismsOf, SaslFault, startExchange, type SaslExchange } from './sasl.ts';
import type { Session } from './session.ts';
import { BadAddress, element, errorReply, LIMITS, readStanza, StanzaFault, type InboundStanza } from './stanza.ts';

/** A client that has not bound a resource by then is no client. */
const LOGIN_MS = 30_000;
/** How long the other side may take to close after we have. */
const CLOSE_MS = 2000;
/** RFC 6120 §6.4.5 asks for two to five. */
const MOST_ATTEMPTS = 5;
/** What may wait for a client that does not read. */
const MOST_BUFFERED = 16 * 1024 * 1024;

const STANZAS: Readonly<Record<string, (host: Host, session: Session, stanza: InboundStanza) => void>> = {
  iq: handleIq,
  message: handleMessage,
  presence: handlePresence,
};

/** One client: its socket, its stream, its login (RFC 6120 §4 to §7). */
export class Connection {
  readonly #host: Host;
  readonly #socket: Socket;
  #state: 'negotiating' | 'authenticated' | 'bound' | 'closing' | 'closed' = 'negotiating';
  #reader: StreamReader;
  #headerSent = false;
  #exchange: SaslExchange | undefined;
  #attempts = 0;
  #account: Account | undefined;
  #session: Session | undefined;
  #timer: Timer;

  constructor(host: Host, socket: Socket, closed: () => void) {
    this.#host = host;
    this.#socket = socket;
    this.#reader = this.#newReader();
    this.#timer = systemClock.after(LOGIN_MS, () => this.end('connection-timeout'));
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#read(bytes));
    // The client's FIN is answered by ours (the socket is not half-open), and 'close' follows.
    socket.on('error', (error) => this.#host.log.debug({ reason: reasonOf(error) }, 'devserver: socket error'));
    socket.on('close', () => {
      this.#leave();
      this.#state = 'closed';
      this.#timer.cancel();
      closed();
    });
  }

  /** Ends the stream, with a stream error where one is given, and the connection soon after. Idempotent. */
  end(condition?: string): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#leave();
    if (!this.#headerSent) this.#sendHeader();
    const error =
      condition === undefined ? '' : `<stream:error><${condition} xmlns='${NS.streamErrors}'/></stream:error>`;
    this.#write(`${error}</stream:stream>`);
    this.#state = 'closing';
    this.#reader.stop();
    this.#timer.cancel();
    this.#timer = systemClock.after(CLOSE_MS, () => this.#socket.destroy());
    this.#socket.end();
  }

  #newReader(): StreamReader {
    const handlers = {
      header: (root: RootTag) => this.#header(root),
      element: (slice: Slice) => this.#element(slice),
      end: () => this.end(),
    };
    return new StreamReader(handlers, LIMITS);
  }

  #read(bytes: Uint8Array): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    try {
      this.#reader.write(bytes);
    } catch (error) {
      if (error instanceof XmlError) this.end(error.code);
      else {
        this.#host.log.error({ reason: reasonOf(error) }, 'devserver: a fault of its own');
        this.end('internal-server-error');
      }
    }
  }

  #write(xml: string): void {
    if (this.#state === 'closing' || this.#state === 'closed' || !this.#socket.writable) return;
    this.#socket.write(xml);
    if (this.#socket.writableLength > MOST_BUFFERED) this.#socket.destroy();
  }

  /** The session is no more: the others see the user go (RFC 6121 §4.5.2). */
  #leave(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) {
      session.account.sessions.delete(session.jid.resource);
      becomeUnavailable(this.#host, session);
    }
    if (this.#account !== undefined) this.#host.release(this.#account);
  }

  #sendHeader(lang = 'en'): void {
    this.#headerSent = true;
    const values = { xmlns: NS.client, 'xmlns:stream': NS.streams, id: randomId(), from: this.#host.domain };
    this.#write(`<?xml version='1.0'?><stream:stream${attributes({ ...values, version: '1.0', 'xml:lang': lang })}>`);
  }

  #header(root: RootTag): void {
    this.#sendHeader(root.attributes.get('{http://www.w3.org/XML/1998/namespace}lang'));
    if (root.ns !== NS.streams || root.context.namespaces.get('') !== NS.client) return this.end('invalid-namespace');
    if (root.name !== 'stream') return this.end('bad-format');
    const to = root.attributes.get('to');
    if (to !== undefined && foldName(to) !== this.#host.domain) return this.end('host-unknown');
    if (Number.parseInt(root.attributes.get('version') ?? '0', 10) < 1) return this.end('unsupported-version');
    this.#write(`<stream:features>${this.#features()}</stream:features>`);
  }

  #features(): string {
    if (this.#state === 'authenticated') {
      return `<bind xmlns='${NS.bind}'/><session xmlns='${NS.session}'><optional/></session>`;
    }
    const list = mechanismsOf(this.#host).map((name) => element('mechanism', {}, name));
    return element('mechanisms', { xmlns: NS.sasl }, list.join(''));
  }

  #element(slice: Slice): void {
    if (this.#state === 'negotiating') {
      if (slice.ns !== NS.sasl) return this.end('not-authorized');
      return this.#sasl(slice);
    }
    const handle = slice.ns === NS.client && Object.hasOwn(STANZAS, slice.name) ? STANZAS[slice.name] : undefined;
    if (handle === undefined) return this.end('unsupported-stanza-type');
    try {
      const stanza = readStanza(slice);
      const session = this.#session;
      if (session !== undefined) this.#answerFaults(stanza, session, () => handle(this.#host, session, stanza));
      else this.#bind(stanza);
    } catch (error) {
      if (!(error instanceof BadAddress) || this.#session === undefined) throw error;
      const { stanza } = error;
      if (canBeAnswered(stanza))
        this.#write(errorReply(stanza, this.#host.domain, this.#session.full, error.condition));
    }
  }

  #answerFaults(stanza: InboundStanza, session: Session, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      // Text where only elements may be: it was well-formed, so it is the sender's business alone.
      const condition =
        error instanceof StanzaFault ? error.condition : error instanceof XmlError ? 'bad-request' : undefined;
      if (condition === undefined) throw error;
      const from = stanza.tree.attributes.get('to') ?? session.account.jid;
      if (canBeAnswered(stanza)) this.#write(errorReply(stanza, from, session.full, condition));
    }
  }

  #bind(stanza: InboundStanza): void {
    if (this.#account === undefined) return this.end('not-authorized');
    if (!isBindRequest(stanza)) return this.end('not-authorized');
    const send = (xml: string): void => this.#write(xml);
    let session;
    try {
      session = bind(this.#host, this.#account, stanza, send, (condition) => this.end(condition));
    } catch (error) {
      if (!(error instanceof StanzaFault)) throw error;
      return send(errorReply(stanza, this.#host.domain, this.#account.jid, error.condition));
    }
    this.#session = session;
    this.#state = 'bound';
    this.#timer.cancel();
  }

  #sasl(slice: Slice): void {
    const tree = parseTree(standAlone(slice));
    try {
      if (slice.name === 'abort') throw new SaslFault('aborted');
      const text = textOf(tree);
      if (slice.name === 'auth') {
        const mechanism = tree.attributes.get('mechanism') ?? '';
        this.#exchange = startExchange(this.#host, mechanism);
        // No initial response: an empty challenge asks for one (RFC 6120 §6.3.10). ANONYMOUS needs none.
        if (text === '' && mechanism !== 'ANONYMOUS') return this.#write(`<challenge xmlns='${NS.sasl}'/>`);
      } else if (slice.name !== 'response' || this.#exchange === undefined) throw new SaslFault('malformed-request');
      this.#saslStep(this.#exchange(decodeSasl(text)));
    } catch (error) {
      if (!(error instanceof SaslFault)) throw error;
      this.#exchange = undefined;
      this.#write(`<failure xmlns='${NS.sasl}'><${error.condition}/></failure>`);
      if (++this.#attempts >= MOST_ATTEMPTS) this.end('policy-violation');
    }
  }

  #saslStep(step: ReturnType<SaslExchange>): void {
    if ('challenge' in step) return this.#write(element('challenge', { xmlns: NS.sasl }, encodeSasl(step.challenge)));
    this.#account = step.account;
    this.#state = 'authenticated';
    this.#exchange = undefined;
    this.#headerSent = false;
    // What was read ahead belongs to the old stream and is not trusted (RFC 6120 §6.4.6).
    this.#reader.stop();
    this.#reader = this.#newReader();
    this.#write(element('success', { xmlns: NS.sasl }, step.data === undefined ? '' : encodeSasl(step.data)));
  }
}

/** An error is never answered by an error, nor a result by anything (RFC 6120 §8.2.3, §8.3.1). */
function canBeAnswered({ type }: InboundStanza): boolean {
  return type !== 'error' && type !== 'result';
}
