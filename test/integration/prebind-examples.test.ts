import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createGateway, type Gateway } from '../../src/gateway.ts';
import type { Prebound } from '../../src/prebind/index.ts';
import { StropheClient } from '../support/clients/strophe.ts';
import { KEY, sha256 } from '../support/prebind.ts';
import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { freePorts, skipWithout, type Account, type RealServer } from '../support/real-server.ts';
import { djangoView, nodeSite, phpPage, sinatraRoute, sitePassword, startSite, type Site } from '../support/site.ts';
import { eventually } from '../support/waiting.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const SITES = [nodeSite, djangoView, phpPage, sinatraRoute];

test('examples: each is a file of under 60 lines', () => {
  const files = globSync('prebind-*/*', { cwd: EXAMPLES });
  assert.ok(files.length >= 7, files.join(' '));
  for (const file of files) assert.ok(readFileSync(join(EXAMPLES, file), 'utf8').split('\n').length <= 60, file);
});

describe('examples', { skip: skipWithout(prosodyProgram), timeout: 240_000 }, () => {
  let server: RealServer;
  let gateway: Gateway;
  let start: (elsewhere: boolean) => Promise<Gateway>;
  let alice: Account;

  before(async () => {
    server = await startProsody();
    const [port = 0] = await freePorts(1);
    const { domain, caFile: ca, urls } = server;
    start = async (elsewhere) => {
      const started = createGateway({
        port,
        host: '127.0.0.1',
        domains: { [domain]: { host: '127.0.0.1', port: server.port, tls: 'starttls', ca } },
        prebindCallers: { site: { keyHash: sha256(KEY), domains: [domain] } },
        prebindElsewhere: elsewhere ? { [domain]: urls.bosh } : {},
        boshUrl: `http://127.0.0.1:${port}/http-bind/`,
        drainSeconds: 0.5,
      });
      await started.start();
      return started;
    };
    [alice] = await server.pair('site');
  });
  after(() => server?.stop());

  for (const example of SITES) {
    const { program, library = program } = example;
    const skip = skipWithout(program, library);
    for (const elsewhere of [false, true]) {
      const where = elsewhere ? "Prosody's own BOSH" : 'the gateway';
      test(
        `${example.name}: a user who is logged in gets a session of ${where}`,
        { skip, timeout: 60_000 },
        async (t) => {
          gateway = await start(elsewhere);
          t.after(() => gateway.stop());
          const accounts = [alice, { ...alice, user: 'wrong', password: 'no longer' }];
          const site: Site = await startSite(example, {
            gateway: `http://127.0.0.1:${gateway.port}`,
            key: KEY,
            accounts,
          });
          t.after(() => site.stop());
          const login = (user: string, password: string): Promise<Response> =>
            fetch(`${site.url}login`, {
              method: 'POST',
              body: new URLSearchParams({ user, password }),
              redirect: 'manual',
            });
          const cookieOf = (response: Response): string =>
            response.headers
              .getSetCookie()
              .map((cookie) => cookie.split(';', 1)[0])
              .join('; ');
          const prebind = (cookie: string): Promise<Response> => fetch(`${site.url}prebind`, { headers: { cookie } });

          assert.equal((await prebind('')).status, 401);
          assert.equal((await login(alice.user, 'guessed')).status, 403);
          const welcome = await login(alice.user, sitePassword(alice.user));
          assert.match(welcome.headers.getSetCookie().join('\n'), /httponly/i);
          assert.match(welcome.headers.getSetCookie().join('\n'), /samesite=strict/i);

          const answer = await prebind(cookieOf(welcome));
          assert.equal(answer.status, 200, site.output());
          assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
          const session = (await answer.json()) as Prebound;
          assert.equal(session.url, elsewhere ? server.urls.bosh : `http://127.0.0.1:${gateway.port}/http-bind/`);
          const page = new StropheClient(session.url, false);
          t.after(() => page.destroy());
          await page.attach(session);
          assert.equal((await page.roster()).size, 1);
          await page.logout();
          await eventually('nothing is left', () => gateway.stats().sessions === 0);

          const refused = await prebind(cookieOf(await login('wrong', sitePassword('wrong'))));
          assert.equal(refused.status, 403);
          assert.equal(((await refused.json()) as { error: string }).error, 'wrong-credentials');
          if (elsewhere) return;

          // While nobody listens, the page waits.
          await gateway.stop();
          const waiting = prebind(cookieOf(welcome));
          gateway = await start(false);
          assert.equal((await waiting).status, 200);
        },
      );
    }
  }
});
