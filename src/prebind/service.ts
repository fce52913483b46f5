import { createHmac, randomBytes } from 'node:crypto';
import type { BoshContext } from '../bosh/context.ts';
import { ERRORS, codeOf, reasonOf } from '../core/errors.ts';
import { shortId } from '../core/id.ts';
import type { ClientCertificate } from '../core/ports.ts';
import { bareJid, type Account } from './account.ts';
import type { Caller } from './callers.ts';
import { PrebindError } from './errors.ts';
import { HttpChannel } from './http-channel.ts';
import type { Prebound } from './index.ts';
import { LocalChannel, type LocalSettings } from './local-channel.ts';
import { login } from './login.ts';
import { Pace } from './pace.ts';
import { StormGuard, type Handout } from './storm-guard.ts';

export interface PrebindServiceSettings extends LocalSettings {
  /** Where browsers find the sessions of a domain. */
  readonly boshUrlOf: (domain: string) => string;
  /** What the gateway shows to the server of a domain. */
  readonly certificateOf: (domain: string) => ClientCertificate | undefined;
  readonly prebindSeconds: number;
  readonly prebindAttachSeconds: number;
  readonly prebindMaxLogins: number;
  readonly prebindLoginsPerSecond: number;
  /** Domains whose sessions are made at another connection manager, and its URL. */
  readonly prebindElsewhere: Readonly<Record<string, string>>;
}

/** Who asks, and for whom. */
export interface Order {
  readonly caller: Caller;
  readonly account: Account;
  /** Of the page or of the site's backend. */
  readonly clientAddress: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

interface Session extends Handout {
  readonly prebound: Prebound;
}

/** Makes sessions for callers: as many as are needed, never a storm of them. */
export class PrebindService {
  readonly #context: BoshContext;
  readonly #settings: PrebindServiceSettings;
  readonly #guard: StormGuard<Session>;
  readonly #pace: Pace;
  /** Proofs are compared by their hashes under a key of this process, and not kept. */
  readonly #secret = randomBytes(32);
  readonly #stopped = new AbortController();

  constructor(context: BoshContext, settings: PrebindServiceSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#guard = new StormGuard(context.clock);
    const { prebindLoginsPerSecond: loginsPerSecond, prebindMaxLogins: maxLogins } = settings;
    this.#pace = new Pace({ loginsPerSecond, maxLogins }, context.clock);
  }

  /** A session for that account. Throws `PrebindError`, and then there is none. */
  async prebind({ caller, account, clientAddress, signal }: Order): Promise<Prebound> {
    if (!caller.domains.includes('*') && !caller.domains.includes(account.domain)) throw new PrebindError('forbidden');
    if (this.#context.isDraining()) throw new PrebindError('shutting-down');
    const { domain, proof, resource } = account;
    const waits = AbortSignal.any([signal, this.#stopped.signal]);
    const make = () => this.#pace.run(caller.name, waits, () => this.#make(caller, account, clientAddress));
    // Nobody knows whether two that are anonymous are the same one: they share nothing.
    if (proof.kind === 'anonymous') return (await make()).prebound;
    const user = JSON.stringify([caller.name, bareJid(account).toLowerCase()]);
    const { prebound } = await this.#guard.admit(user, this.#hash([domain, resource ?? null, proof]), waits, make);
    return prebound;
  }

  #hash(value: unknown): string {
    return createHmac('sha256', this.#secret).update(JSON.stringify(value)).digest('base64');
  }

  async #make(caller: Caller, account: Account, clientAddress: string): Promise<Session> {
    const { clock, log } = this.#context;
    const { prebindSeconds, prebindElsewhere } = this.#settings;
    const deadline = new AbortController();
    const timer = clock.after(prebindSeconds * 1000, () => deadline.abort(new PrebindError('timeout')));
    const begun = clock.now();
    const elsewhere = Object.hasOwn(prebindElsewhere, account.domain) ? prebindElsewhere[account.domain] : undefined;
    try {
      const session = await (elsewhere === undefined
        ? this.#makeHere(account, clientAddress, deadline.signal)
        : this.#makeThere(account, elsewhere, deadline.signal));
      const { sid } = session.prebound;
      const ms = Math.round(clock.now() - begun);
      log.info({ session: shortId(sid), to: account.domain, caller: caller.name, ms }, 'session prebound');
      return session;
    } catch (error) {
      throw toPrebindError(error);
    } finally {
      timer.cancel();
    }
  }

  async #makeHere(account: Account, clientAddress: string, signal: AbortSignal): Promise<Session> {
    const { prebindAttachSeconds: pauseSeconds, boshUrlOf, certificateOf } = this.#settings;
    // Of what a client may ask for, this much is asked for here.
    const settings = { ...this.#settings, maxPauseSeconds: pauseSeconds };
    const certificate = account.proof.kind === 'external' ? certificateOf(account.domain) : undefined;
    const channel = new LocalChannel(this.#context, settings, clientAddress, certificate, signal);
    const bound = await login(channel, account, { pauseSeconds });
    const session = channel.session;
    const { registry } = this.#context;
    if (session === undefined || registry.get(session.id) !== session) throw new PrebindError('temporary', 'it ended');
    let state: Session['state'] = 'waiting';
    const settled = new Promise<void>((resolve) => {
      const become = (next: Session['state']) => () => {
        state = next;
        resolve();
      };
      session.handOver(become('attached'));
      registry.whenOver(session.id, become('over'));
    });
    const prebound = { ...bound, rid: String(bound.rid), url: boshUrlOf(account.domain) };
    return {
      prebound,
      settled,
      get state() {
        return state;
      },
    };
  }

  async #makeThere(account: Account, url: string, signal: AbortSignal): Promise<Session> {
    const { clock } = this.#context;
    const bound = await login(new HttpChannel({ url, headers: {}, fetch, clock, signal }), account);
    const prebound = { ...bound, rid: String(bound.rid), url };
    return { prebound, state: 'unknown', settled: Promise.resolve() };
  }

  /** Nobody waits any more: all are told that the gateway stops. */
  stop(): void {
    this.#stopped.abort(new PrebindError('shutting-down'));
  }
}

/** Whatever was thrown, in the words of prebind. */
export function toPrebindError(error: unknown): PrebindError {
  if (error instanceof PrebindError) return error;
  return new PrebindError('internal-error', `${ERRORS[codeOf(error)].help} ${reasonOf(error)}`, { cause: error });
}
