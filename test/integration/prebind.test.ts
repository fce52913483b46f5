import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createGateway, type Gateway } from '../../src/gateway.ts';
import {
  prebind,
  PrebindError,
  type Mechanism,
  type PrebindErrorCode,
  type Prebound,
} from '../../src/prebind/index.ts';
import { StropheClient } from '../support/clients/strophe.ts';
import { ejabberdProgram, startEjabberd } from '../support/ejabberd.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { skipWithout, type Account, type RealServer } from '../support/real-server.ts';
import { eventually } from '../support/waiting.ts';

interface Kind {
  readonly name: string;
  readonly skip: string | false;
  readonly start: () => Promise<RealServer>;
  /** What its own BOSH says of a domain that it does not serve. */
  readonly unknownHost: PrebindErrorCode;
  /** What the gateway chooses, by the TLS connection that is its own. */
  readonly best: Mechanism;
  /** What it does over HTTP, by its own BOSH and through ours. */
  readonly mechanisms: readonly Mechanism[];
}

/** Which mechanisms run against which server. */
const KINDS: readonly Kind[] = [
  {
    name: 'Prosody',
    skip: skipWithout(prosodyProgram),
    start: () => startProsody({ tls12: true }),
    best: 'SCRAM-SHA-256-PLUS',
    unknownHost: 'unknown-host',
    mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'ANONYMOUS'],
  },
  {
    name: 'ejabberd',
    skip: skipWithout(ejabberdProgram),
    start: () => startEjabberd({ mechanisms: 'all' }),
    best: 'SCRAM-SHA-512-PLUS',
    unknownHost: 'server-fault',
    mechanisms: ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'ANONYMOUS'],
  },
];

for (const { name, skip, start, best, mechanisms, unknownHost } of KINDS) {
  describe(`prebind against ${name}`, { skip, timeout: 120_000 }, () => {
    let server: RealServer;
    let gateway: Gateway;
    let alice: Account;
    let bob: Account;
    const chosen: string[] = [];

    before(async () => {
      server = await start();
      const reached = { host: '127.0.0.1', port: server.port, tls: 'starttls' as const, ca: server.caFile };
      gateway = createGateway({
        port: 0,
        host: '127.0.0.1',
        domains: { [server.domain]: reached, [server.anonymousDomain]: reached },
      });
      gateway.events.on('nodes', (stanzas) => {
        for (const { xml } of stanzas) chosen.push(...(/<auth [^>]*mechanism='([^']+)'/.exec(xml)?.slice(1) ?? []));
      });
      await gateway.start();
      [alice, bob] = await server.pair('prebind');
    });
    after(async () => {
      await gateway?.stop();
      await server?.stop();
    });

    const here = (): string => `http://127.0.0.1:${gateway.port}/http-bind/`;

    /** A page attaches, sees its roster, talks to itself and leaves. */
    async function attachTo(session: Prebound, url: string): Promise<void> {
      const page = new StropheClient(url, false);
      try {
        await page.attach(session);
        const isAlice = session.jid.startsWith(alice.user);
        assert.deepEqual([...(await page.roster())], isAlice ? [[bob.jid, 'both']] : []);
        if (isAlice) {
          page.sendPresence();
          page.sendMessage(session.jid, 'to myself');
          await page.message('to myself', alice.jid);
        }
        await page.logout();
      } finally {
        page.destroy();
      }
    }

    test('the gateway logs in by the best mechanism that both know, bound to its TLS connection', async () => {
      chosen.length = 0;
      const session = await gateway.prebind({ jid: alice.jid, password: alice.password });
      assert.deepEqual(chosen, [best]);
      await attachTo(session, here());
      await eventually('nothing is left', () => gateway.stats().sessions === 0);
    });

    for (const where of ['the gateway', 'its own BOSH']) {
      for (const mechanism of mechanisms) {
        test(`${mechanism} over HTTP, by ${where}`, async () => {
          const url = where === 'the gateway' ? here() : server.urls.bosh;
          const only = { url, mechanisms: [mechanism] };
          const proof = { jid: alice.jid, password: alice.password };
          const session =
            mechanism === 'ANONYMOUS'
              ? await prebind({ ...only, jid: server.anonymousDomain, anonymous: true })
              : await prebind({ ...only, ...proof });
          assert.equal(session.url, url);
          assert.match(
            session.jid,
            mechanism === 'ANONYMOUS' ? /^[^@]+@anonymous\.[^/]+\/./ : /^alice-prebind@[^/]+\/./,
          );
          await attachTo(session, url);
        });
      }

      test(`what goes wrong by ${where} has a code`, async () => {
        const url = where === 'the gateway' ? here() : server.urls.bosh;
        const fails = (code: string, options: Partial<Parameters<typeof prebind>[0]>) =>
          assert.rejects(prebind({ url, jid: alice.jid, password: alice.password, ...options }), (error) => {
            assert.ok(error instanceof PrebindError, String(error));
            assert.equal(error.code, code, error.message);
            assert.ok(!error.message.includes(alice.password));
            return true;
          });
        await fails('wrong-credentials', { password: 'wrong' });
        await fails(where === 'the gateway' ? 'unknown-host' : unknownHost, { jid: 'alice@nowhere.example' });
        await fails('no-mechanism', { mechanisms: ['SCRAM-SHA-512-PLUS'] });
        await fails('server-fault', { url: `${new URL(url).origin}/nothing-here` });
        await fails('timeout', { timeoutMs: 1 });
      });
    }
  });
}
