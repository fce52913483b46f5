import { randomId } from '../core/id.ts';
import type { UpstreamSecurity } from '../core/ports.ts';
import { bareJid, type Account } from './account.ts';
import { PrebindError } from './errors.ts';
import { ScramClient, type ScramBinding, type ScramHash } from './scram.ts';

/** All that is spoken here, the strongest first. */
export const MECHANISMS = [
  'SCRAM-SHA-512-PLUS',
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-1-PLUS',
  'SCRAM-SHA-512',
  'SCRAM-SHA-256',
  'SCRAM-SHA-1',
  'OAUTHBEARER',
  'X-OAUTH2',
  'PLAIN',
  'EXTERNAL',
  'ANONYMOUS',
] as const;

export type Mechanism = (typeof MECHANISMS)[number];

/** What a server offers. */
export interface Offer {
  readonly mechanisms: readonly string[];
  /** XEP-0440: the types of channel binding; undefined where the server does not say. */
  readonly bindings: readonly string[] | undefined;
}

/** One run of a mechanism. Texts are what SASL carries, before base64. */
export interface SaslClient {
  readonly mechanism: Mechanism;
  /** Undefined: none, the server speaks first. */
  readonly initial: string | undefined;
  respond(challenge: string): Promise<string>;
  /** The server accepts; `data` came with that. Throws `untrusted-server`. */
  finish(data: string | undefined): void;
}

/** The types of channel binding that are known, the best first: those of TLS 1.3 (RFC 9266), then older ones (RFC 5929). */
const BINDINGS = ['tls-exporter', 'tls-unique', 'tls-server-end-point'] as const;

const HASHES: Readonly<Record<string, ScramHash>> = {
  'SCRAM-SHA-1': 'sha1',
  'SCRAM-SHA-256': 'sha256',
  'SCRAM-SHA-512': 'sha512',
};

/**
 * The mechanism to log in with. Throws `no-mechanism` where none fits: the proof, the server, `allowed`, and the rule that what
 * is readable on the wire goes only where nobody reads along.
 */
export function chooseMechanism(
  account: Account,
  offer: Offer,
  security: UpstreamSecurity,
  allowed: readonly string[] = MECHANISMS,
): SaslClient {
  const { proof } = account;
  const offered = new Set(offer.mechanisms);
  const has = (name: Mechanism): boolean => offered.has(name) && allowed.includes(name);
  const inClear = (name: Mechanism): boolean => has(name) && security.isPrivate;
  switch (proof.kind) {
    case 'password': {
      const actsFor = proof.authcid === undefined ? undefined : bareJid(account);
      // Servers that let one account act for others do so with PLAIN (RFC 4616); few read SCRAM's own field for it.
      if (actsFor !== undefined && inClear('PLAIN')) return plain(account, proof);
      const binding = bindingOf(offer, security);
      const name = MECHANISMS.find((one) => has(one) && fits(one, binding));
      const canBind = BINDINGS.some((type) => security.binding(type) !== undefined);
      if (name !== undefined) return scram(name, account, proof, binding, offer, canBind);
      if (inClear('PLAIN')) return plain(account, proof);
      break;
    }
    case 'token':
      if (inClear('OAUTHBEARER')) return bearer(account, proof.token);
      if (inClear('X-OAUTH2')) return once('X-OAUTH2', `\0${account.user}\0${proof.token}`);
      break;
    case 'external':
      if (has('EXTERNAL')) return once('EXTERNAL', account.user === '' ? '' : bareJid(account));
      break;
    case 'anonymous':
      if (has('ANONYMOUS')) return once('ANONYMOUS', undefined);
  }
  const clear = security.isPrivate ? '' : ', and the connection is not encrypted';
  throw new PrebindError('no-mechanism', `for ${proof.kind}: ${offer.mechanisms.join(' ').slice(0, 200)}${clear}`);
}

interface Binding {
  readonly type: string;
  readonly data: Buffer;
}

/** What both sides know of their TLS connection. */
function bindingOf({ bindings }: Offer, security: UpstreamSecurity): Binding | undefined {
  for (const type of BINDINGS) {
    // A server that does not say which one means the oldest. COMPAT(ejabberd, 23.01): it offers -PLUS also where there is none.
    if (!(bindings ?? ['tls-unique']).includes(type)) continue;
    const data = security.binding(type);
    if (data !== undefined) return { type, data };
  }
  return undefined;
}

function fits(name: Mechanism, binding: Binding | undefined): boolean {
  return name.startsWith('SCRAM-') && (binding !== undefined || !name.endsWith('-PLUS'));
}

type Password = Extract<Account['proof'], { kind: 'password' }>;

function scram(
  mechanism: Mechanism,
  account: Account,
  { password, authcid }: Password,
  binding: Binding | undefined,
  offer: Offer,
  canBind: boolean,
): SaslClient {
  const isPlus = mechanism.endsWith('-PLUS');
  // "y" says that an offer of -PLUS was hidden from us on the way: so only where there was none (RFC 5802 §6).
  const couldBind = canBind && !offer.mechanisms.some((name) => name.endsWith('-PLUS'));
  const bound: ScramBinding = isPlus && binding !== undefined ? binding : couldBind ? 'y' : 'n';
  const client = new ScramClient({
    hash: HASHES[mechanism.replace(/-PLUS$/, '')] as ScramHash,
    user: authcid ?? account.user,
    authzid: authcid === undefined ? undefined : bareJid(account),
    password,
    binding: bound,
    nonce: randomId(),
  });
  let challenges = 0;
  let verified = false;
  return {
    mechanism,
    initial: client.first(),
    async respond(challenge) {
      challenges += 1;
      if (challenges === 1) return client.final(challenge);
      // Some servers put their signature into a challenge of its own.
      client.verify(challenge);
      verified = true;
      return '';
    },
    finish(data) {
      if (!verified) client.verify(data);
    },
  };
}

/** A mechanism that says all at once. */
function once(mechanism: Mechanism, initial: string | undefined): SaslClient {
  // A server that asks again did not take what came with <auth/>, or wants an empty word for its last challenge.
  let isSaid = initial !== undefined;
  return {
    mechanism,
    initial,
    async respond() {
      const answer = isSaid ? '' : (initial ?? '');
      isSaid = true;
      return answer;
    },
    finish() {},
  };
}

/** RFC 4616. */
function plain(account: Account, { password, authcid }: Password): SaslClient {
  const authzid = authcid === undefined ? '' : bareJid(account);
  return once('PLAIN', `${authzid}\0${authcid ?? account.user}\0${password}`);
}

/** RFC 7628 §3.1. */
function bearer(account: Account, token: string): SaslClient {
  const name = bareJid(account).replaceAll('=', '=3D').replaceAll(',', '=2C');
  return {
    mechanism: 'OAUTHBEARER',
    initial: `n,a=${name},\x01auth=Bearer ${token}\x01\x01`,
    // The only challenge there is says why it failed, and is answered so (§3.2.3).
    respond: async () => '\x01',
    finish() {},
  };
}
