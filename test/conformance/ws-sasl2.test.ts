import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { startBench, type Bench } from '../support/bench.ts';
import { XmppJsClient } from '../support/clients/xmpp-js.ts';
import type { ServerConnection } from '../support/scripted-server.ts';

const ACCOUNT = { user: 'romeo', jid: 'romeo@example.com', password: 'montague' };
const TOKEN = 'fast-token-of-romeo';

const FEATURES =
  "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline>" +
  "<sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/></inline></bind>" +
  "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>";

function romeo(t: TestContext, bench: Bench): XmppJsClient {
  const urls = { websocket: `ws://localhost:${bench.port}/xmpp-websocket`, bosh: '' };
  const client = new XmppJsClient({ urls, domain: 'example.com', account: ACCOUNT });
  t.after(() => client.destroy());
  return client;
}

async function offer(bench: Bench): Promise<ServerConnection> {
  const server = await bench.u.accept();
  await server.expectHeader();
  server.sendHeader(FEATURES);
  return server;
}

const responder = createHmac('sha256', TOKEN).update('Responder').digest('base64');
const initiator = Buffer.concat([
  Buffer.from('romeo\0'),
  createHmac('sha256', TOKEN).update('Initiator').digest(),
]).toString('base64');

test('SASL2-01, SASL2-02, SASL2-04, SASL2-11, SM-13: @xmpp/client logs in by SASL2, Bind 2 and a token, and resumes inline', async (t) => {
  const bench = await startBench(t);
  const client = romeo(t, bench);
  const login = client.login();
  let server = await offer(bench);
  const first = await server.expect('mechanism="PLAIN"');
  for (const part of ['<initial-response>', '<user-agent ', '<enable ', '<request-token '])
    assert.ok(first.includes(part), first);
  const bound = "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/></bound>";
  const token = `<token xmlns='urn:xmpp:fast:0' token='${TOKEN}' expiry='2099-01-01T00:00:00Z'/>`;
  const identifier = '<authorization-identifier>romeo@example.com/web</authorization-identifier>';
  server.send(
    `<success xmlns='urn:xmpp:sasl:2'>${identifier}${bound}${token}</success><stream:features><csi xmlns='urn:xmpp:csi:0'/></stream:features>`,
  );
  await login;
  assert.equal(client.jid, 'romeo@example.com/web');
  await client.sendMessage('juliet@example.com', 'one');
  await server.expect('one');
  server.send("<message from='juliet@example.com'><body>two</body></message><r xmlns='urn:xmpp:sm:3'/>");
  await client.message('two', 'juliet@example.com');
  assert.match(await server.expect('<a '), /h="1"/);

  const resumed = client.breakAndResume();
  assert.equal(await server.closed(), 'bare');
  server = await offer(bench);
  const again = await server.expect('mechanism="HT-SHA-256-NONE"');
  assert.match(again, /<fast /);
  assert.match(again, /<resume [^>]*previd="s1"/);
  const response = /<initial-response>([^<]*)</.exec(again)?.[1] ?? '';
  assert.equal(response, initiator);
  server.send(
    `<success xmlns='urn:xmpp:sasl:2'><additional-data>${responder}</additional-data>${identifier}<resumed xmlns='urn:xmpp:sm:3' previd='s1' h='1'/></success><message from='juliet@example.com'><body>kept</body></message>`,
  );
  await resumed;
  await client.message('kept', 'juliet@example.com');
  await client.sendMessage('juliet@example.com', 'three');
  await server.expect('three');
  assert.equal(server.received.split('<stream:stream').length, 2, 'no restart');
});
