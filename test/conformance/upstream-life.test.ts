import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { AUTH, BIND, MECHANISMS, startBench, SUCCESS } from '../support/bench.ts';
import type { RawWebSocket } from '../support/raw-websocket.ts';
import { freePorts } from '../support/real-server.ts';
import { authorityFor, openGateway, securedServer } from '../support/open-gateway.ts';
import { ScriptedServer, type ServerConnection } from '../support/scripted-server.ts';
import { stillClock } from '../support/still-clock.ts';
import { eventually } from '../support/waiting.ts';

const ERRORS_NS = 'urn:ietf:params:xml:ns:xmpp-streams';
const error = (content: string): string => `<stream:error>${content}</stream:error>`;
const seeOther = (place: string): string => error(`<see-other-host xmlns='${ERRORS_NS}'>${place}</see-other-host>`);

/** A WebSocket client that has logged in, on a gateway whose clock stands still. */
async function idleStream(t: TestContext, settings = {}, features = BIND) {
  const clock = stillClock(t);
  const bench = await startBench(t, { clock, authenticationSeconds: 3600, ...settings });
  const { client, server } = await bench.stream();
  client.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  await client.message();
  client.open();
  await server.expectHeader();
  server.sendHeader(features);
  await client.message();
  await client.message();
  return { clock, bench, client, server };
}

/** Its resource is bound, too. */
async function bind(client: RawWebSocket, server: ServerConnection): Promise<void> {
  client.send("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  await server.expect("id='b'");
  server.send(
    "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>u@example.com/r</jid></bind></iq>",
  );
  await client.message();
}

test('UP-KA-01: an idle stream gets a space at each interval, and a busy one none', async (t) => {
  const { clock, client, server } = await idleStream(t, { serverKeepAliveSeconds: 60 });
  const start = server.received.length;
  const since = (): string => server.received.slice(start);
  clock.advance(59_000);
  client.send("<message xmlns='jabber:client' id='m'/>");
  await server.expect("id='m'");
  clock.advance(59_000);
  client.send("<message xmlns='jabber:client' id='n'/>");
  await server.expect("id='n'");
  assert.doesNotMatch(since(), /\s$/, 'it was not idle');
  for (const count of [1, 2, 3]) {
    clock.advance(60_000);
    await eventually('a space has come', () => since().endsWith(' '.repeat(count)));
  }
  assert.match(since(), /^<message [^>]*id='m'\/><message [^>]*id='n'\/> {3}$/);
});

test('UP-KA-02: no white space while a login is under way, however long it takes', async (t) => {
  const clock = stillClock(t);
  const bench = await startBench(t, { clock, serverKeepAliveSeconds: 10, authenticationSeconds: 3600 });
  const { client, server } = await bench.stream();
  client.send(AUTH.replace('PLAIN', 'SCRAM-SHA-1'));
  await server.expect('<auth');
  server.send("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>eA==</challenge>");
  await client.message();
  clock.advance(300_000);
  client.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>eQ==</response>");
  await server.expect('<response');
  server.send(SUCCESS);
  await client.message();
  clock.advance(300_000);
  client.open();
  await server.expectHeader();
  assert.doesNotMatch(server.received, />\s|\s$/);
});

for (const [setting, idle, due] of [
  [0, 60, 60],
  [60, 20, 20],
  [10, 600, 10],
] as const) {
  test(`UP-KA-03: serverKeepAliveSeconds=${setting}, the server ends idle streams after ${idle} s: something within ${due} s`, async (t) => {
    const limits = `<limits xmlns='urn:xmpp:stream-limits:0'><idle-seconds>${idle}</idle-seconds></limits>`;
    const { clock, server } = await idleStream(t, { serverKeepAliveSeconds: setting }, BIND + limits);
    assert.doesNotMatch(server.received, /\s$/);
    clock.advance(due * 1000);
    await eventually('a space has come', () => server.received.endsWith(' '));
  });
}

test('UP-KA-04: a server that is asked and says nothing is dead; one that answers is not, and its answer is for nobody', async (t) => {
  const settings = { serverSilenceSeconds: 90, serverKeepAliveSeconds: 0 };
  const { clock, client, server } = await idleStream(t, settings);
  await bind(client, server);
  clock.advance(60_000);
  const ping = await server.expect("<ping xmlns='urn:xmpp:ping'/>");
  const [, id = ''] = / id='([^']+)'/.exec(ping) ?? [];
  server.send(`<iq type='result' id='${id}'/><message id='after'/>`);
  assert.match(await client.message(), /id='after'/, 'and not the answer');
  clock.advance(60_000);
  await server.expect('urn:xmpp:ping');
  clock.advance(29_000);
  assert.equal(server.ended, undefined);
  clock.advance(1000);
  assert.equal((await client.ended()).code, 1011);
  assert.equal(await server.closed(), 'bare');
});

test('UP-KA-04, SM-02: where stanzas are counted, the gateway adds none', async (t) => {
  const { clock, client, server } = await idleStream(t, { serverSilenceSeconds: 90, serverKeepAliveSeconds: 0 });
  await bind(client, server);
  server.send("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
  await client.message();
  clock.advance(3_600_000);
  server.send("<message id='alive'/>");
  assert.match(await client.message(), /alive/);
  assert.doesNotMatch(server.received, /urn:xmpp:ping/);
});

test('UP-KA-04: a gateway that does not listen, because its client does not, takes nobody for dead', async (t) => {
  const settings = { serverSilenceSeconds: 90, serverKeepAliveSeconds: 0, maxQueuedBytes: 1024 };
  const clock = stillClock(t);
  const bench = await startBench(t, {
    clock,
    authenticationSeconds: 3600,
    inactivitySeconds: 3600,
    maxInactivitySeconds: 3600,
    ...settings,
  });
  const { client, server } = await bench.login();
  const held = await client.send(
    "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
  );
  await server.expect("id='b'");
  server.send("<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  await held.answer;
  await server.flood(`<message><body>${'x'.repeat(5000)}</body></message>`, 50_000_000);
  clock.advance(600_000);
  assert.equal(bench.gateway.stats().streams, 1);
});

test('UP-ERR-01: a stream error is answered by the end tag and the end of the connection', async (t) => {
  const { client, server } = await (await startBench(t)).login();
  server.send(error(`<conflict xmlns='${ERRORS_NS}'/>`));
  await server.expectEnd();
  assert.equal(await server.closed(), 'end tag');
  assert.equal((await client.ask()).condition, 'remote-stream-error');
});

/** RFC 6120 §4.9.3, without see-other-host, and one that nobody knows. */
const CONDITIONS = [
  ...['bad-format', 'bad-namespace-prefix', 'conflict', 'connection-timeout', 'host-gone', 'host-unknown'],
  ...['improper-addressing', 'internal-server-error', 'invalid-from', 'invalid-namespace', 'invalid-xml'],
  ...['not-authorized', 'not-well-formed', 'policy-violation', 'remote-connection-failed', 'reset'],
  ...['resource-constraint', 'restricted-xml', 'system-shutdown', 'undefined-condition', 'unsupported-encoding'],
  ...['unsupported-feature', 'unsupported-stanza-type', 'unsupported-version', 'foo'],
];

for (const transport of ['bosh', 'websocket'] as const) {
  test(`UP-ERR-02, U-25: every condition is relayed with its text and what stands beside it (${transport})`, async (t) => {
    const bench = await startBench(t);
    for (const condition of CONDITIONS) {
      const content = `<${condition} xmlns='${ERRORS_NS}'/><text xml:lang='de' xmlns='${ERRORS_NS}'>weil &lt;&amp;</text><more xmlns='urn:own'>7</more>`;
      if (transport === 'bosh') {
        const { client, server } = await bench.session();
        server.send(error(content));
        const { text, type, condition: told } = await client.ask();
        assert.deepEqual([type, told], ['terminate', 'remote-stream-error']);
        assert.ok(text.includes(content), text);
      } else {
        const { client, server } = await bench.stream();
        server.send(error(content));
        assert.ok((await client.message()).includes(content));
        assert.match(await client.message(), /^<close /);
        assert.equal((await client.ended()).code, 1000);
      }
    }
  });
}

for (const content of [
  '',
  '<text/>',
  "<x xmlns='urn:x'/>",
  `<conflict xmlns='${ERRORS_NS}'/><reset xmlns='${ERRORS_NS}'/>`,
]) {
  test(`U-25: an odd stream error '${content}' is relayed, and a second one is not`, async (t) => {
    const { client, server } = await (await startBench(t)).session();
    server.send(error(content) + error("<second xmlns='urn:x'/>"));
    const { condition, text } = await client.ask();
    assert.equal(condition, 'remote-stream-error');
    assert.ok(text.includes(content));
    assert.doesNotMatch(text, /second/);
  });
}

test('U-25: a stream error with a megabyte of text is over the limit', async (t) => {
  const { client, server } = await (await startBench(t)).session();
  server.send(error(`<conflict xmlns='${ERRORS_NS}'/><text xmlns='${ERRORS_NS}'>${'x'.repeat(1_000_000)}</text>`));
  assert.equal((await client.ask()).condition, 'remote-connection-failed');
});

test('UP-ERR-03: a redirect before the login is followed, under TLS for the same domain, and not shown', async (t) => {
  const authority = await authorityFor(t);
  for (const mode of ['starttls', 'direct'] as const) {
    const [first, second] = await Promise.all([securedServer(t, authority, mode), securedServer(t, authority, mode)]);
    const domains = {
      'example.com': { host: '127.0.0.1', port: first.port, tls: mode, ca: authority.caFile },
    } as const;
    const bench = await startBench(t, { domains, allowAddresses: ['127.0.0.1'] });
    const created = bench.bosh().create({ from: 'user@example.com' });
    const server = await first.accept();
    await server.expectHeader();
    server.sendHeader();
    server.send(`${seeOther(`127.0.0.1:${second.port}`)}</stream:stream>`);
    const other = await second.accept();
    await other.negotiate();
    const { text, attributes } = await created;
    assert.ok(attributes['sid']);
    assert.match(other.received, / to='example\.com'/);
    assert.doesNotMatch(text, /see-other-host|127\.0\.0\.1/);
    if (mode === 'starttls') assert.doesNotMatch(first.received, /user@/);
  }
});

test("UP-ERR-03, U-26: a redirect to a server whose certificate is not the domain's", async (t) => {
  const authority = await authorityFor(t);
  const [first, second] = await Promise.all([
    securedServer(t, authority, 'direct'),
    securedServer(t, authority, 'direct', { names: ['localhost', 'evil.example'], addresses: ['127.0.0.1'] }),
  ]);
  const domains = {
    'example.com': { host: '127.0.0.1', port: first.port, tls: 'direct', ca: authority.caFile },
  } as const;
  const bench = await startBench(t, { domains, allowAddresses: ['127.0.0.1'] });
  const created = bench.bosh().create();
  const server = await first.accept();
  await server.expectHeader();
  server.sendHeader();
  server.send(seeOther(`127.0.0.1:${second.port}`));
  assert.equal((await created).condition, 'remote-connection-failed');
  assert.equal(second.received, '');
});

for (const transport of ['bosh', 'websocket'] as const) {
  for (const place of [
    ...['127.0.0.1', '127.0.0.1:5222', '[::1]:22', '::1', '10.0.0.1:5222', '169.254.169.254:80', 'localhost:5222'],
    ...['[::ffff:10.0.0.1]:5222', '0:22', '2130706433', '0x7f.1', 'inside.example:5222'],
    ...['example.org:0', 'example.org:25', 'example.org:70000', 'a b', 'xmpp://h', '', ' ', '[', ':5222'],
  ]) {
    test(`U-26, UP-ADDR-01: a redirect to '${place}' is not followed (${transport})`, async (t) => {
      const { bench, reason } = await openGateway(
        t,
        { 'inside.example': { A: ['192.168.1.1'] }, 'example.org': { A: ['198.41.0.4'] } },
        { domains: {}, allowAddresses: [] },
      );
      const u = await ScriptedServer.start(t);
      const own = await startBench(t, {
        domains: { 'example.com': { host: '127.0.0.1', port: u.port, tls: 'none' } },
        dnsServers: bench.gateway.settings.dnsServers,
      });
      const created = transport === 'bosh' ? own.bosh().create() : undefined;
      const socket = transport === 'websocket' ? await own.socket() : undefined;
      socket?.open();
      const server = await u.accept();
      await server.expectHeader();
      server.sendHeader();
      server.send(seeOther(place));
      if (created !== undefined) assert.equal((await created).condition, 'remote-connection-failed');
      else if (socket !== undefined) {
        assert.match(await socket.message(), /^<open /);
        assert.match(await socket.message(), /<remote-connection-failed /);
      }
      assert.equal(u.untaken, 0);
      assert.ok(reason);
    });
  }
}

test('U-26: a server that sends to itself, and a chain of a hundred, end after a few', async (t) => {
  const u = await ScriptedServer.start(t);
  const domains = { 'example.com': { host: '127.0.0.1', port: u.port, tls: 'none' } } as const;
  const bench = await startBench(t, { domains, allowAddresses: ['127.0.0.1'] });
  const created = bench.bosh().create();
  let hops = 0;
  const serve = async (): Promise<void> => {
    for (;;) {
      const server = await u.accept();
      hops++;
      await server.expectHeader();
      server.sendHeader();
      server.send(seeOther(`127.0.0.1:${u.port}`));
    }
  };
  void serve().catch(() => {});
  assert.equal((await created).condition, 'remote-connection-failed');
  assert.ok(hops > 1 && hops <= 6, `${hops}`);
  await bench.settled();
});

for (const transport of ['bosh', 'websocket'] as const) {
  test(`UP-ERR-04, U-27: a redirect after the login ends the session, and its place stays here (${transport})`, async (t) => {
    const bench = await startBench(t);
    const texts: string[] = [];
    if (transport === 'bosh') {
      const { client, server } = await bench.login();
      server.send(seeOther('inner.example:5222'));
      const { type, condition, text } = await client.ask();
      assert.deepEqual([type, condition], ['terminate', 'remote-stream-error']);
      texts.push(text);
    } else {
      const { client, server } = await bench.streamLogin();
      server.send(seeOther('inner.example:5222'));
      await client.ended();
      while (client.waiting > 0) texts.push(await client.message());
    }
    assert.match(texts.join(), /<reset /);
    assert.doesNotMatch(texts.join(), /see-other-host|inner/);
  });
}

test('UP-ERR-05: own errors: each event, BOSH, WebSocket, and what the server is told', async (t) => {
  const [closed = 0] = await freePorts(1);
  const bench = await startBench(
    t,
    { retiredDomains: ['gone.example'], authenticationSeconds: 1 },
    {},
    { 'refused.example': { port: closed } as ScriptedServer },
  );
  const served = (act: (server: ServerConnection) => void) => async (): Promise<ServerConnection> => {
    const server = await bench.u.accept();
    await server.negotiate();
    act(server);
    return server;
  };
  const none = async (): Promise<undefined> => undefined;
  // What happens; `to`; BOSH's condition; the stream error and the close code of the WebSocket; the server's stream error.
  const rows: readonly (readonly [
    string,
    string,
    () => Promise<ServerConnection | undefined>,
    string,
    RegExp | undefined,
    number,
    RegExp?,
  ])[] = [
    ['a domain that is not served', 'other.example', none, 'host-unknown', /<host-unknown /, 1000],
    ['a retired one', 'gone.example', none, 'host-gone', /<host-gone /, 1000],
    ['no domain', '', none, 'improper-addressing', /<improper-addressing /, 1000],
    [
      'a server that is not there',
      'refused.example',
      none,
      'remote-connection-failed',
      /<remote-connection-failed /,
      1000,
    ],
    ['its end tag', 'example.com', served((server) => server.end()), 'remote-connection-failed', undefined, 1000],
    [
      'its FIN',
      'example.com',
      served((server) => server.hangUp()),
      'remote-connection-failed',
      /<remote-connection-failed /,
      1011,
    ],
    [
      'its bad XML',
      'example.com',
      served((server) => server.send('<a></b>')),
      'remote-connection-failed',
      /<remote-connection-failed /,
      1000,
      /<not-well-formed /,
    ],
    [
      'its comment',
      'example.com',
      served((server) => server.send('<!-- -->')),
      'remote-connection-failed',
      /<remote-connection-failed /,
      1000,
      /<restricted-xml /,
    ],
    [
      'a client that does not log in',
      'example.com',
      served(() => {}),
      'policy-violation',
      /<(connection-timeout|policy-violation) /,
      1000,
    ],
  ];
  for (const [what, to, act, condition, onSocket, code, onServer] of rows) {
    const client = bench.bosh();
    const acted = act();
    let answer = await client.create({ to });
    const server = await acted;
    while (answer.type !== 'terminate') answer = await client.ask();
    assert.equal(answer.condition, condition, what);
    if (onServer !== undefined) assert.match(await (server as ServerConnection).expect('error'), onServer, what);

    const socket = await bench.socket();
    const acting = act();
    socket.open(`to='${to}' version='1.0'`);
    await acting;
    const end = await socket.ended();
    const texts: string[] = [];
    while (socket.waiting > 0) texts.push(await socket.message());
    assert.match(texts[0] ?? '', /^<open /, what);
    if (onSocket !== undefined && code !== 1011) assert.match(texts.join(), onSocket, what);
    assert.equal(/<close /.test(texts.join()), code !== 1011, `${what}: ${texts.join()}`);
    assert.equal(end.code, code, what);
  }
});

test('UP-STREAM-10, U-28: after the success of SASL nothing may come but a new stream', async (t) => {
  const bench = await startBench(t);
  for (const isAsked of [true, false]) {
    const { client, server } = await bench.session();
    const auth = isAsked ? await client.send(AUTH) : undefined;
    if (isAsked) await server.expect('<auth');
    server.send(`${SUCCESS}<message id='early'/>`);
    let answer = await (auth?.answer ?? client.ask());
    let { text } = answer;
    while (answer.type !== 'terminate') {
      answer = await client.ask();
      text += answer.text;
    }
    assert.match(text, /<success /);
    assert.doesNotMatch(text, /early/);
    assert.equal(answer.condition, 'remote-connection-failed');
    assert.match(await server.expect('stream:error'), /<bad-format /);
  }
});

test('U-09, U-32: features again, in the middle of a session, are an element like any other', async (t) => {
  const { client, server } = await (await startBench(t)).login();
  server.send(`<stream:features>${MECHANISMS}</stream:features>`);
  assert.match((await client.ask()).text, /<stream:features[^]*PLAIN/);
  await client.send("<message xmlns='jabber:client' id='on'/>");
  await server.expect("id='on'");
  assert.equal((server.received.match(/<stream:stream /g) ?? []).length, 2, 'no further restart');
});
