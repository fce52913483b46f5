import { createHmac, randomBytes } from 'node:crypto';
import { randomId } from '../core/id.ts';
import type { Account } from './account.ts';
import type { Host } from './host.ts';
import { bareOf, foldName, parseJid } from './jid.ts';
import { deriveCredentials, finish, parseClientFirst, ScramError, serverFirst } from './scram.ts';
import type { ScramCredentials, ScramHash } from './scram.ts';

/** RFC 6120 §6.5. */
export type SaslCondition =
  'aborted' | 'incorrect-encoding' | 'invalid-authzid' | 'invalid-mechanism' | 'malformed-request' | 'not-authorized';

export class SaslFault extends Error {
  readonly condition: SaslCondition;
  constructor(condition: SaslCondition) {
    super(condition);
    this.name = 'SaslFault';
    this.condition = condition;
  }
}

/** What the server says next: a challenge, or that the client is who it says, with additional data where there is any. */
export type SaslStep = { readonly challenge: string } | { readonly account: Account; readonly data?: string };

/** One run of one mechanism. Throws `SaslFault`. */
export type SaslExchange = (response: string) => SaslStep;

export function mechanismsOf(host: Host): string[] {
  // Strongest first: clients that have no opinion take the first one that they know.
  return ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', ...(host.anonymous ? ['ANONYMOUS'] : [])];
}

export function startExchange(host: Host, mechanism: string): SaslExchange {
  if (!mechanismsOf(host).includes(mechanism)) throw new SaslFault('invalid-mechanism');
  switch (mechanism) {
    case 'SCRAM-SHA-256':
      return scram(host, 'sha256');
    case 'SCRAM-SHA-1':
      return scram(host, 'sha1');
    case 'PLAIN':
      return (response) => plain(host, response);
    default:
      return () => ({ account: host.addAnonymous() });
  }
}

/** Nobody may act as somebody else here: an authorization identity must be the user's own. */
function checkAuthzid(account: Account, authzid: string): void {
  if (authzid === '') return;
  const jid = parseJid(authzid);
  if (jid === undefined || bareOf(jid) !== account.jid) throw new SaslFault('invalid-authzid');
}

/** RFC 4616. */
function plain(host: Host, response: string): SaslStep {
  const parts = response.split('\0');
  const [authzid = '', name = '', password = ''] = parts;
  if (parts.length !== 3 || name === '' || password === '') throw new SaslFault('malformed-request');
  const account = host.accounts.get(foldName(name));
  if (account?.hasPassword(password) !== true) throw new SaslFault('not-authorized');
  checkAuthzid(account, authzid);
  return { account };
}

/** So that a stranger sees the same salt each time, as a user does, and cannot tell who exists. */
const STRANGER_KEY = randomBytes(32);

function strangersCredentials(hash: ScramHash, name: string): ScramCredentials {
  const salt = createHmac('sha256', STRANGER_KEY).update(name).digest().subarray(0, 16);
  return deriveCredentials(hash, randomId(), salt, 4096);
}

/** RFC 5802, RFC 7677. */
function scram(host: Host, hash: ScramHash): SaslExchange {
  let proceed: ((final: string) => SaslStep) | undefined;
  const begin = (message: string): SaslStep => {
    const first = parseClientFirst(message);
    const name = foldName(first.name);
    const account = host.accounts.get(name);
    const credentials = account?.credentials(hash) ?? strangersCredentials(hash, name);
    const challenge = serverFirst(first, credentials, randomId());
    proceed = (final) => {
      const data = finish(hash, first, challenge, credentials, final);
      if (account === undefined) throw new SaslFault('not-authorized');
      checkAuthzid(account, first.authzid);
      return { account, data };
    };
    return { challenge };
  };
  return (response) => {
    try {
      return (proceed ?? begin)(response);
    } catch (error) {
      throw error instanceof ScramError ? new SaslFault(error.condition) : error;
    }
  };
}

const LONGEST_BASE64 = 10_000;

/** RFC 6120 §6.4.2: base64 without white space; "=" is an empty one. */
export function decodeSasl(text: string): string {
  if (text === '' || text === '=') return '';
  if (text.length > LONGEST_BASE64) throw new SaslFault('malformed-request');
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new SaslFault('incorrect-encoding');
  return Buffer.from(text, 'base64').toString('utf8');
}

export function encodeSasl(text: string): string {
  return text === '' ? '=' : Buffer.from(text, 'utf8').toString('base64');
}
