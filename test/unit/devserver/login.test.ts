import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { auth, devServer, rawClient, response, xmppClient } from './support.ts';

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

test('@xmpp/client logs in by SCRAM-SHA-1, and not with a wrong password', async (t) => {
  const server = await devServer(t);
  const right = xmppClient(t, server, { username: 'romeo', password: 'montague', resource: 'garden' });
  assert.equal((await right.client.start()).toString(), 'romeo@localhost/garden');
  const wrong = xmppClient(t, server, { username: 'romeo', password: 'capulet' });
  await assert.rejects(wrong.client.start(), { name: 'SASLError', condition: 'not-authorized' });
  const unknown = xmppClient(t, server, { username: 'mercutio', password: 'x' });
  await assert.rejects(unknown.client.start(), { name: 'SASLError', condition: 'not-authorized' });
});

test('RFC 4505: @xmpp/client logs in by ANONYMOUS where it is offered, under a new name each time', async (t) => {
  const server = await devServer(t, { anonymous: true });
  const one = (await xmppClient(t, server, {}).client.start()).toString();
  const two = (await xmppClient(t, server, {}).client.start()).toString();
  assert.match(one, /^[\da-f-]{36}@localhost\/.+/);
  assert.notEqual(one.split('@')[0], two.split('@')[0]);
});

test('RFC 7677: SCRAM-SHA-256 over the wire, checked from the other side of the RFC', async (t) => {
  const client = await rawClient(t, await devServer(t));
  client.open();
  await client.until(/<\/stream:features>/);
  client.send(auth('SCRAM-SHA-256', 'n,,n=juliet,r=abcdef'));
  const wire = /<challenge[^>]*>([^<]*)</.exec(await client.until(/<\/challenge>/))?.[1] ?? '';
  const challenge = Buffer.from(wire, 'base64').toString();
  const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(challenge) ?? [];
  assert.match(nonce, /^abcdef.{20,}$/);

  const salted = pbkdf2Sync('capulet', Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const message = `n=juliet,r=abcdef,${challenge},c=biws,r=${nonce}`;
  const signature = hmac(createHash('sha256').update(clientKey).digest(), message);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)));
  client.send(response(`c=biws,r=${nonce},p=${proof.toString('base64')}`));
  const success = /<success[^>]*>([^<]*)</.exec(await client.until(/<\/success>/))?.[1] ?? '';
  const expected = hmac(hmac(salted, 'Server Key'), message).toString('base64');
  assert.equal(Buffer.from(success, 'base64').toString(), `v=${expected}`);
});
