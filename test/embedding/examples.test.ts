import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBench } from '../support/bench.ts';
import { BoshClient } from '../support/bosh-client.ts';
import { ChatService } from '../support/chat-service.ts';
import { stropheBosh, stropheWebSocket } from '../support/clients/strophe.ts';
import { importFromSource } from '../support/from-source.ts';
import { EchoConnector, KINDS, PlugBench, message } from '../support/plugs.ts';
import { startSmtpServer } from '../support/smtp-server.ts';
import { eventually } from '../support/waiting.ts';

/** A client that was refused does not take its leave. */
const SHORT = { inactivitySeconds: 1, maxInactivitySeconds: 1 };
const EXAMPLES = join(import.meta.dirname, '../../examples/embedding');
importFromSource();
const [{ echo }, { byDomain }, { CountingConnector }, { restConnector }, { queueConnector }, { mailUndelivered }] =
  await Promise.all([
    import('../../examples/embedding/echo.ts'),
    import('../../examples/embedding/by-domain.ts'),
    import('../../examples/embedding/wrapped.ts'),
    import('../../examples/embedding/rest-chat.ts'),
    import('../../examples/embedding/message-queue.ts'),
    import('../../examples/embedding/mail-undelivered.ts'),
  ]);

test('examples: each is run here, and says on its first line what it is', () => {
  const here = readFileSync(import.meta.filename, 'utf8');
  for (const file of globSync('*.ts', { cwd: EXAMPLES })) {
    assert.match(readFileSync(join(EXAMPLES, file), 'utf8'), /^\/\/ [A-Z].{20,}/, file);
    if (file !== 'service-stream.ts') assert.ok(here.includes(`/${file}'`), file);
  }
});

test('echo: a connector in ten lines', async (t) => {
  const lines = /^export const echo[^]*?^};$/m.exec(readFileSync(join(EXAMPLES, 'echo.ts'), 'utf8'))?.[0].split('\n');
  assert.ok((lines?.length ?? 99) <= 10, String(lines?.length));
  const bench = await PlugBench.start(t, { connector: echo });
  for (const kind of KINDS) {
    const client = await bench.client(kind);
    await client.send(message('hello'));
    await client.until("id='hello'");
    await client.close();
  }
  assert.deepEqual(bench.errors, []);
});

test('by domain: several connectors at once, stopped together', async (t) => {
  const stopped: string[] = [];
  const named = (name: string): EchoConnector & { stop(): Promise<void> } =>
    Object.assign(new EchoConnector(undefined, name), { stop: async () => void stopped.push(name) });
  const [one, two, others] = [named('one'), named('two'), named('others')];
  const connector = byDomain({ 'one.example': one, 'two.example': two }, others);
  const bench = await PlugBench.start(t, { connector });
  for (const to of ['two.example', 'else.example', 'one.example'])
    await (await bench.client('bosh', to)).until('features');
  const asked = [one, two, others].map(({ streams }) => streams.map(({ request }) => request.to));
  assert.deepEqual(asked, [['one.example'], ['two.example'], ['else.example']]);
  await bench.gateway.stop();
  assert.deepEqual(stopped.sort(), ['one', 'others', 'two']);
});

test('wrapped: the default connector with something around it', async (t) => {
  const plain = await startBench(t);
  const domains = { 'example.com': { host: '127.0.0.1', port: plain.u.port, tls: 'none' as const } };
  const connector = new CountingConnector({ domains });
  const bench = await PlugBench.start(t, { connector });
  const client = await bench.client('websocket');
  await (await plain.u.accept()).negotiate();
  await client.until('features');
  await client.send(message('counted'));
  await eventually('both are counted', () => connector.counts.get('example.com') === 2);
});

for (const library of [stropheBosh, stropheWebSocket]) {
  test(`rest-chat: ${library.name} chats with the users of another service`, async (t) => {
    const service = await ChatService.start(t);
    const bench = await PlugBench.start(t, { connector: restConnector(service.url), ...SHORT });
    const { port } = bench.gateway;
    const urls = { bosh: `http://127.0.0.1:${port}/http-bind/`, websocket: `ws://127.0.0.1:${port}/xmpp-websocket` };
    const domain = 'chat.example';
    const account = (password: string) => ({ user: 'alice', jid: `alice@${domain}`, password });
    await assert.rejects(library.login({ urls, domain, account: account('guessed') }));
    const alice = await library.login({ urls, domain, account: account('of alice') });
    t.after(() => alice.destroy());
    assert.match(alice.jid, /^alice@chat\.example\/.+/);
    assert.deepEqual([...(await alice.roster())], [[`bob@${domain}`, 'both']]);
    await alice.sendPresence();
    await alice.sendMessage(`bob@${domain}`, 'Hello & <welcome>');
    assert.deepEqual(await service.texts.take('the text'), { from: 'alice', to: 'bob', text: 'Hello & <welcome>' });
    await eventually('bob is heard', () => service.say('bob', 'alice', 'Hi <there>'));
    await alice.message('Hi <there>', `bob@${domain}`);
    await alice.logout();
    await eventually('nothing is left', () => bench.gateway.stats().streams === 0);
    assert.deepEqual(bench.errors, []);
  });
}

test('message-queue: streams over a queue, and a worker that writes back', async (t) => {
  const subscribers = new Map<string, Set<(text: string) => void>>();
  const queue = {
    publish: (subject: string, text: string): void => {
      for (const take of subscribers.get(subject) ?? []) setImmediate(take, text);
    },
    subscribe: (subject: string, take: (text: string) => void) => {
      const all = subscribers.get(subject) ?? new Set();
      subscribers.set(subject, all.add(take));
      return () => {
        all.delete(take);
        if (all.size === 0) subscribers.delete(subject);
      };
    },
  };
  const features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
  queue.subscribe('xmpp.in', (text) => {
    const { stream, event, xml } = JSON.parse(text) as { stream: string; event: string; xml?: string };
    const say = (words: object): void => queue.publish(`xmpp.out.${stream}`, JSON.stringify(words));
    if (event === 'connect') say({ event: 'opened' });
    if (event === 'connect') say({ event: 'stanza', xml: features });
    if (event === 'stanza') say({ event: 'stanza', xml: xml?.includes('trap') ? '<not-xml' : xml });
    if (event === 'close') say({ event: 'closed' });
  });
  const bench = await PlugBench.start(t, { connector: queueConnector(queue) });
  for (const kind of KINDS) {
    const client = await bench.client(kind);
    await client.until('features');
    await client.send(message('by-queue'));
    await client.until("id='by-queue'");
    await client.close();
    const trapped = await bench.client(kind);
    await trapped.send(message('trap'));
    assert.equal(await trapped.ended(), 'remote-connection-failed');
  }
  await eventually('only the worker listens', () => subscribers.size === 1);
  assert.deepEqual(bench.errors, []);
});

test('mail-undelivered: what did not reach its user comes by mail, with the stream and the reason', async (t) => {
  const { url, mails } = await startSmtpServer(t);
  const bench = await startBench(t, SHORT);
  mailUndelivered(bench.gateway, {
    smtp: url,
    from: 'chat@example.com',
    addressOf: (jid) => (jid === 'user@example.com' ? 'user@mail.example' : undefined),
  });
  const { server } = await bench.login({ inactivity: 1 });
  const to = "to='user@example.com/page' from='friend@example.com'";
  server.send(`<presence ${to}/><message ${to}><body>Are you there?</body></message>`);
  const mail = await mails.take('the mail');
  assert.deepEqual([mail.from, mail.to], ['chat@example.com', 'user@mail.example']);
  assert.match(mail.text, /^Subject: A message from friend@example\.com/m);
  assert.match(mail.text, /Are you there\?[^]*The chat with example\.com was over \(client-gone\)/);
  assert.equal(mails.length, 0);
});

test('mail-undelivered: a mail server that is not there is told, and harms nobody', async (t) => {
  const bench = await startBench(t, SHORT);
  const errors: (string | undefined)[] = [];
  bench.gateway.events.on('error', ({ detail }) => errors.push(detail));
  mailUndelivered(bench.gateway, { smtp: 'smtp://127.0.0.1:1', from: 'a@b.example', addressOf: () => 'c@d.example' });
  const { server } = await bench.login({ inactivity: 1 });
  server.send("<message to='user@example.com/page'><body>lost</body></message>");
  await eventually('it is told', () => errors.length > 0);
  assert.match(errors[0] ?? '', /^a listener of "no-client" failed: /);
});

test('express: a gateway beside the routes of a site', async (t) => {
  const { server, gateway } = await import('../../examples/embedding/express.ts');
  t.after(() => gateway.stop());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /\/http-bind\//);
  assert.equal((await new BoshClient(t, port).create({ to: 'other.example' })).condition, 'host-unknown');
});

test('importing the package does nothing: no output, no timer, no socket, no listener', () => {
  const index = join(import.meta.dirname, '../../src/index.ts');
  const program = `
    const events = process.eventNames().length;
    const globals = new Set(Object.getOwnPropertyNames(globalThis));
    await import(${JSON.stringify(index)});
    const { createGateway } = await import(${JSON.stringify(index)});
    createGateway();
    if (process.eventNames().length !== events) throw new Error('a listener');
    // zod keeps two for itself, whoever loads it.
    const added = Object.getOwnPropertyNames(globalThis).filter((name) => !globals.has(name) && !name.startsWith('__zod'));
    if (added.length > 0) throw new Error('globals: ' + added);
    const left = process.getActiveResourcesInfo().filter((name) => /Timeout|TCP|Server|Immediate/.test(name));
    if (left.length > 0) throw new Error(left.join());
  `;
  const args = ['--input-type=module', '--eval', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});

test('docs/embedding.md tells of each event, hook, method and example', async () => {
  const page = readFileSync(join(EXAMPLES, '../../docs/embedding.md'), 'utf8');
  const source = (name: string): string => readFileSync(join(EXAMPLES, '../../src', name), 'utf8');
  const body = (text: string, name: string): string => new RegExp(`interface ${name} [^]*?\\n}`).exec(text)?.[0] ?? '';
  const events = [...body(source('core/events.ts'), 'GatewayEvents').matchAll(/^ {2}'?([\w-]+)'?: \[/gm)];
  const hooks = [...body(source('core/hooks.ts'), 'Hooks').matchAll(/^ {2}(\w+)\?\(/gm)];
  const methods = [...body(source('gateway.ts'), 'Gateway').matchAll(/^ {2}(\w+)\(/gm)];
  assert.deepEqual([events.length, hooks.length, methods.length > 4], [7, 3, true]);
  for (const [, name = ''] of [...events, ...hooks, ...methods])
    assert.match(page, new RegExp(`^\\| \`${name}[\`(]`, 'm'));
  for (const file of globSync('*.ts', { cwd: EXAMPLES }))
    assert.ok(page.includes(`\`${file}\``) || file === 'express.ts', file);
});

test('a lookup of the program says where the servers are, and what it throws is told', async (t) => {
  const plain = await startBench(t);
  const asked: string[] = [];
  const details: unknown[] = [];
  const log = (fields: object): void => void details.push('detail' in fields && fields.detail);
  const bench = await PlugBench.start(t, {
    allowAddresses: ['127.0.0.0/8'],
    logger: { debug: log, info: log, warn: log, error: log },
    lookup: {
      async *targets({ to }) {
        asked.push(to);
        if (to === 'bad.example') throw new Error('the directory is down');
        yield { host: '127.0.0.1', port: plain.u.port, tls: 'none' as const, trusted: true };
      },
    },
  });
  const client = await bench.client('bosh', 'good.example');
  await (await plain.u.accept()).negotiate();
  await client.until('features');
  assert.equal(await (await bench.client('bosh', 'bad.example')).ended(), 'internal-server-error');
  assert.deepEqual(asked, ['good.example', 'bad.example']);
  assert.ok(details.includes('the lookup failed: the directory is down'));
});
