import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import test from 'node:test';
import * as fc from 'fast-check';
import { formatIp, isNetwork, Networks, parseIp } from '../../../src/core/ip.ts';

test('ip: what is an address to Node is one here, and nothing else is', () => {
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/), fc.string());
  fc.assert(
    fc.property(texts, (text) => {
      // A leading zero is octal to some; a zone says where, not who.
      if (/%|(^|[.:])0\d+(\.|$)/.test(text)) return;
      assert.equal(parseIp(text)?.length ?? 0, { 0: 0, 4: 4, 6: 16 }[isIP(text)], text);
    }),
  );
});

test('ip: text and bytes and back', () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(fc.property(address, (bytes) => assert.deepEqual([...(parseIp(formatIp(bytes)) ?? [])], [...bytes])));
  assert.deepEqual([...(parseIp('fe80::1%eth0') ?? [])].slice(-1), [1]);
  for (const odd of [
    '010.0.0.1',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '::1::',
    '1:2:3:4:5:6:7',
    ':::',
    '1.2.3.4:5',
    '',
  ]) {
    assert.equal(parseIp(odd), undefined, odd);
  }
});

test('ip: networks: their ends are in them, their neighbours are not, and mapped addresses count as IPv4', () => {
  const networks = new Networks(['10.1.0.0/15', '192.0.2.7', '2001:db8::/33', '::1']);
  for (const inside of ['10.0.0.0', '10.1.255.255', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:7fff::', '::1']) {
    assert.equal(networks.has(inside), true, inside);
  }
  for (const outside of ['10.2.0.0', '10.3.0.0', '9.255.255.255', '192.0.2.8', '2001:db8:8000::', '::2', '', 'x']) {
    assert.equal(networks.has(outside), false, outside);
  }
  assert.ok(new Networks(['0.0.0.0/0']).has('203.0.113.1'));
  assert.ok(!new Networks(['0.0.0.0/0']).has('2001:db8::1'));
});

test('ip: what is no network is refused', () => {
  for (const good of ['10.0.0.0/8', '10.0.0.1', '::/0', '2001:db8::/128']) assert.ok(isNetwork(good), good);
  for (const bad of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', 'x/8', '', 'fe80::1%eth0', '10.0.0.0/-1']) {
    assert.ok(!isNetwork(bad), bad);
    assert.throws(() => new Networks([bad]), RangeError);
  }
});
