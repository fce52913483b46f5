import type { Clock, Timer } from '../core/clock.ts';
import { randomId } from '../core/id.ts';
import type { Stanza } from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { childOf, elementsOf, parseTree, textOf, type XmlElement } from '../xml/tree.ts';

export interface KeepaliveSettings {
  /** A stream on which the gateway has written nothing for so long gets a space; 0: none, unless the server asks for it. */
  readonly serverKeepAliveSeconds: number;
  /** A server that has said nothing for so long, although it was asked, is dead; 0: TCP alone decides. */
  readonly serverSilenceSeconds: number;
}

/** What a keepalive tells, and asks. */
export interface KeepaliveHandlers {
  /** That is to be written to the server. */
  onIdle(xml: string): void;
  /** The server is dead. */
  onLost(detail: string): void;
  /** False while the gateway itself does not listen, because the client is slow. */
  readonly isListening: boolean;
}

/** Of the server's patience, what is used at most (UP-KA-03). */
const SHARE = 0.6;
/** When a silent server is asked, as a share of the time after which it is dead. */
const ASK_AT = 2 / 3;

/**
 * Keeps an idle stream alive with white space, and notices a dead server (RFC 6120 §4.6). Nothing is sent while TLS or a login
 * is under way (§5.3.3, §6.3.5): it begins with the features that follow a success.
 */
export class Keepalive {
  readonly #settings: KeepaliveSettings;
  readonly #handlers: KeepaliveHandlers;
  readonly #clock: Clock;
  /** Looks whether anything is due. */
  #timer: Timer | undefined;
  #sentAt = 0;
  #heardAt = 0;
  /** After so long without a word a space is due, or the server is dead (ms). */
  #idleMs = Infinity;
  #silentMs = Infinity;
  /** The server was asked, and has said nothing since. */
  #isAsked = false;
  /** The id of the question whose answer is for nobody else. */
  #asked: string | undefined;
  #isAuthenticated = false;
  #isBound = false;
  /** XEP-0198 counts stanzas: the gateway then adds none (SM-02). */
  #isManaged = false;
  #idleSeconds = Infinity;

  constructor(settings: KeepaliveSettings, handlers: KeepaliveHandlers, clock: Clock) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.#clock = clock;
  }

  /** Something was written to the server. The timer looks later: this is called for each stanza. */
  sent(): void {
    this.#sentAt = this.#clock.now();
  }

  /** Something came from the server, whatever it is. */
  heard(): void {
    this.#heardAt = this.#clock.now();
    this.#isAsked = false;
  }

  /** The stream is over, or a new one begins on its connection: nothing is sent until that one has its features. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Looks at what the server says. True for the answer to a question of the gateway's own, which is for nobody else. */
  observe(stanza: Stanza): boolean {
    const { name, ns } = stanza;
    if (ns === NS.client) return name === 'iq' && this.#observeIq(stanza);
    if (ns === NS.streams && name === 'features') this.#begin(stanza);
    else if (name === 'success' && (ns === NS.sasl || ns === NS.sasl2)) {
      this.#isAuthenticated = true;
      if (ns === NS.sasl2) this.#lookInside(parseTree(stanza.xml, READ_BEFORE));
    } else if ((ns === NS.sm3 || ns === NS.sm2) && (name === 'enabled' || name === 'resumed')) this.#isManaged = true;
    return false;
  }

  /** Bind 2 and stream management may be part of SASL2's success. */
  #lookInside(element: XmlElement): void {
    for (const child of elementsOf(element)) {
      if (child.ns === NS.bind2 && child.name === 'bound') this.#isBound = true;
      if (child.ns === NS.sm3 && (child.name === 'enabled' || child.name === 'resumed')) this.#isManaged = true;
      this.#lookInside(child);
    }
  }

  #observeIq({ xml }: Stanza): boolean {
    if (this.#asked !== undefined && xml.includes(this.#asked)) {
      const id = parseTree(xml, READ_BEFORE).attributes.get('id');
      if (id === this.#asked) return true;
    }
    if (!this.#isBound && this.#isAuthenticated && xml.includes(NS.bind)) {
      const iq = parseTree(xml, READ_BEFORE);
      this.#isBound = iq.attributes.get('type') === 'result' && childOf(iq, 'bind', NS.bind) !== undefined;
    }
    return false;
  }

  #begin({ xml }: Stanza): void {
    if (xml.includes(NS.limits)) this.#idleSeconds = idleSecondsOf(xml) ?? this.#idleSeconds;
    if (!this.#isAuthenticated) return;
    this.stop();
    const { serverKeepAliveSeconds, serverSilenceSeconds } = this.#settings;
    const usual = serverKeepAliveSeconds === 0 ? Infinity : serverKeepAliveSeconds;
    this.#idleMs = Math.min(usual, this.#idleSeconds * SHARE) * 1000;
    this.#silentMs = serverSilenceSeconds === 0 ? Infinity : serverSilenceSeconds * 1000;
    const first = Math.min(this.#idleMs, this.#silentMs * ASK_AT);
    if (first !== Infinity) this.#timer = this.#clock.after(first, look, this);
  }

  /** For its timer alone. */
  look(): void {
    if (this.#sentAt + this.#idleMs <= this.#clock.now()) this.#handlers.onIdle(' ');
    if (!this.#handlers.isListening) this.heard();
    const now = this.#clock.now();
    if (this.#patienceEnds <= now) this.#silent();
    this.#timer?.restart(Math.max(0, Math.min(this.#sentAt + this.#idleMs, this.#patienceEnds) - now));
  }

  /** When the server has to be asked, or has not answered in time. */
  get #patienceEnds(): number {
    return this.#heardAt + this.#silentMs * (this.#isAsked ? 1 : ASK_AT);
  }

  /** Asks first; a server that must answer and does not is dead. Without a resource there is nobody to ask for. */
  #silent(): void {
    if (this.#isAsked) {
      this.#handlers.onLost('the server does not answer any more');
    } else if (this.#isBound && !this.#isManaged) {
      this.#isAsked = true;
      // However late we are to ask: it has its time to answer.
      this.#heardAt = this.#clock.now() - this.#silentMs * ASK_AT;
      this.#asked = `sluice-${randomId()}`;
      this.#handlers.onIdle(`<iq xmlns='${NS.client}' type='get' id='${this.#asked}'><ping xmlns='${NS.ping}'/></iq>`);
    } else this.heard();
  }
}

function look(keepalive: Keepalive): void {
  keepalive.look();
}

/** XEP-0478: how long the server waits for anything at all. */
function idleSecondsOf(features: string): number | undefined {
  const limits = childOf(parseTree(features, READ_BEFORE), 'limits', NS.limits);
  const idle = limits === undefined ? undefined : childOf(limits, 'idle-seconds', NS.limits);
  const text = idle === undefined ? '' : textOf(idle).trim();
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}
