import assert from 'node:assert/strict';
import { test } from 'node:test';
import { devServer, rawClient, xml, xmppClient } from './support.ts';

const ROMEO = { username: 'romeo', password: 'montague', resource: 'garden' };
const JULIET = { username: 'juliet', password: 'capulet', resource: 'balcony' };

test('RFC 6121 §4: presence goes both ways, at login, on change and at the end', async (t) => {
  const server = await devServer(t);
  const romeo = xmppClient(t, server, ROMEO);
  const juliet = xmppClient(t, server, JULIET);
  await romeo.client.start();
  await romeo.client.send(xml('presence', {}, xml('status', {}, 'in the garden')));
  await romeo.next('the own presence', ({ attrs }) => attrs['from'] === 'romeo@localhost/garden');
  await juliet.client.start();
  await juliet.client.send(xml('presence'));
  const seen = await juliet.next('romeo', ({ attrs }) => attrs['from'] === 'romeo@localhost/garden');
  assert.equal(seen.getChildText('status'), 'in the garden');
  await romeo.next(
    'juliet',
    ({ attrs }) => attrs['from'] === 'juliet@localhost/balcony' && attrs['type'] === undefined,
  );
  await juliet.client.stop();
  await romeo.next(
    'the end of juliet',
    ({ attrs }) => attrs['from'] === 'juliet@localhost/balcony' && attrs['type'] === 'unavailable',
  );
});

test('RFC 6121 §4.5.2: a broken connection makes a user unavailable, and tells whom directed presence went to', async (t) => {
  const server = await devServer(t, { anonymous: true });
  const romeo = await rawClient(t, server);
  const juliet = await rawClient(t, server);
  await romeo.login('romeo', 'garden');
  await juliet.login('juliet', 'balcony');
  const stranger = xmppClient(t, server, {});
  const address = (await stranger.client.start()).toString();
  juliet.send(`<presence to='${address}'/>`);
  await stranger.next('directed presence', ({ attrs }) => attrs['from'] === 'juliet@localhost/balcony');
  juliet.socket.destroy();
  await romeo.until(/<presence [^>]*type='unavailable'[^>]*from='juliet@localhost\/balcony'/);
  await stranger.next('its end', ({ attrs }) => attrs['type'] === 'unavailable');
});

test('100 KB of text with markup, quotes and emoji come through unchanged, both ways', async (t) => {
  const server = await devServer(t);
  const romeo = xmppClient(t, server, ROMEO);
  const juliet = xmppClient(t, server, JULIET);
  for (const { client } of [romeo, juliet]) {
    await client.start();
    await client.send(xml('presence'));
  }
  await juliet.next('the own presence', ({ attrs }) => attrs['from'] === 'juliet@localhost/balcony');
  const text = `<>&"' 🌹 `.repeat(9000);
  const to = 'juliet@localhost/balcony';
  await romeo.client.send(xml('message', { type: 'chat', to, from: 'mercutio@localhost' }, xml('body', {}, text)));
  const there = await juliet.next('the message', (stanza) => stanza.is('message'));
  assert.ok(there.getChildText('body') === text);
  assert.equal(there.attrs['from'], 'romeo@localhost/garden');
  await juliet.client.send(xml('message', { type: 'chat', to: 'romeo@localhost' }, xml('body', {}, text)));
  const back = await romeo.next('the answer', (stanza) => stanza.is('message'));
  assert.ok(back.getChildText('body') === text);
});

test('XEP-0160, XEP-0203: messages wait for a user who is away, in order and with a stamp, up to a bound', async (t) => {
  const server = await devServer(t);
  const romeo = await rawClient(t, server);
  await romeo.login('romeo', 'garden');
  for (let i = 0; i < 101; i++)
    romeo.send(`<message id='m${i}' to='juliet@localhost' type='chat'><body>${i}</body></message>`);
  await romeo.until(/<message [^>]*type='error' id='m100'[^>]*><error type='cancel'><service-unavailable /);
  const juliet = await rawClient(t, server);
  await juliet.login('juliet', 'balcony', false);
  juliet.send('<presence><priority>-1</priority></presence>');
  await juliet.until(/<presence [^>]*from='juliet@localhost\/balcony'/);
  juliet.send('<presence/>');
  const text = await juliet.until(/<body>99<\/body>.*?<\/message>/);
  assert.deepEqual(
    [...text.matchAll(/<body>(\d+)</g)].map(([, n]) => Number(n)),
    [...Array(100).keys()],
  );
  assert.match(text, /<delay xmlns='urn:xmpp:delay' from='localhost' stamp='\d{4}-\d\d-\d\dT[\d:.]+Z'\/><\/message>$/);
});

test('RFC 6121 §8.5: unknown users and foreign domains are errors, errors are not answered', async (t) => {
  const romeo = await rawClient(t, await devServer(t));
  await romeo.login('romeo', 'garden');
  romeo.send("<message type='error' to='nobody@localhost'/><iq type='result' id='r' to='localhost'/>");
  romeo.send("<message id='a' to='nobody@localhost'><body>x</body></message>");
  assert.match(await romeo.until(/<\/message>/), /^.*from='nobody@localhost'.*<service-unavailable /);
  romeo.send("<message id='b' to='x@example.org'><body>x</body></message>");
  assert.match(await romeo.until(/<\/message>/), /<remote-server-not-found /);
  romeo.send("<message id='c' to='@@'><body>x</body></message>");
  assert.match(await romeo.until(/<\/message>/), /id='c'.*<jid-malformed /);
});

test('XEP-0280: other sessions of sender and receiver get copies once they have asked for them', async (t) => {
  const server = await devServer(t);
  const [romeo, phone, juliet, tablet] = [
    await rawClient(t, server),
    await rawClient(t, server),
    await rawClient(t, server),
    await rawClient(t, server),
  ];
  await romeo.login('romeo', 'garden');
  await phone.login('romeo', 'phone');
  await juliet.login('juliet', 'balcony');
  await tablet.login('juliet', 'tablet');
  for (const client of [phone, tablet]) {
    client.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    await client.until(/<iq [^>]*type='result' id='c'/);
  }
  romeo.send(
    "<message type='chat' to='juliet@localhost/balcony'><body>secret</body><private xmlns='urn:xmpp:carbons:2'/></message>",
  );
  romeo.send("<message type='chat' to='juliet@localhost/balcony'><body>hello</body></message>");
  const forwarded = "<forwarded xmlns='urn:xmpp:forward:0'><message .*<body>hello<.*</forwarded>";
  const sent = await phone.until(new RegExp(`<sent xmlns='urn:xmpp:carbons:2'>${forwarded}`));
  const received = await tablet.until(new RegExp(`<received xmlns='urn:xmpp:carbons:2'>${forwarded}`));
  assert.doesNotMatch(sent + received, /secret/);
  assert.doesNotMatch(await juliet.until(/<body>hello<\/body>/), /carbons:2'>/);
});
