import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamSecurity } from '../../../src/core/ports.ts';
import type { Account, Proof } from '../../../src/prebind/account.ts';
import { PrebindError } from '../../../src/prebind/errors.ts';
import { chooseMechanism, MECHANISMS, type Offer } from '../../../src/prebind/mechanisms.ts';

const account = (proof: Proof, user = 'alice'): Account => ({ user, domain: 'a.example', resource: undefined, proof });
const PASSWORD: Proof = { kind: 'password', password: 'secret' };
const SERVICE: Proof = { kind: 'password', password: 'secret', authcid: 'site' };
const TOKEN: Proof = { kind: 'token', token: 'abc.def' };
const line = (types: readonly string[] = [], isPrivate = true): UpstreamSecurity => ({
  isPrivate,
  binding: (type) => (types.includes(type) ? Buffer.from(type) : undefined),
});
const offer = (names: string, bindings?: readonly string[]): Offer => ({ mechanisms: names.split(' '), bindings });
const ALL = MECHANISMS.join(' ');
const PLUS = 'SCRAM-SHA-1-PLUS SCRAM-SHA-1';
const EXPORTER = ['tls-exporter'];

// prettier-ignore
const choices: readonly (readonly [what: string, Proof, Offer, UpstreamSecurity, mechanism: string, initial?: RegExp])[] = [
  ['the strongest', PASSWORD, offer(ALL, EXPORTER), line(EXPORTER), 'SCRAM-SHA-512-PLUS', /^p=tls-exporter,,n=alice,r=/],
  ['the strongest that is not bound', PASSWORD, offer(ALL), line(), 'SCRAM-SHA-512', /^n,,n=alice,r=/],
  ['"y" where the server hides -PLUS, or has none', PASSWORD, offer('PLAIN SCRAM-SHA-1'), line(EXPORTER), 'SCRAM-SHA-1', /^y,,/],
  ['no "y" where no type is common', PASSWORD, offer(PLUS, ['tls-server-end-point']), line(EXPORTER), 'SCRAM-SHA-1', /^n,,/],
  ['the type that the server names', PASSWORD, offer(PLUS, ['tls-server-end-point']), line(['tls-exporter', 'tls-server-end-point']), 'SCRAM-SHA-1-PLUS', /^p=tls-server-end-point,,/],
  ['none where it names no type, in TLS 1.3', PASSWORD, offer(PLUS), line(EXPORTER), 'SCRAM-SHA-1', /^n,,/],
  ['TLS 1.2 where it names none', PASSWORD, offer(PLUS), line(['tls-unique', 'tls-server-end-point']), 'SCRAM-SHA-1-PLUS', /^p=tls-unique,,/],
  ['PLAIN for want of better', PASSWORD, offer('PLAIN'), line(), 'PLAIN', /^\0alice\0secret$/],
  ['SCRAM also in clear', PASSWORD, offer(ALL), line([], false), 'SCRAM-SHA-512'],
  ['a service that acts for a user', SERVICE, offer(ALL), line(EXPORTER), 'PLAIN', /^alice@a\.example\0site\0secret$/],
  ['the same where there is no PLAIN', SERVICE, offer('SCRAM-SHA-256'), line(), 'SCRAM-SHA-256', /^n,a=alice@a\.example,n=site,r=/],
  ['OAUTHBEARER', TOKEN, offer(ALL), line(), 'OAUTHBEARER', /^n,a=alice@a\.example,.auth=Bearer abc\.def..$/s],
  ['X-OAUTH2', TOKEN, offer('X-OAUTH2 PLAIN'), line(), 'X-OAUTH2', /^\0alice\0abc\.def$/],
  ['EXTERNAL', { kind: 'external' }, offer(ALL), line(), 'EXTERNAL', /^alice@a\.example$/],
];

for (const [what, proof, offered, security, mechanism, initial] of choices) {
  test(`mechanisms: ${what}`, () => {
    const client = chooseMechanism(account(proof), offered, security);
    assert.equal(client.mechanism, mechanism);
    if (initial !== undefined) assert.match(client.initial ?? '', initial);
  });
}

const none: readonly (readonly [what: string, Proof, Offer, UpstreamSecurity])[] = [
  ['PLAIN in clear', PASSWORD, offer('PLAIN'), line([], false)],
  ['a token in clear', TOKEN, offer(ALL), line([], false)],
  ['a service by PLAIN in clear', SERVICE, offer('PLAIN'), line([], false)],
  ['only -PLUS, and nothing to bind to', PASSWORD, offer('SCRAM-SHA-1-PLUS'), line()],
  ['nothing that is known', PASSWORD, offer('DIGEST-MD5 CRAM-MD5'), line()],
  ['a password where only tokens are taken', PASSWORD, offer('X-OAUTH2'), line()],
  ['ANONYMOUS where it is not offered', { kind: 'anonymous' }, offer('PLAIN'), line()],
];

for (const [what, proof, offered, security] of none) {
  test(`mechanisms: none for ${what}`, () => {
    const isTold = (error: unknown): boolean =>
      error instanceof PrebindError && error.code === 'no-mechanism' && !error.message.includes('secret');
    assert.throws(() => chooseMechanism(account(proof), offered, security), isTold);
  });
}

test('mechanisms: only those that are allowed', () => {
  const allowed = ['SCRAM-SHA-1'] as const;
  assert.equal(chooseMechanism(account(PASSWORD), offer(ALL), line(EXPORTER), allowed).mechanism, 'SCRAM-SHA-1');
});

test('mechanisms: a server that speaks first is told once, then has an empty word', async () => {
  const anonymous = chooseMechanism(account({ kind: 'anonymous' }, ''), offer('ANONYMOUS'), line());
  assert.equal(anonymous.initial, undefined);
  assert.equal(await anonymous.respond(''), '');
  const plain = chooseMechanism(account(PASSWORD), offer('PLAIN'), line());
  assert.equal(await plain.respond('what?'), '', 'the password is not said twice');
});

test('RFC 7628 §3.2.3: the challenge that tells why a token failed is answered', async () => {
  const bearer = chooseMechanism(account(TOKEN), offer('OAUTHBEARER'), line());
  assert.equal(await bearer.respond('{"status":"invalid_token"}'), '\x01');
});
