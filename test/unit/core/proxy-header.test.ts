import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { decodeProxyHeader, encodeProxyHeader, ProxyHeaderError } from '../../../src/core/proxy-header.ts';

const V2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const server = { address: '192.0.2.1', port: 5222 };

test('PROXY v1: the lines of the specification', () => {
  const line = (address: string, to = server) => encodeProxyHeader('v1', { address, port: 56324 }, to).toString();
  assert.equal(line('203.0.113.9'), 'PROXY TCP4 203.0.113.9 192.0.2.1 56324 5222\r\n');
  assert.equal(line('::ffff:203.0.113.9'), 'PROXY TCP4 203.0.113.9 192.0.2.1 56324 5222\r\n');
  assert.match(line('2001:db8::9'), /^PROXY TCP6 2001:db8:0:0:0:0:0:9 0:0:0:0:0:ffff:c000:201 56324 5222\r\n$/);
  assert.equal(line('nobody'), 'PROXY UNKNOWN\r\n');
});

test('PROXY v2: the bytes of the specification', () => {
  const bytes = encodeProxyHeader('v2', { address: '203.0.113.9', port: 1 }, server);
  assert.equal(bytes.toString('hex'), `${V2.toString('hex')}2111000ccb007109c000020100011466`);
  const wide = encodeProxyHeader('v2', { address: '2001:db8::9', port: 1 }, server);
  assert.deepEqual([wide[13], wide.length], [0x21, 52]);
  assert.equal(
    encodeProxyHeader('v2', { address: '', port: 1 }, server).toString('hex'),
    `${V2.toString('hex')}20000000`,
  );
});

test('PROXY: what is written is read again, however it is cut, and nothing behind it is taken', () => {
  const peer = fc.record({ address: fc.oneof(fc.ipV4(), fc.constant('2001:db8:0:0:0:0:0:9')), port: fc.nat(65_535) });
  fc.assert(
    fc.property(fc.constantFrom('v1' as const, 'v2' as const), peer, peer, (version, from, to) => {
      const header = encodeProxyHeader(version, from, to);
      for (let end = 0; end < header.length; end++) assert.equal(decodeProxyHeader(header.subarray(0, end)), undefined);
      const { source, length } = decodeProxyHeader(Buffer.concat([header, Buffer.from('GET /')])) ?? {};
      assert.deepEqual([{ ...source }, length], [{ ...from }, header.length]);
    }),
  );
});

test('PROXY: health checks and other kinds of sockets say nothing of a client; TLVs are skipped', () => {
  const read = (hex: string) => decodeProxyHeader(Buffer.concat([V2, Buffer.from(hex, 'hex')]));
  assert.deepEqual(read('20000000'), { source: undefined, length: 16 });
  assert.deepEqual(read('2131000400000000'), { source: undefined, length: 20 });
  assert.deepEqual(read('2111000fcb007109c00002010001146604000000'), {
    source: { address: '203.0.113.9', port: 1 },
    length: 31,
  });
  assert.deepEqual(decodeProxyHeader(Buffer.from('PROXY UNKNOWN x y\r\n')), { source: undefined, length: 19 });
});

for (const bad of [
  ...[
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n',
    'PROXY TCP4 ::1 ::1 1 1\r\n',
    'PROXY TCP6 1.2.3.4 ::1 1 1\r\n',
  ],
  ...['PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n', 'PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n', 'PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n'],
  ...[`PROXY TCP4 ${'1'.repeat(120)}`, 'proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n', 'PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n'],
]) {
  test(`PROXY v1: '${bad.slice(0, 40).trim()}' is refused`, () => {
    assert.throws(() => decodeProxyHeader(Buffer.from(bad)), ProxyHeaderError);
  });
}

test('PROXY v2: other versions, commands and lengths are refused', () => {
  for (const hex of ['31110000', '22110000', '2111ffff', '2111000400000000', `2121000c${'00'.repeat(12)}`]) {
    assert.throws(() => decodeProxyHeader(Buffer.concat([V2, Buffer.from(hex, 'hex')])), ProxyHeaderError, hex);
  }
});
