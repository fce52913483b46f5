import { checkResource, parseJid, type Account, type Proof } from './account.ts';
import { PrebindError } from './errors.ts';

/** An account that the gateway has itself, and that acts for the users of a domain. */
export interface ServiceAccount {
  readonly user: string;
  readonly password: string;
}

/** How users are proven of whom the caller says no more than their JIDs. */
export interface OwnProofs {
  /** By domain. */
  readonly accounts: Readonly<Record<string, ServiceAccount>>;
  /** Whether the gateway shows a certificate to the server of that domain (SASL EXTERNAL). */
  readonly hasCertificate: (domain: string) => boolean;
}

const TEXTS = ['jid', 'resource', 'password', 'token', 'authcid'] as const;
const FLAGS = ['external', 'anonymous'] as const;
const LONGEST_SECRET = 16_384;

/** Who shall be in chat, as a caller writes it. */
export interface AccountInput {
  /** `user@domain`, with a resource where it has to be that one; a domain alone for somebody anonymous. */
  readonly jid?: string;
  readonly resource?: string;
  readonly password?: string;
  /** With `password`: an account that may act for the user, and whose password it is. */
  readonly authcid?: string;
  /** An OAuth 2.0 bearer token. */
  readonly token?: string;
  /** By the certificate that the gateway shows to the server. */
  readonly external?: boolean;
  readonly anonymous?: boolean;
}

/** Reads JSON that says who shall be in chat. Throws `bad-request`, without repeating what was sent. */
export function readAccount(json: unknown, own: OwnProofs): Account {
  const { jid, resource, ...proof } = fieldsOf(json);
  if (jid === undefined) throw new PrebindError('bad-request', 'jid is missing');
  const named = parseJid(jid);
  const account = {
    ...named,
    ...(resource !== undefined && { resource: checkResource(resource) }),
    proof: proofOf(proof, named.domain, own),
  };
  if ((account.proof.kind === 'anonymous') !== (account.user === '')) {
    throw new PrebindError('bad-request', 'jid is a domain for somebody anonymous, and user@domain for all others');
  }
  return account;
}

/** Bytes of a JSON document to a value. Throws `bad-request`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // V8 repeats a piece of the text, which may be a password.
    throw new PrebindError('bad-request', 'the body is no JSON');
  }
}

function fieldsOf(json: unknown): AccountInput {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new PrebindError('bad-request', 'the body is no JSON object');
  }
  for (const [name, value] of Object.entries(json)) {
    const isText = TEXTS.some((text) => text === name);
    if (!isText && !FLAGS.some((flag) => flag === name)) {
      throw new PrebindError('bad-request', `unknown field; known are ${[...TEXTS, ...FLAGS].join(', ')}`);
    }
    const fits = isText ? typeof value === 'string' && value.length <= LONGEST_SECRET : typeof value === 'boolean';
    if (!fits) throw new PrebindError('bad-request', `${name} must be ${isText ? 'text' : 'true or false'}`);
  }
  return json;
}

function proofOf(fields: Omit<AccountInput, 'jid' | 'resource'>, domain: string, own: OwnProofs): Proof {
  const { password, token, external, anonymous, authcid } = fields;
  const given = [password, token, external === true || undefined, anonymous === true || undefined];
  if (given.filter((one) => one !== undefined).length > 1) {
    throw new PrebindError('bad-request', 'one proof is enough: password, token, external or anonymous');
  }
  if (authcid !== undefined && password === undefined)
    throw new PrebindError('bad-request', 'authcid needs a password');
  if (password !== undefined) {
    if (password === '' || `${password}${authcid ?? ''}`.includes('\0')) {
      throw new PrebindError('bad-request', 'password is empty or holds a NUL');
    }
    return { kind: 'password', password, authcid };
  }
  if (token !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new PrebindError('bad-request', 'token holds characters that no token has');
    return { kind: 'token', token };
  }
  if (anonymous === true) return { kind: 'anonymous' };
  if (external !== true && Object.hasOwn(own.accounts, domain)) {
    const { user, password: secret } = own.accounts[domain] as ServiceAccount;
    return { kind: 'password', password: secret, authcid: user };
  }
  if (own.hasCertificate(domain)) return { kind: 'external' };
  throw new PrebindError(
    'bad-request',
    external === true ? 'the gateway has no certificate' : 'there is no proof of the account',
  );
}
