import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deriveCredentials,
  finish,
  parseClientFirst,
  ScramError,
  serverFirst,
  type ScramHash,
} from '../../../src/devserver/scram.ts';

const VECTORS = [
  {
    title: 'RFC 5802 §5: the SCRAM-SHA-1 example',
    hash: 'sha1' as ScramHash,
    salt: 'QSXCR+Q6sek8bf92',
    first: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    serverNonce: '3rfcNHYJY1ZVvWVs7j',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    success: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    title: 'RFC 7677 §3: the SCRAM-SHA-256 example',
    hash: 'sha256' as ScramHash,
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    final: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    success: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
];

for (const { title, hash, salt, first, serverNonce, challenge, final, success } of VECTORS) {
  const credentials = deriveCredentials(hash, 'pencil', Buffer.from(salt, 'base64'), 4096);
  const run = (message: string) => finish(hash, parseClientFirst(first), challenge, credentials, message);

  test(title, () => {
    assert.equal(serverFirst(parseClientFirst(first), credentials, serverNonce), challenge);
    assert.equal(run(final), success);
  });

  test(`${title}: what differs is refused`, () => {
    const refused = [
      final.replace('p=', 'p=AA'),
      final.replace(/p=./, (start) => (start === 'p=A' ? 'p=B' : 'p=A')),
      final.replace(/,p=.*/, ',p='),
      final.replace(serverNonce.slice(0, 4), 'XXXX'),
      final.replace(/r=[^,]*/, 'r='),
      // "y,," was signed where "n,," was sent: somebody took the -PLUS mechanisms away (RFC 5802 §6).
      final.replace('c=biws', 'c=eSws'),
    ];
    for (const message of refused) {
      assert.throws(() => run(message), { name: 'ScramError', condition: 'not-authorized' }, message);
    }
    const wrong = deriveCredentials(hash, 'pencils', Buffer.from(salt, 'base64'), 4096);
    assert.throws(() => finish(hash, parseClientFirst(first), challenge, wrong, final), ScramError);
  });
}

test('RFC 5802 §5.1, §7: the client-first-message is taken apart, escapes and authzid too', () => {
  assert.deepEqual(parseClientFirst('y,a=o=3Do,n=a=2Cb,r=xyz,ext=1'), {
    gs2Header: 'y,a=o=3Do,',
    authzid: 'o=o',
    name: 'a,b',
    nonce: 'xyz',
    bare: 'n=a=2Cb,r=xyz,ext=1',
  });
});

test('RFC 5802 §7: what is no client-first-message is malformed', () => {
  const malformed = [
    '',
    'n,,',
    'n,,n=,r=x',
    'n,,n=u',
    'n,,n=u,r=',
    'n,,m=x,n=u,r=x',
    'p=tls-unique,,n=u,r=x',
    'n,,n=a=20,r=x',
  ];
  for (const message of malformed) {
    assert.throws(() => parseClientFirst(message), { condition: 'malformed-request' }, message);
  }
});
