import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { PrebindError } from '../../../src/prebind/errors.ts';
import { TokenVerifier, type TokenSettings } from '../../../src/prebind/token.ts';

const NOW = 1_700_000_000;
const SECRET = 'a secret of thirty-two bytes or more';
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const issuers = {
  site: { alg: 'HS256' as const, key: SECRET, domains: ['a.example'] },
  other: { alg: 'EdDSA' as const, key: PEM, domains: ['b.example'], issuer: 'https://b.example' },
};
const CLAIMS = { sub: 'alice@a.example', aud: 'sluice', iat: NOW, exp: NOW + 60, jti: '1' };

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const join = (header: unknown, claims: unknown): string => `${part(header)}.${part(claims)}`;
function hs256(claims: unknown, header: unknown = { alg: 'HS256', typ: 'JWT' }, key = SECRET): string {
  const text = join(header, claims);
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}
function eddsa(claims: unknown): string {
  const text = join({ alg: 'EdDSA', kid: 'other' }, claims);
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

function verifier(settings: Partial<TokenSettings> = {}, clock = { now: NOW }): TokenVerifier {
  return new TokenVerifier({ issuers, maxSeconds: 300, mayRepeat: false, ...settings }, () => clock.now);
}
const fails = (code: string) => (error: unknown) => error instanceof PrebindError && error.code === code;

test('token: HS256 and EdDSA, and who signed says for which domains', () => {
  const tokens = verifier();
  assert.deepEqual(tokens.verify(hs256(CLAIMS)), { sub: 'alice@a.example', by: 'site', domains: ['a.example'] });
  const claims = { ...CLAIMS, sub: 'bob@b.example', iss: 'https://b.example', aud: ['web', 'sluice'] };
  assert.deepEqual(tokens.verify(eddsa(claims)), { sub: 'bob@b.example', by: 'other', domains: ['b.example'] });
});

const good = hs256(CLAIMS);
const [head = '', body = '', signature = ''] = good.split('.');
const wrong: Readonly<Record<string, string>> = {
  'no token at all': 'x',
  'two parts': `${head}.${body}`,
  'no signature': `${head}.${body}.`,
  'a cut signature': `${head}.${body}.${signature.slice(0, -4)}`,
  'another body': `${head}.${part({ ...CLAIMS, sub: 'admin@a.example' })}.${signature}`,
  'alg none': `${join({ alg: 'none' }, CLAIMS)}.AA`,
  'the public key as a secret (RFC 8725 §2.1)': hs256(CLAIMS, { alg: 'HS256', kid: 'other' }, PEM),
  HS512: hs256(CLAIMS, { alg: 'HS512' }),
  'a key that is not ours': hs256(CLAIMS, { alg: 'HS256' }, 'b'.repeat(32)),
  'an unknown kid': hs256(CLAIMS, { alg: 'HS256', kid: 'nobody' }),
  crit: hs256(CLAIMS, { alg: 'HS256', crit: ['exp'] }),
  'a header that is no JSON': hs256(CLAIMS, 'x'),
  'a header that is a list': hs256(CLAIMS, []),
  'claims that are no JSON': hs256('{'),
  'no sub': hs256({ ...CLAIMS, sub: undefined }),
  'no aud': hs256({ ...CLAIMS, aud: undefined }),
  'the aud of another service': hs256({ ...CLAIMS, aud: 'mail' }),
  'no exp': hs256({ ...CLAIMS, exp: undefined }),
  'exp as text': hs256({ ...CLAIMS, exp: String(NOW + 60) }),
  'no iat': hs256({ ...CLAIMS, iat: undefined }),
  'a life that is too long': hs256({ ...CLAIMS, exp: NOW + 301 }),
  'no jti': hs256({ ...CLAIMS, jti: undefined }),
  'no iss where one is asked for': eddsa(CLAIMS),
  'five thousand characters': `${good}${'A'.repeat(5000)}`,
};
for (const [what, token] of Object.entries(wrong)) {
  test(`token: ${what} is refused`, () => assert.throws(() => verifier().verify(token), fails('token-invalid')));
}

test('token: expired, or not valid yet', () => {
  const clock = { now: NOW + 89 };
  const tokens = verifier({}, clock);
  tokens.verify(hs256(CLAIMS));
  clock.now = NOW + 90;
  assert.throws(() => tokens.verify(hs256({ ...CLAIMS, jti: '2' })), fails('token-expired'));
  assert.throws(() => tokens.verify(hs256({ ...CLAIMS, iat: NOW + 121, exp: NOW + 180 })), fails('token-expired'));
  assert.throws(() => tokens.verify(hs256({ ...CLAIMS, nbf: NOW + 121, exp: NOW + 180 })), fails('token-expired'));
});

test('token: one is good for once, for each who signs', () => {
  const tokens = verifier();
  tokens.verify(good);
  assert.throws(() => tokens.verify(good), fails('token-replayed'));
  tokens.verify(hs256({ ...CLAIMS, jti: '2' }));
  tokens.verify(eddsa({ ...CLAIMS, iss: 'https://b.example' }));
});

test('token: with prebindTokenReuse it is good until it expires', () => {
  const clock = { now: NOW };
  const tokens = verifier({ mayRepeat: true }, clock);
  const token = hs256({ ...CLAIMS, jti: undefined });
  tokens.verify(token);
  tokens.verify(token);
  clock.now = NOW + 90;
  assert.throws(() => tokens.verify(token), fails('token-expired'));
});
