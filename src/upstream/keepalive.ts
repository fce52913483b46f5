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

/** What a keepalive does to its stream. */
export interface KeepaliveActions {
  write(xml: string): void;
  /** False while the gateway itself does not listen, because the client is slow. */
  isListening(): boolean;
  dead(): void;
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
  readonly #actions: KeepaliveActions;
  readonly #clock: Clock;
  #space: Timer | undefined;
  #silence: Timer | undefined;
  #sentAt = 0;
  #heardAt = 0;
  /** The server was asked, and has said nothing since. */
  #isAsked = false;
  /** The id of the question whose answer is for nobody else. */
  #asked: string | undefined;
  #isAuthenticated = false;
  #isBound = false;
  /** XEP-0198 counts stanzas: the gateway then adds none (SM-02). */
  #isManaged = false;
  #idleSeconds = Infinity;

  constructor(settings: KeepaliveSettings, actions: KeepaliveActions, clock: Clock) {
    this.#settings = settings;
    this.#actions = actions;
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
    this.#space?.cancel();
    this.#silence?.cancel();
    this.#space = this.#silence = undefined;
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
    const idleMs = Math.min(usual, this.#idleSeconds * SHARE) * 1000;
    if (idleMs !== Infinity) this.#space = this.#clock.after(idleMs, () => this.#idle(idleMs));
    if (serverSilenceSeconds === 0) return;
    const silentMs = serverSilenceSeconds * 1000;
    this.#silence = this.#clock.after(silentMs * ASK_AT, () => this.#silent(silentMs));
  }

  #idle(idleMs: number): void {
    const left = this.#sentAt + idleMs - this.#clock.now();
    this.#space?.restart(left > 0 ? left : idleMs);
    if (left <= 0) this.#actions.write(' ');
  }

  /** Asks first; a server that must answer and does not is dead. Without a resource there is nobody to ask for. */
  #silent(silentMs: number): void {
    const now = this.#clock.now();
    if (!this.#actions.isListening()) this.heard();
    const silence = now - this.#heardAt;
    const limit = this.#isAsked ? silentMs : silentMs * ASK_AT;
    if (silence < limit) {
      this.#silence?.restart(limit - silence);
    } else if (this.#isAsked) {
      this.#actions.dead();
    } else if (this.#isBound && !this.#isManaged) {
      this.#isAsked = true;
      this.#asked = `sluice-${randomId()}`;
      this.#silence?.restart(silentMs * (1 - ASK_AT));
      this.#actions.write(`<iq xmlns='${NS.client}' type='get' id='${this.#asked}'><ping xmlns='${NS.ping}'/></iq>`);
    } else this.#silence?.restart(silentMs * ASK_AT);
  }
}

/** XEP-0478: how long the server waits for anything at all. */
function idleSecondsOf(features: string): number | undefined {
  const limits = childOf(parseTree(features, READ_BEFORE), 'limits', NS.limits);
  const idle = limits === undefined ? undefined : childOf(limits, 'idle-seconds', NS.limits);
  const text = idle === undefined ? '' : textOf(idle).trim();
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}
