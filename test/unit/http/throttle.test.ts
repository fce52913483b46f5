import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../src/core/ports.ts';
import { clientKey, isPrivate, plainAddress } from '../../../src/http/client-address.ts';
import { Throttle, type ThrottleSettings } from '../../../src/http/throttle.ts';
import { TestClock } from '../../support/test-clock.ts';

const NONE = {
  maxConnectionsPerAddress: 0,
  maxSessionsPerAddress: 0,
  sessionsPerMinutePerAddress: 0,
  unknownSidsPerMinutePerAddress: 0,
  limitPrivateAddresses: false,
};

function throttle(settings: Partial<ThrottleSettings>, log = silentLogger) {
  const clock = new TestClock();
  return { clock, throttle: new Throttle({ ...NONE, ...settings }, clock, log) };
}

const A = '192.0.2.1';

test('throttle: counts come back with their release, each address for itself', () => {
  const { throttle: it } = throttle({ maxSessionsPerAddress: 2, maxConnectionsPerAddress: 1 });
  const first = it.admitSession(A);
  assert.ok(first && it.admitSession(A));
  assert.equal(it.admitSession(A), undefined);
  assert.ok(it.admitSession('192.0.2.2'));
  assert.ok(it.admitConnection(A));
  assert.equal(it.admitConnection(A), undefined);
  first();
  assert.ok(it.admitSession(A));
  assert.equal(it.admitSession(A), undefined);
});

test('throttle: a rate lets a whole minute pass in one burst, then as time goes', () => {
  const { throttle: it, clock } = throttle({ sessionsPerMinutePerAddress: 60, unknownSidsPerMinutePerAddress: 6 });
  for (let i = 0; i < 60; i++) it.admitSession(A)?.();
  assert.equal(it.admitSession(A), undefined, 'a session that is over counts too');
  for (let i = 0; i < 6; i++) assert.equal(it.admitUnknownSid(A), true);
  assert.equal(it.admitUnknownSid(A), false);
  clock.advance(1000);
  assert.ok(it.admitSession(A));
  assert.equal(it.admitSession(A), undefined);
  assert.equal(it.admitUnknownSid(A), false);
  clock.advance(9000);
  assert.equal(it.admitUnknownSid(A), true);
});

test('throttle: 0 is no limit, and nothing is remembered', () => {
  const { throttle: it } = throttle({});
  for (let i = 0; i < 5000; i++) assert.ok(it.admitSession(A) && it.admitConnection(A) && it.admitUnknownSid(A));
  assert.equal(it.size, 0);
});

test('throttle: the table stays bounded; addresses that have something open stay in it', () => {
  const { throttle: it } = throttle({ maxSessionsPerAddress: 1, unknownSidsPerMinutePerAddress: 1 });
  assert.ok(it.admitSession(A));
  for (let i = 0; i < 50_000; i++) it.admitUnknownSid(`198.${i & 255}.${i >> 8}.1`);
  assert.ok(it.size <= 10_001);
  assert.equal(it.admitSession(A), undefined);
});

test('throttle: the log is told, but not each time', () => {
  const lines: object[] = [];
  const log = { ...silentLogger, warn: (fields: object) => void lines.push(fields) };
  const { throttle: it, clock } = throttle({ maxSessionsPerAddress: 1 }, log);
  it.admitSession(A);
  for (let i = 0; i < 1000; i++) it.admitSession(A);
  assert.deepEqual([lines.length, lines[0]], [5, { client: A, limit: 'maxSessionsPerAddress' }]);
  clock.advance(10_000);
  it.admitSession(A);
  assert.equal(lines.length, 6);
});

test('throttle: private addresses are limited only where it is asked for', () => {
  const settings = { maxSessionsPerAddress: 1 };
  const { throttle: lax } = throttle(settings);
  const { throttle: strict } = throttle({ ...settings, limitPrivateAddresses: true });
  for (const address of ['127.0.0.1', '10.1.2.3', '172.17.0.1', '192.168.1.1', '::1', 'fd00::1', 'fe80::1%eth0']) {
    assert.ok(isPrivate(address), address);
    assert.ok(lax.admitSession(address) && lax.admitSession(address), address);
    assert.ok(strict.admitSession(address), address);
    assert.equal(strict.admitSession(address), undefined, address);
  }
  for (const address of ['192.0.2.1', '172.32.0.1', '11.0.0.1', '2001:db8::1', '8.8.8.8']) {
    assert.equal(isPrivate(address), false, address);
  }
});

test('client address: IPv4 counts whole and in one form, IPv6 by its network', () => {
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(plainAddress(undefined), '');
  assert.equal(clientKey('192.0.2.1'), '192.0.2.1');
  assert.equal(clientKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
  assert.equal(clientKey('2001:db8:1:2::6'), '2001:db8:1:2');
  assert.equal(clientKey('2001:db8::1'), '2001:db8:0:0');
  assert.equal(clientKey('::1'), '0:0:0:0');
  assert.equal(clientKey('fe80::1%eth0'), 'fe80:0:0:0');
  assert.notEqual(clientKey('2001:db8:1:3::6'), clientKey('2001:db8:1:2::6'));
});
