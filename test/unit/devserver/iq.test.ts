import assert from 'node:assert/strict';
import { test } from 'node:test';
import { devServer, rawClient, xml, xmppClient, type RawClient } from './support.ts';

let serial = 0;

function query(content: string): string {
  return `<query xmlns='jabber:iq:private'>${content}</query>`;
}

function pubsub(content: string): string {
  return `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${content}</pubsub>`;
}

async function ask(client: RawClient, type: string, payload: string, to?: string): Promise<string> {
  const id = `q${serial++}`;
  client.send(`<iq type='${type}' id='${id}'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`);
  return client.until(new RegExp(`<iq [^>]*id='${id}'[^>]*(/>|>.*?</iq>)`));
}

test('XEP-0199: @xmpp/client pings the server', async (t) => {
  const server = await devServer(t);
  const { client } = xmppClient(t, server, { username: 'romeo', password: 'montague', resource: 'garden' });
  await client.start();
  const ping = xml('iq', { type: 'get', to: 'localhost', id: 'p' }, xml('ping', { xmlns: 'urn:xmpp:ping' }));
  const answer = await client.iqCaller.request(ping);
  assert.deepEqual([answer.attrs['type'], answer.attrs['from']], ['result', 'localhost']);
});

test('the questions that clients ask at login have answers', async (t) => {
  const client = await rawClient(t, await devServer(t));
  await client.login('romeo', 'garden');
  const info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
  const items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
  assert.match(
    await ask(client, 'get', info, 'localhost'),
    /<identity category='server' type='im'.*urn:xmpp:carbons:2/,
  );
  assert.match(await ask(client, 'get', info, 'romeo@localhost'), /type='pep'.*pubsub#publish-options/);
  assert.match(await ask(client, 'get', info), /from='romeo@localhost'.*type='registered'/);
  assert.match(await ask(client, 'get', items, 'localhost'), /type='result'.*disco#items'\/>/);
  assert.match(await ask(client, 'get', "<query xmlns='jabber:iq:version'/>", 'localhost'), /<name>Sluice/);
  assert.match(await ask(client, 'get', "<time xmlns='urn:xmpp:time'/>", 'localhost'), /<tzo>Z<\/tzo><utc>\d/);
  assert.match(await ask(client, 'get', "<query xmlns='jabber:iq:last'/>", 'localhost'), /seconds='\d+'/);
  assert.match(await ask(client, 'set', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"), /type='result'/);
  assert.match(await ask(client, 'get', "<blocklist xmlns='urn:xmpp:blocking'/>"), /<blocklist [^>]*\/>/);
  assert.match(await ask(client, 'get', "<vCard xmlns='vcard-temp'/>", 'juliet@localhost'), /<FN>Juliet<\/FN>/);
});

test('RFC 6120 §8.4: what is not understood is service-unavailable', async (t) => {
  const client = await rawClient(t, await devServer(t));
  await client.login('romeo', 'garden');
  const requests: [string, string?][] = [
    ["<query xmlns='urn:xmpp:mam:2'/>"],
    ["<x xmlns='constructor'/>", 'localhost'],
    ["<query xmlns='jabber:iq:roster'/>", 'juliet@localhost'],
    ["<ping xmlns='urn:xmpp:ping'/>", 'juliet@localhost/nowhere'],
    ["<ping xmlns='urn:xmpp:ping'/>", 'nobody@localhost'],
  ];
  for (const [payload, to] of requests) {
    assert.match(await ask(client, 'get', payload, to), /type='error'.*<service-unavailable /);
  }
  assert.match(await ask(client, 'get', ''), /<bad-request /);
  assert.match(await ask(client, 'get', "<ping xmlns='urn:xmpp:ping'/>", 'example.org'), /<remote-server-not-found /);
});

test('RFC 6121 §2: everybody is in the roster of everybody else; changes are pushed', async (t) => {
  const server = await devServer(t);
  const [client, other] = [await rawClient(t, server), await rawClient(t, server)];
  await client.login('romeo', 'garden');
  await other.login('romeo', 'phone');
  const get = "<query xmlns='jabber:iq:roster'/>";
  assert.match(
    await ask(client, 'get', get),
    /<item jid='juliet@localhost' name='Juliet' subscription='both'\/><\/query>/,
  );
  await ask(other, 'get', get);
  const item = "<item jid='Juliet@localhost' name='&lt;J&gt;'><group>Capulets &amp; co</group></item>";
  assert.match(await ask(client, 'set', `<query xmlns='jabber:iq:roster'>${item}</query>`), /type='result'/);
  const push = await other.until(/<iq [^>]*type='set'.*<\/iq>/);
  assert.match(push, /jid='juliet@localhost' name='&lt;J&gt;' subscription='both'><group>Capulets &amp; co</);
});

test('RFC 6121 §3: a removed contact is gone on both sides, and a new request is granted at once', async (t) => {
  const server = await devServer(t);
  const [romeo, juliet] = [await rawClient(t, server), await rawClient(t, server)];
  await romeo.login('romeo', 'garden');
  await juliet.login('juliet', 'balcony');
  for (const client of [romeo, juliet]) await ask(client, 'get', "<query xmlns='jabber:iq:roster'/>");
  const remove = "<query xmlns='jabber:iq:roster'><item jid='juliet@localhost' subscription='remove'/></query>";
  await ask(romeo, 'set', remove);
  await juliet.until(/<item jid='romeo@localhost'[^>]*subscription='none'\/>/);
  romeo.text = '';
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  const answer = await romeo.until(/<presence [^>]*from='juliet@localhost\/balcony'/);
  assert.match(
    answer,
    /<presence [^>]*type='subscribed' from='juliet@localhost'.*<item jid='juliet@localhost' subscription='to'\/>/,
  );
  await juliet.until(/<item jid='romeo@localhost'[^>]*subscription='from'\/>/);
});

test('RFC 6121 §8.5.3: requests and answers pass between sessions, stamped with the sender', async (t) => {
  const server = await devServer(t);
  const [romeo, juliet] = [await rawClient(t, server), await rawClient(t, server)];
  await romeo.login('romeo', 'garden');
  await juliet.login('juliet', 'balcony');
  romeo.send("<iq type='get' id='x' to='juliet@localhost/balcony'><q xmlns='urn:q' a='>'>1 &lt; 2</q></iq>");
  const request = await juliet.until(/<\/iq>/);
  assert.match(request, /<iq [^>]*from='romeo@localhost\/garden'[^>]*><q xmlns='urn:q' a='>'>1 &lt; 2<\/q><\/iq>$/);
  juliet.send("<iq type='result' id='x' to='romeo@localhost/garden'/>");
  await romeo.until(/<iq [^>]*type='result'[^>]*from='juliet@localhost\/balcony'\/>/);
});

test('XEP-0049, XEP-0054, XEP-0163: what a client stores comes back; what is not there is item-not-found', async (t) => {
  const server = await devServer(t);
  const [romeo, juliet] = [await rawClient(t, server), await rawClient(t, server)];
  await romeo.login('romeo', 'garden');
  await juliet.login('juliet', 'balcony');
  assert.match(await ask(romeo, 'get', query("<s xmlns='urn:s'/>")), /<s xmlns='urn:s'\/><\/query>/);
  await ask(romeo, 'set', query("<s xmlns='urn:s'>kept</s>"));
  assert.match(await ask(romeo, 'get', query("<s xmlns='urn:s'/>")), /<s xmlns='urn:s'>kept<\/s>/);

  await ask(romeo, 'set', "<vCard xmlns='vcard-temp'><FN>R. M.</FN></vCard>");
  assert.match(await ask(juliet, 'get', "<vCard xmlns='vcard-temp'/>", 'romeo@localhost'), /<FN>R. M.<\/FN>/);

  const items = pubsub("<items node='n'/>");
  assert.match(await ask(juliet, 'get', items, 'romeo@localhost'), /<item-not-found /);
  const publish = pubsub("<publish node='n'><item id='current'><p xmlns='urn:p'>1</p></item></publish>");
  assert.match(await ask(romeo, 'set', publish), /<publish node='n'><item id='current'\/>/);
  await ask(romeo, 'set', publish.replace('>1<', '>2<'));
  assert.match(
    await ask(juliet, 'get', items, 'romeo@localhost'),
    /<items node='n'><item [^>]*id='current'[^>]*><p xmlns='urn:p'>2<\/p><\/item><\/items>/,
  );
  assert.match(await ask(juliet, 'set', publish, 'romeo@localhost'), /<service-unavailable /);
  await ask(romeo, 'set', pubsub("<retract node='n'><item id='current'/></retract>"));
  assert.match(await ask(romeo, 'get', items), /<items node='n'\/>/);
});
