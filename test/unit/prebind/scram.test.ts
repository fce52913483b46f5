import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrebindError } from '../../../src/prebind/errors.ts';
import { saslPrep } from '../../../src/prebind/saslprep.ts';
import { ScramClient, type ScramBinding, type ScramHash, type ScramInput } from '../../../src/prebind/scram.ts';

interface Vector {
  readonly from: string;
  readonly hash: ScramHash;
  readonly nonce: string;
  readonly challenge: string;
  readonly proof: string;
  readonly signature: string;
}

const USER = { user: 'user', password: 'pencil', binding: 'n' as ScramBinding };
const vectors: readonly Vector[] = [
  {
    from: 'RFC 5802 §5',
    hash: 'sha1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    from: 'RFC 7677 §3',
    hash: 'sha256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
  {
    from: 'draft-melnikov-scram-sha-512 §4',
    hash: 'sha512',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    challenge:
      'r=rOprNGfwEbeRWgbNEkqO02431b08-2f89-4bad-a4e6-80c0564ec865,s=Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=,i=4096',
    proof: 'Hc5yec3NmCD7t+kFRw4/3yD6/F3SQHc7AVYschRja+Bc3sbdjlA0eH1OjJc0DD4ghn1tnXN5/Wr6qm9xmaHt4A==',
    signature: 'BQuhnKHqYDwQWS5jAw4sZed+C9KFUALsbrq81bB0mh+bcUUbbMPNNmBIupnS2AmyyDnG5CTBQtkjJ9kyY4kzmw==',
  },
];

const client = (given: Partial<ScramInput> = {}) => new ScramClient({ hash: 'sha1', nonce: 'abc', ...USER, ...given });
const fails = (code: string) => (error: unknown) => error instanceof PrebindError && error.code === code;

for (const { from, hash, nonce, challenge, proof, signature } of vectors) {
  test(`scram: the vector of ${from}`, async () => {
    const scram = client({ hash, nonce });
    assert.equal(scram.first(), `n,,n=user,r=${nonce}`);
    const combined = /^(r=[^,]*)/.exec(challenge)?.[1] ?? '';
    assert.equal(await scram.final(challenge), `c=biws,${combined},p=${proof}`);
    scram.verify(`v=${signature}`);
    for (const wrong of [`v=${proof}`, undefined, '', 'e=other-error', `v=${signature}AAAA`]) {
      assert.throws(() => scram.verify(wrong), fails('untrusted-server'), wrong ?? 'nothing');
    }
  });
}

test('scram: a server that has not seen the proof cannot be believed', () => {
  assert.throws(() => client().verify('v=AAAA'), fails('untrusted-server'));
});

test('RFC 5802 §5.1, §6: names are escaped, and what the connection is bound to is signed', async () => {
  const data = Buffer.from([0, 1, 254, 255]);
  const scram = client({ user: 'a,b=c', authzid: 'x=y@z', binding: { type: 'tls-exporter', data } });
  const header = 'p=tls-exporter,a=x=3Dy@z,';
  assert.equal(scram.first(), `${header}n=a=2Cb=3Dc,r=abc`);
  const final = await scram.final('r=abcd,s=QSXCR+Q6sek8bf92,i=4096');
  const bound = Buffer.from(/^c=([^,]*)/.exec(final)?.[1] ?? '', 'base64');
  assert.deepEqual(bound, Buffer.concat([Buffer.from(header), data]));
  assert.equal(client({ binding: 'y' }).first(), 'y,,n=user,r=abc');
});

const SALT = 's=QSXCR+Q6sek8bf92';
for (const challenge of [
  '',
  'r=abc',
  `r=xyz123,${SALT},i=4096`,
  `r=abc,${SALT},i=4096`,
  `r=abcd,${SALT}`,
  `r=abcd,s=***,i=4096`,
  `r=abcd,${SALT},i=4095`,
  `r=abcd,${SALT},i=0`,
  `r=abcd,${SALT},i=500001`,
  `r=abcd,${SALT},i=99999999999999`,
  `r=abcd,${SALT},i=-1`,
  `m=ext,r=abcd,${SALT},i=4096`,
]) {
  test(`scram: the challenge "${challenge}" is refused`, async () => {
    await assert.rejects(client().final(challenge), fails('server-fault'));
  });
}

test('RFC 4013 §3: SASLprep', () => {
  const good = { 'I\u00adX': 'IX', user: 'user', USER: 'USER', '\u00aa': 'a', '\u2168': 'IX', 'a\u00a0b': 'a b' };
  for (const [text, prepared] of Object.entries(good)) assert.equal(saslPrep(text), prepared);
  assert.equal(saslPrep('\u05d0\u05d1'), '\u05d0\u05d1', 'all from right to left');
  for (const text of ['\u0007', '\u0627\u0031', '\ue000', '\u{e0001}', '\ud800', 'a\u05d0', '\ufffd']) {
    assert.throws(() => saslPrep(text), fails('bad-request'), JSON.stringify(text));
  }
});
