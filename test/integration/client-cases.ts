import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChatClient, ChatLibrary } from '../support/clients/chat-client.ts';
import { oldFraming } from '../support/clients/old-framing.ts';
import { stanzaBosh, stanzaWebSocket } from '../support/clients/stanza.ts';
import { stropheBosh, StropheClient, stropheWebSocket } from '../support/clients/strophe.ts';
import { XmppJsClient, xmppJsWebSocket } from '../support/clients/xmpp-js.ts';
import { startFront, type Front } from '../support/front.ts';
import type { Account, RealServer } from '../support/real-server.ts';
import { eventually } from '../support/waiting.ts';

/** Each logs in as the user under test; the next in the ring is the other user. */
const libraries: readonly ChatLibrary[] = [
  ...[stropheBosh, stropheWebSocket, stanzaBosh, stanzaWebSocket, xmppJsWebSocket, oldFraming],
];

const special = `<b class="x">&amp; 'quoted' & "double"</b> ]]> <!-- -->`;
const emoji = 'Grüße 👋🏽 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 𝕏 ‮right-to-left‬ 漢字';
const long = '0123456789 <&> "ä€" 😀 '.repeat(5_000).slice(0, 100 * 1024 - 3) + 'end';
const texts = [special, emoji, long];

interface Site {
  readonly front: Front;
  readonly login: (library: ChatLibrary, account: Account) => Promise<ChatClient>;
  /** Has the client destroyed at the end. */
  readonly keep: <T extends ChatClient>(client: T) => T;
}

/** Every case against one server: titles start with the server's name. */
export function testClients(serverName: string, skip: string | false, startServer: () => Promise<RealServer>): void {
  describe(`real clients against ${serverName}`, { skip, timeout: 240_000 }, () => {
    let server: RealServer;
    before(async () => {
      server = await startServer();
    });
    after(() => server?.stop());

    /** Each case has a gateway of its own, so that none meets what another left behind. */
    async function open(t: TestContext): Promise<Site> {
      const front = await startFront(server);
      const clients = new Set<ChatClient>();
      t.after(async () => {
        for (const client of clients) client.destroy();
        await front.stop();
      });
      const keep = <T extends ChatClient>(client: T): T => {
        clients.add(client);
        return client;
      };
      const login = async (library: ChatLibrary, account: Account): Promise<ChatClient> =>
        keep(await library.login({ urls: front.urls, domain: server.domain, account }));
      return { front, keep, login };
    }

    for (const [index, library] of libraries.entries()) {
      const other = libraries[(index + 1) % libraries.length] ?? library;

      test(`${library.name} logs in, chats with ${other.name} and logs out`, { timeout: 40_000 }, async (t) => {
        const site = await open(t);
        const [alice, bob] = await server.pair(`${index}`);
        const bobClient = await site.login(other, bob);
        await bobClient.sendPresence();
        const aliceClient = await site.login(library, alice);
        assert.match(aliceClient.mechanism, /^SCRAM-SHA-(1|256|512)$/);
        assert.deepEqual([...(await aliceClient.roster())], [[bob.jid, 'both']]);

        await aliceClient.sendPresence();
        await bobClient.presence(alice.jid, 'available');
        await aliceClient.presence(bob.jid, 'available');

        for (const text of texts) {
          await aliceClient.sendMessage(bob.jid, text);
          await bobClient.sendMessage(alice.jid, text);
        }
        for (const text of texts) {
          await bobClient.message(text, alice.jid);
          await aliceClient.message(text, bob.jid);
        }
        assert.equal(aliceClient.messages.length, texts.length);
        assert.equal(bobClient.messages.length, texts.length);

        await aliceClient.logout();
        await bobClient.presence(alice.jid, 'unavailable');
        await bobClient.logout();
        await site.front.empty();
      });
    }

    test(
      '@xmpp/client resumes its stream over a new WebSocket, and nothing is lost or doubled',
      { timeout: 40_000 },
      async (t) => {
        const site = await open(t);
        const [alice, bob] = await server.pair('resume');
        const bobClient = await site.login(stanzaWebSocket, bob);
        await bobClient.sendPresence();
        const options = { urls: site.front.urls, domain: server.domain, account: alice };
        const aliceClient = site.keep(new XmppJsClient(options));
        await aliceClient.login();
        await aliceClient.sendPresence();
        await bobClient.presence(alice.jid, 'available');
        const seen = bobClient.presences.length;
        for (let round = 1; round <= 3; round++) {
          // Bob writes while Alice is cut off, and Alice as soon as she may.
          const resumed = aliceClient.breakAndResume();
          await bobClient.sendMessage(alice.jid, `to alice ${round}`);
          await resumed;
          await aliceClient.sendMessage(bob.jid, `to bob ${round}`);
          await aliceClient.message(`to alice ${round}`, bob.jid);
          await bobClient.message(`to bob ${round}`, alice.jid);
        }
        const changes = bobClient.presences.slice(seen).filter(({ from }) => from === alice.jid);
        assert.deepEqual(changes, [], 'nobody saw Alice go or come');
        assert.deepEqual([aliceClient.messages.length, bobClient.messages.length], [3, 3]);
        await aliceClient.logout();
        await bobClient.presence(alice.jid, 'unavailable');
        await bobClient.logout();
        await site.front.empty();
      },
    );

    test('a page reload with Strophe and keepalive loses and doubles no message', { timeout: 40_000 }, async (t) => {
      const site = await open(t);
      const { front } = site;
      const [alice, bob] = await server.pair('reload');
      const bobClient = await site.login(xmppJsWebSocket, bob);
      await bobClient.sendPresence();
      const page = (): StropheClient => site.keep(new StropheClient(front.urls.bosh, true));
      const bodies = (from: number, to: number): string[] =>
        Array.from({ length: to - from }, (_, offset) => `message ${from + offset} <&> ${emoji}`);
      const send = async (from: number, to: number): Promise<void> => {
        for (const body of bodies(from, to)) await bobClient.sendMessage(alice.jid, body);
      };

      let current = page();
      await current.login({ urls: front.urls, domain: server.domain, account: alice });
      current.sendPresence();
      await bobClient.presence(alice.jid, 'available');
      const sawOnline = bobClient.presences.length;
      await send(0, 5);
      await current.message(bodies(4, 5)[0] ?? '', bob.jid);
      const seen = current.messages.map(({ body }) => body);

      for (let reload = 1; reload <= 5; reload++) {
        const gone = current;
        await eventually('a request is held', () => gone.isPolling);
        gone.unload();
        // Not sooner: what is written to a page that is thrown away at that moment is lost, and no server can know.
        await delay(100);
        // Bob writes while the page is away, and goes on while it comes back.
        const away = reload * 10;
        await send(away, away + 5);
        current = page();
        const writing = send(away + 5, away + 9);
        await current.restore(alice.jid);
        await writing;
        await send(away + 9, away + 10);
        await current.message(bodies(away + 9, away + 10)[0] ?? '', bob.jid);
        current.sendMessage(bob.jid, `back after reload ${reload}`);
        await bobClient.message(`back after reload ${reload}`, alice.jid);
        seen.push(...current.messages.map(({ body }) => body));
      }
      const numbers = (all: readonly string[]): string => all.map((body) => /\d+/.exec(body)?.[0]).join(' ');
      assert.equal(numbers(seen), numbers([...bodies(0, 5), ...bodies(10, 60)]));
      const changes = bobClient.presences.slice(sawOnline).filter(({ from }) => from === alice.jid);
      assert.deepEqual(changes, [], 'nobody saw Alice go or come');

      await current.logout();
      await bobClient.presence(alice.jid, 'unavailable');
      await bobClient.logout();
      await front.empty();
    });
  });
}
