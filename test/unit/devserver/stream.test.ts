import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auth, bindRequest, devServer, rawClient, response } from './support.ts';

test('RFC 6120 §4.7: the header has id, from, version and xml:lang, and features follow', async (t) => {
  const client = await rawClient(t, await devServer(t));
  client.open("to='LOCALHOST' version='1.0' xml:lang='de'");
  const header = await client.until(/<stream:stream[^>]*>/);
  assert.match(header, /^<\?xml version='1.0'\?>/);
  assert.match(header, / id='[\w-]{20,}'/);
  assert.match(header, / from='localhost'.* version='1.0'.* xml:lang='de'/);
  const features = await client.until(/<\/stream:features>/);
  const mechanisms = [...features.matchAll(/<mechanism>([^<]*)</g)].map(([, name]) => name);
  assert.deepEqual(mechanisms, ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']);
});

test('RFC 6120 §4.4: a closing tag is answered by a closing tag and the end of the connection', async (t) => {
  const client = await rawClient(t, await devServer(t));
  await client.login('romeo', 'garden');
  client.send('</stream:stream>');
  await client.until(/<\/stream:stream>$/);
  await client.end();
  assert.equal(client.text, '');
});

test('RFC 6120 §4.4: stopping closes every stream with system-shutdown', async (t) => {
  const server = await devServer(t);
  const client = await rawClient(t, server);
  await client.login('romeo', 'garden');
  const stopped = server.stop();
  await client.until(/<stream:error><system-shutdown [^>]*\/><\/stream:error><\/stream:stream>$/);
  await client.end();
  client.socket.end();
  await stopped;
});

const RUBBISH = [
  [
    'host-unknown',
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='x' version='1.0'>",
  ],
  [
    'unsupported-version',
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost'>",
  ],
  [
    'invalid-namespace',
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
  ],
  ['invalid-namespace', '<html>'],
  ['not-well-formed', 'GET / HTTP/1.1\r\n\r\n'],
  ['restricted-xml', '<!DOCTYPE x>'],
  ['unsupported-encoding', "<?xml version='1.0' encoding='latin1'?><a>"],
] as const;
for (const [condition, text] of RUBBISH) {
  test(`RFC 6120 §4.9: ${JSON.stringify(text.slice(0, 40))} is answered with ${condition}`, async (t) => {
    const client = await rawClient(t, await devServer(t));
    client.send(text);
    const answer = await client.until(/<\/stream:stream>/);
    assert.match(answer, /^<\?xml version='1.0'\?><stream:stream /);
    assert.match(
      answer,
      new RegExp(`<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`),
    );
    await client.end();
  });
}

const AFTER_LOGIN = [
  ['unsupported-stanza-type', '<rubbish/>'],
  ['unsupported-stanza-type', "<message xmlns='jabber:server'/>"],
  ['not-well-formed', '<message></iq>'],
  ['bad-format', 'text between stanzas <presence/>'],
] as const;
for (const [condition, text] of AFTER_LOGIN) {
  test(`RFC 6120 §4.9: ${text} after login is answered with ${condition}`, async (t) => {
    const client = await rawClient(t, await devServer(t));
    await client.login('romeo', 'garden');
    client.send(text);
    await client.until(new RegExp(`<stream:error><${condition} [^>]*/></stream:error></stream:stream>$`));
    await client.end();
  });
}

test('RFC 6120 §6.4: a stanza before login ends the stream with not-authorized', async (t) => {
  const client = await rawClient(t, await devServer(t));
  client.open();
  client.send("<message to='juliet@localhost'><body>x</body></message>");
  await client.until(/<stream:error><not-authorized [^>]*\/><\/stream:error><\/stream:stream>$/);
});

test('RFC 4616: PLAIN, with and without initial response; a wrong password may be tried again', async (t) => {
  const client = await rawClient(t, await devServer(t));
  client.open();
  await client.until(/<\/stream:features>/);
  client.send(auth('PLAIN', '\0romeo\0wrong'));
  await client.until(/<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized\/><\/failure>/);
  client.send(auth('PLAIN'));
  await client.until(/<challenge xmlns='[^']*'\/>/);
  client.send(response('\0romeo\0montague'));
  await client.until(/<success [^>]*\/>/);
});

const FAILURES = [
  ['invalid-mechanism', auth('DIGEST-MD5', 'x')],
  ['invalid-mechanism', auth('ANONYMOUS')],
  ['malformed-request', auth('PLAIN', 'romeo')],
  ['malformed-request', auth('SCRAM-SHA-1', 'rubbish')],
  ['malformed-request', response('x')],
  ['incorrect-encoding', "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>a*b=</auth>"],
  ['invalid-authzid', auth('PLAIN', 'juliet@localhost\0romeo\0montague')],
  ['not-authorized', auth('PLAIN', '\0nobody\0montague')],
  ['aborted', "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"],
] as const;
test('RFC 6120 §6.5: each failure has its condition, and five of them end the stream', async (t) => {
  const server = await devServer(t);
  for (const [condition, request] of FAILURES) {
    const client = await rawClient(t, server);
    client.open();
    client.send(request);
    await client.until(new RegExp(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/></failure>`));
    client.send(request.repeat(4));
    await client.until(/<stream:error><policy-violation [^>]*\/><\/stream:error><\/stream:stream>$/);
    await client.end();
  }
});

test('RFC 6120 §7: a resource is made up where none is asked for', async (t) => {
  const client = await rawClient(t, await devServer(t));
  const jid = await client.login('romeo', '');
  assert.match(jid, /^romeo@localhost\/[\w-]{20,}$/);
});

test('RFC 6120 §7.7.2.2: the newer session takes the resource, the older one sees a conflict', async (t) => {
  const server = await devServer(t);
  const older = await rawClient(t, server);
  const newer = await rawClient(t, server);
  await older.login('romeo', 'garden');
  assert.equal(await newer.login('romeo', 'garden'), 'romeo@localhost/garden');
  await older.until(/<stream:error><conflict [^>]*\/><\/stream:error><\/stream:stream>$/);
  await older.end();
  older.socket.end();
  newer.send("<message to='romeo@localhost/garden'><body>still here</body></message>");
  await newer.until(/<body>still here<\/body>/);
});

test('RFC 6120 §7: what is asked before binding ends the stream', async (t) => {
  const client = await rawClient(t, await devServer(t));
  client.open();
  client.send(auth('PLAIN', '\0romeo\0montague'));
  await client.until(/<success[^>]*>/);
  client.open();
  await client.until(/<bind .*<\/stream:features>/);
  client.send(bindRequest('x'.repeat(2000)));
  await client.until(/<iq [^>]*type='error'.*<bad-request .*<\/iq>/);
  client.send("<message to='juliet@localhost'/>");
  await client.until(/<not-authorized [^>]*\/><\/stream:error>/);
});
