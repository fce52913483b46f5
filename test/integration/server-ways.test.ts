import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { stropheBosh } from '../support/clients/strophe.ts';
import { xmppJsWebSocket } from '../support/clients/xmpp-js.ts';
import { ejabberdProgram, startEjabberd } from '../support/ejabberd.ts';
import { startFront, type Way } from '../support/front.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { RawWebSocket } from '../support/raw-websocket.ts';
import { skipWithout, type Account, type RealServer } from '../support/real-server.ts';

const BIND = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/** Two clients log in by that way and say something to each other. */
async function chat(t: TestContext, server: RealServer, tag: string, way: Way): Promise<void> {
  const front = await startFront(server, way);
  t.after(() => front.stop());
  const [alice, bob] = await server.pair(tag);
  const login = async (library: typeof stropheBosh, account: Account) => {
    const client = await library.login({ urls: front.urls, domain: server.domain, account });
    t.after(() => client.destroy());
    return client;
  };
  const [one, other] = [await login(stropheBosh, alice), await login(xmppJsWebSocket, bob)];
  await other.sendPresence();
  await one.sendMessage(bob.jid, `hello by ${tag}`);
  await other.message(`hello by ${tag}`, alice.jid);
  await one.logout();
  await other.logout();
  await front.empty();
}

/** A login by hand, so that a header of the handshake can say who comes. */
async function loginFrom(t: TestContext, port: number, domain: string, { user, password }: Account, address: string) {
  const socket = await RawWebSocket.connect(t, port, { headers: { 'X-Forwarded-For': address } });
  const open = (): void => socket.open(`to='${domain}' version='1.0'`);
  const expect = async (pattern: RegExp): Promise<void> => assert.match(await socket.message(), pattern);
  open();
  await expect(/^<open /);
  await expect(/mechanisms/);
  const plain = Buffer.from(`\0${user}\0${password}`).toString('base64');
  socket.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`);
  await expect(/<success /);
  open();
  await expect(/^<open /);
  await expect(/<bind /);
  socket.send(BIND);
  await expect(/<jid>/);
  return socket;
}

for (const [name, skip, start] of [
  ['Prosody', skipWithout(prosodyProgram), startProsody],
  ['ejabberd', skipWithout(ejabberdProgram), startEjabberd],
] as const) {
  describe(`ways to ${name}`, { skip, timeout: 200_000 }, () => {
    let server: RealServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    test('UP-TLS-07, UP-TLS-08: by direct TLS', { timeout: 40_000 }, (t) =>
      chat(t, server, 'direct', { tls: 'direct', port: server.directPort }),
    );

    test('UP-TLS-02: by STARTTLS', { timeout: 40_000 }, (t) => chat(t, server, 'starttls', {}));

    // Debian's Prosody has no mod_net_proxy: it is a community module.
    if (name !== 'ejabberd') return;
    for (const proxyProtocol of ['v1', 'v2'] as const) {
      test(`by PROXY ${proxyProtocol}: the server knows from where a client comes`, { timeout: 40_000 }, async (t) => {
        const way = { port: server.proxyPort ?? 0, proxyProtocol, trustedProxies: ['127.0.0.1'] };
        await chat(t, server, `proxy-${proxyProtocol}`, way);
        const front = await startFront(server, way);
        t.after(() => front.stop());
        const port = Number(new URL(front.urls.bosh).port);
        for (const address of ['203.0.113.77', '2001:db8::77']) {
          const [alice] = await server.pair(`from-${proxyProtocol}-${address.replace(/[.:]+/g, '-')}`);
          const socket = await loginFrom(t, port, server.domain, alice, address);
          assert.equal(await server.addressOf?.(alice.user), address);
          socket.close();
          await socket.ended();
        }
        await front.empty();
      });
    }
  });
}
