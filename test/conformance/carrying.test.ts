import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { type TestContext } from 'node:test';
import { startDevServer } from '../../src/devserver/server.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import { AUTH, BIND, startBench, SUCCESS, type Bench } from '../support/bench.ts';
import type { BoshAnswer, BoshClient } from '../support/bosh-client.ts';
import { createAuthority } from '../support/certificates.ts';
import { stanzaWebSocket } from '../support/clients/stanza.ts';
import { stropheBosh, stropheWebSocket } from '../support/clients/strophe.ts';
import { childInfosets, infoset } from '../support/infoset.ts';
import {
  BODY_VECTORS,
  CLIENT_HEADER,
  SERVER_HEADER,
  STREAM_VECTORS,
  type Vector,
} from '../support/namespace-vectors.ts';
import { FRAMING, type RawWebSocket } from '../support/raw-websocket.ts';
import { ScriptedServer, type ServerConnection } from '../support/scripted-server.ts';

const SASL2 = 'urn:xmpp:sasl:2';
const SM = 'urn:xmpp:sm:3';
const TRANSPORTS = ['bosh', 'websocket'] as const;
type Transport = (typeof TRANSPORTS)[number];

/** A client's side of one stream, whatever its transport: elements in, infosets out. */
interface Line {
  send(xml: string): Promise<void>;
  next(): Promise<string>;
  restart(): Promise<void>;
  /** Says that it leaves. */
  close(): Promise<void>;
}

class BoshLine implements Line {
  readonly #client: BoshClient;
  readonly #answers: Promise<BoshAnswer>[] = [];
  readonly #got: string[] = [];

  constructor(client: BoshClient) {
    this.#client = client;
  }

  async send(xml: string): Promise<void> {
    this.#answers.push((await this.#client.send(xml)).answer);
  }

  async next(): Promise<string> {
    while (this.#got.length === 0) {
      if (this.#answers.length === 0) await this.send('');
      const answer = await (this.#answers.shift() as Promise<BoshAnswer>);
      assert.equal(answer.condition, undefined);
      this.#got.push(...answer.payload.map((one) => one.replace(/ lang="\w*"/, '')));
    }
    return this.#got.shift() as string;
  }

  async restart(): Promise<void> {
    this.#answers.push((await this.#client.restart()).answer);
  }

  async close(): Promise<void> {
    await this.#client.send('', { type: 'terminate' });
  }
}

class WebSocketLine implements Line {
  readonly #client: RawWebSocket;

  constructor(client: RawWebSocket) {
    this.#client = client;
  }

  async send(xml: string): Promise<void> {
    this.#client.send(xml);
  }

  async next(): Promise<string> {
    const message = await this.#client.message();
    return message.startsWith('<open ') ? this.next() : infoset(message, { lang: 'none' });
  }

  async restart(): Promise<void> {
    this.#client.open();
  }

  async close(): Promise<void> {
    this.#client.send(`<close xmlns='${FRAMING}'/>`);
  }
}

/** A stream whose features are told, not authenticated. */
async function open(bench: Bench, transport: Transport): Promise<{ line: Line; server: ServerConnection }> {
  if (transport === 'websocket') {
    const { client, server } = await bench.stream();
    return { line: new WebSocketLine(client), server };
  }
  const { client, server } = await bench.session();
  return { line: new BoshLine(client), server };
}

/** The same, bound, with stream management on. */
async function managed(bench: Bench, transport: Transport, enabled = "id='s1' resume='true'") {
  const { line, server } = await open(bench, transport);
  await line.send(AUTH);
  await server.expect('<auth');
  server.send(SUCCESS);
  assert.match(await line.next(), /success/);
  await line.restart();
  await server.expectHeader();
  server.sendHeader(BIND);
  assert.match(await line.next(), /features/);
  await line.send(`<enable xmlns='${SM}' resume='true'/>`);
  await server.expect('<enable ');
  server.send(`<enabled xmlns='${SM}' ${enabled}/>`);
  assert.match(await line.next(), /enabled/);
  return { line, server };
}

/** An element as it must come out. */
const expected = (xml: string): string => infoset(xml, { lang: 'none' });

async function carriesUp(line: Line, server: ServerConnection, xml: string): Promise<void> {
  await line.send(xml);
  const { kind, text } = await server.event();
  assert.equal(kind, 'element');
  assert.equal(expected(text), expected(xml));
}

async function carriesDown(line: Line, server: ServerConnection, xml: string): Promise<void> {
  server.send(xml);
  assert.equal(await line.next(), expected(xml));
}

for (const transport of TRANSPORTS) {
  test(`SM-01, SM-12, ${transport === 'bosh' ? 'XBOSH-01' : 'WS-15'}: ${transport}: stream management and stanzas keep content and order, both ways`, async (t) => {
    const { line, server } = await managed(await startBench(t), transport);
    const message = (id: number): string => `<message xmlns='jabber:client' id='m${id}'/>`;
    const up = Array.from({ length: 20 }, (_, i) => [
      message(i),
      `<r xmlns='${SM}'/>`,
      `<a xmlns='${SM}' h='${i}'/>`,
    ]).flat();
    const down = [
      ...up,
      `<failed xmlns='${SM}' h='4'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
    ];
    for (const xml of up) await carriesUp(line, server, xml);
    server.send(down.join(''));
    for (const xml of down) assert.equal(await line.next(), expected(xml));
    assert.equal(server.received.split('<enable ').length, 2, 'enable was sent once');
  });

  for (const isManaged of [true, false]) {
    test(`SM-02: ${transport}: what a lost client has not got is ${isManaged ? 'left to a server that manages the stream' : 'answered by the gateway'}`, async (t) => {
      const bench = await startBench(t, { inactivitySeconds: 1 });
      const enabled = "<enabled xmlns='urn:xmpp:sm:3'/>";
      let server: ServerConnection;
      if (transport === 'websocket') {
        const login = await bench.streamLogin();
        ({ server } = login);
        if (isManaged) {
          server.send(enabled);
          await login.client.message();
        }
        login.client.socket.pause();
        await server.flood("<message from='x@example.com'><body>lost</body></message>", 20_000_000);
        login.client.reset();
      } else {
        const login = await bench.login();
        ({ server } = login);
        if (isManaged) {
          const held = await login.client.send();
          server.send(enabled);
          await held.answer;
        }
        server.send("<message from='x@example.com'><body>lost</body></message>");
      }
      const { kind, text } = await server.event();
      if (isManaged) assert.equal(kind, 'end', text);
      else assert.match(text, /^<message [^>]*type='error'/);
    });
  }

  test(`SM-02: ${transport}: a rule that a client breaks ends its session, and nothing is put into the stream`, async (t) => {
    const bench = await startBench(t);
    const { line, server } = await managed(bench, transport);
    await line.send("<presence xmlns=''/>");
    const { kind, text } = await server.event();
    assert.equal(kind, 'end', text);
  });

  test(`SM-04: ${transport}: a client that says that it leaves ends the stream for good`, async (t) => {
    const { line, server } = await managed(await startBench(t), transport);
    await line.close();
    await server.expectEnd();
    server.end();
    assert.equal(await server.closed(), 'end tag');
  });

  test(`SM-05, SM-03: ${transport}: a lost server does not look like an orderly end`, async (t) => {
    const bench = await startBench(t);
    if (transport === 'bosh') {
      const { client, server } = await bench.login();
      const held = await client.send();
      server.send(`<enabled xmlns='${SM}' id='s1' resume='true'/>`);
      await held.answer;
      const waiting = await client.send();
      server.reset();
      const { type, condition } = await waiting.answer;
      assert.deepEqual([type, condition], ['terminate', 'remote-connection-failed']);
      return;
    }
    const { client, server } = await bench.streamLogin();
    server.send(`<enabled xmlns='${SM}' id='s1' resume='true'/>`);
    await client.message();
    server.hangUp();
    assert.equal((await client.ended()).code, 1011);
    assert.equal(client.waiting, 0, 'no <close/>');
  });

  test(`SM-07: ${transport}: after a resumption traffic flows at once, and nobody waits for features`, async (t) => {
    const bench = await startBench(t, { negotiateSeconds: 0.5, authenticationSeconds: 1 });
    const { line, server } = await open(bench, transport);
    await line.send(AUTH);
    await server.expect('<auth');
    server.send(SUCCESS);
    await line.next();
    await line.restart();
    await server.expectHeader();
    server.sendHeader(`<sm xmlns='${SM}'/>`);
    assert.match(await line.next(), /features/);
    await carriesUp(line, server, `<resume xmlns='${SM}' previd='s1' h='2'/>`);
    server.send(`<resumed xmlns='${SM}' previd='s1' h='1'/><message xmlns='jabber:client' id='kept'/>`);
    assert.match(await line.next(), /resumed/);
    assert.match(await line.next(), /kept/);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await carriesUp(line, server, "<message xmlns='jabber:client' id='later'/>");
    await carriesDown(line, server, "<message xmlns='jabber:client' id='later too'/>");
  });

  test(`SASL2-01: ${transport}: every element of the newer login passes, with what nobody knows in it`, async (t) => {
    const { line, server } = await open(await startBench(t), transport);
    const odd = "<odd xmlns='urn:odd' a='1'>text<b/></odd>";
    for (const name of ["authenticate mechanism='X'", 'response', 'next', 'task-data', 'abort']) {
      const tag = name.split(' ')[0];
      await carriesUp(line, server, `<${name.replace(tag as string, `${tag} xmlns='${SASL2}'`)}>${odd}</${tag}>`);
    }
    for (const tag of ['challenge', 'continue', 'task-data', 'failure', 'success']) {
      await carriesDown(line, server, `<${tag} xmlns='${SASL2}'>${odd}</${tag}>`);
    }
  });

  test(`SASL2-02, SASL2-04: ${transport}: success and features come at once and in order, without a restart`, async (t) => {
    const bench = await startBench(t);
    const { line, server } = await open(bench, transport);
    await carriesUp(line, server, `<authenticate xmlns='${SASL2}' mechanism='PLAIN'/>`);
    const success = `<success xmlns='${SASL2}'><authorization-identifier>u@example.com/r</authorization-identifier></success>`;
    const features =
      "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><csi xmlns='urn:xmpp:csi:0'/></stream:features>";
    server.send(success + features);
    assert.equal(await line.next(), expected(success));
    assert.equal(await line.next(), expected(features));
    await carriesUp(line, server, "<message xmlns='jabber:client' id='m'/>");
    await carriesDown(line, server, "<message xmlns='jabber:client' id='m'/>");
    assert.equal(server.received.split('<stream:stream').length, 2, 'one header');
  });

  test(`SM-13, SM-12: ${transport}: stream management that was enabled with the login is not enabled again`, async (t) => {
    const { line, server } = await open(await startBench(t), transport);
    const enable = `<bind xmlns='urn:xmpp:bind:0'><enable xmlns='${SM}' resume='true'/></bind>`;
    await carriesUp(line, server, `<authenticate xmlns='${SASL2}' mechanism='PLAIN'>${enable}</authenticate>`);
    const bound = `<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='${SM}' id='s1' resume='true'/></bound>`;
    await carriesDown(line, server, `<success xmlns='${SASL2}'>${bound}</success>`);
    for (let i = 0; i < 5; i++) {
      await carriesUp(line, server, `<message xmlns='jabber:client' id='${i}'/>`);
      await carriesDown(line, server, `<r xmlns='${SM}'/>`);
      await carriesUp(line, server, `<a xmlns='${SM}' h='${i}'/>`);
    }
    assert.equal(server.received.split('<enable ').length, 2);
  });

  test(`SASL2-07: ${transport}: a success that resumes brings no features, and no time runs out`, async (t) => {
    const bench = await startBench(t, { negotiateSeconds: 0.5, authenticationSeconds: 1 });
    const { line, server } = await open(bench, transport);
    const resume = `<resume xmlns='${SM}' previd='s1' h='2'/>`;
    await carriesUp(line, server, `<authenticate xmlns='${SASL2}' mechanism='PLAIN'>${resume}</authenticate>`);
    await carriesDown(line, server, `<success xmlns='${SASL2}'><resumed xmlns='${SM}' previd='s1' h='1'/></success>`);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await carriesUp(line, server, "<message xmlns='jabber:client' id='later'/>");
    await carriesDown(line, server, "<message xmlns='jabber:client' id='later too'/>");
  });

  test(`SASL2-08: ${transport}: the address that a client was given is known from either login`, async (t) => {
    const bound: unknown[] = [];
    const info = (fields: object, text: string): void => void (text === 'client bound' && bound.push(fields));
    const logger = { debug() {}, info, warn() {}, error() {} };
    const bench = await startBench(t, { logger });
    const newer = await open(bench, transport);
    const identifier = '<authorization-identifier>romeo@example.com/new</authorization-identifier>';
    await carriesDown(newer.line, newer.server, `<success xmlns='${SASL2}'>${identifier}</success>`);
    const older = await managed(bench, transport);
    const result = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>romeo@example.com/old</jid></bind>";
    await carriesDown(older.line, older.server, `<iq xmlns='jabber:client' type='result' id='b'>${result}</iq>`);
    assert.deepEqual(
      bound.map((fields) => (fields as { jid: string }).jid),
      ['romeo@example.com/new', 'romeo@example.com/old'],
    );
  });

  test(`SASL2-09: ${transport}: what a login says never reaches a log, at any level`, async (t) => {
    const lines: string[] = [];
    const log = (fields: object, text: string): void => void lines.push(`${JSON.stringify(fields)} ${text}`);
    const bench = await startBench(t, { logger: { debug: log, info: log, warn: log, error: log } });
    const { line, server } = await open(bench, transport);
    const agent = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><device>secret phone</device></user-agent>";
    const fast = "<fast xmlns='urn:xmpp:fast:0' count='7'/>";
    await carriesUp(
      line,
      server,
      `<authenticate xmlns='${SASL2}' mechanism='HT-SHA-256-NONE'><initial-response>c2VjcmV0MQ==</initial-response>${agent}${fast}</authenticate>`,
    );
    await carriesDown(line, server, `<challenge xmlns='${SASL2}'>c2VjcmV0Mg==</challenge>`);
    await carriesUp(line, server, `<response xmlns='${SASL2}'>c2VjcmV0Mw==</response>`);
    const token = "<token xmlns='urn:xmpp:fast:0' token='secret-token' expiry='2030-01-01T00:00:00Z'/>";
    await carriesDown(
      line,
      server,
      `<success xmlns='${SASL2}'><additional-data>c2VjcmV0NA==</additional-data>${token}</success>`,
    );
    // And where it goes wrong, which says more.
    await line.send(`<response xmlns=''>c2VjcmV0NQ==</response>`);
    await server.expectEnd();
    assert.ok(lines.length > 0);
    for (const one of lines) assert.doesNotMatch(one, /c2Vjc|secret|d4565fa7/, one);
  });

  test(`SASL2-05: ${transport}: while a login goes on nothing else is sent`, async (t) => {
    const bench = await startBench(t, { pingSeconds: 0.1, serverKeepAliveSeconds: 0.2 });
    const { line, server } = await open(bench, transport);
    await carriesUp(line, server, `<authenticate xmlns='${SASL2}' mechanism='X'/>`);
    const before = server.received;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(server.received, before);
    await carriesDown(line, server, `<challenge xmlns='${SASL2}'>eA==</challenge>`);
    await carriesUp(line, server, `<response xmlns='${SASL2}'>eQ==</response>`);
  });

  test(`SASL2-11, CB-01: ${transport}: features of login are passed on as they came, -PLUS and channel bindings too`, async (t) => {
    const bench = await startBench(t);
    const { line, server } = await managed(bench, transport);
    const plus =
      '<mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism><mechanism>PLAIN</mechanism>';
    const features = [
      `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${plus}</mechanisms>`,
      "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/></sasl-channel-binding>",
      `<authentication xmlns='${SASL2}'>${plus}<inline><sm xmlns='${SM}'/><bind xmlns='urn:xmpp:bind:0'><inline><feature var='${SM}'/></inline></bind><fast xmlns='urn:xmpp:fast:0' tls-0rtt='true'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>`,
    ].join('');
    const xml = `<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${features}</stream:features>`;
    await carriesDown(line, server, xml);
  });

  test(`CB-03: ${transport}: what a login says of its binding is not touched`, async (t) => {
    const { line, server } = await open(await startBench(t), transport);
    for (const said of ['n,,n=u,r=1', 'y,,n=u,r=1', 'p=tls-exporter,,n=u,r=1', 'p=tls-server-end-point,a=x,n=u,r=1']) {
      const text = Buffer.from(said).toString('base64');
      const xml = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'>${text}</auth>`;
      await line.send(xml);
      assert.equal(await server.expect('<auth'), xml);
    }
  });

  test(`SASL2-06: ${transport}: the address that a client names reaches the header that TLS protects`, async (t) => {
    const { bench, u } = await secured(t);
    const asked = "from='romeo@example.com' to='example.com' version='1.0'";
    if (transport === 'websocket') (await bench.socket()).open(asked);
    else void bench.bosh().create({ from: 'romeo@example.com' });
    const server = await u.accept();
    await server.negotiate();
    const headers = server.received.match(/<stream:stream [^>]*>/g) ?? [];
    assert.equal(headers.length, 2);
    assert.doesNotMatch(headers[0] as string, / from=/);
    assert.match(headers[1] as string, / from='romeo@example\.com'/);
  });
}

test('CB-02: the documentation says what channel binding can do here, and what to do about it', async () => {
  const text = await readFile(new URL('../../docs/logins.md', import.meta.url), 'utf8');
  for (const said of [
    /browser.*`n`/s,
    /native client.*fails/s,
    /`tls-server-end-point`.*certificate/s,
    /listener of its own/,
    /never edited/,
  ]) {
    assert.match(text, said);
  }
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  assert.ok(readme.includes('docs/logins.md'));
});

test('CB-02: a SCRAM login that says `n` passes', async (t) => {
  const server = await startDevServer({ users: [{ name: 'romeo', password: 'montague' }] });
  t.after(() => server.stop());
  const domains = { localhost: { host: '127.0.0.1', port: server.port, tls: 'none' as const } };
  const bench = await startBench(t, { domains });
  const urls = {
    websocket: `ws://127.0.0.1:${bench.port}/xmpp-websocket`,
    bosh: `http://127.0.0.1:${bench.port}/http-bind/`,
  };
  const account = { user: 'romeo', jid: 'romeo@localhost', password: 'montague' };
  for (const library of [stropheWebSocket, stropheBosh, stanzaWebSocket]) {
    const client = await library.login({ urls, domain: 'localhost', account });
    t.after(() => client.destroy());
    assert.match(client.mechanism, /^SCRAM-/);
    const first = /<auth [^>]*>([^<]*)</.exec(client.wire.find((line) => line.includes('<auth ')) ?? '')?.[1] ?? '';
    assert.match(Buffer.from(first, 'base64').toString(), /^n,/);
    await client.logout();
  }
});

/** The rules that have vectors for their tests, each vector from end to end. */
const RULES = [
  ['NS-04', ['NSV-22']],
  ['NS-06', ['NSV-17', 'NSV-18', 'NSV-56']],
  ['NS-08', ['NSV-15', 'NSV-16', 'NSV-50', 'NSV-62', 'NSV-70']],
  ['NS-11', ['NSV-19', 'NSV-20', 'NSV-21', 'NSV-64']],
] as const;

for (const [rule, ids] of RULES) {
  test(`${rule}: ${ids.join(', ')}, from end to end`, async (t) => {
    for (const id of ids) {
      const bench = await startBench(t);
      const up = BODY_VECTORS.find((vector) => vector.id === id);
      if (up === undefined) await comesDown(bench, STREAM_VECTORS.find((vector) => vector.id === id) as Vector);
      else await goesUp(bench, up);
    }
  });
}

async function goesUp(bench: Bench, { id, input, infosets }: Vector): Promise<void> {
  const { client, server } = await bench.session();
  await client.write(input.replace("sid='S'", `sid='${client.sid}'`).replace("rid='101'", `rid='${client.rid + 1}'`));
  for (const wanted of infosets) {
    const { text } = await server.event();
    const lang = wanted.includes(' lang=') ? 'effective' : 'none';
    assert.deepEqual(childInfosets(`${CLIENT_HEADER}${text}</stream:stream>`, { lang }), [wanted], id);
    // What is used in content alone has no place in an infoset.
    if (id === 'NSV-22') assert.match(text, /xmlns:t='urn:types'/);
  }
}

async function comesDown(bench: Bench, { id, header = SERVER_HEADER, input, infosets }: Vector): Promise<void> {
  const client = await bench.socket();
  client.open();
  const server = await bench.u.accept();
  await server.expectHeader();
  server.send(header + input);
  await client.message('<open/>');
  for (const wanted of infosets) {
    const lang = wanted.includes(' lang=') ? 'effective' : 'none';
    assert.equal(infoset(await client.message(), { lang }), wanted, id);
  }
}

/** A gateway whose server wants STARTTLS. */
async function secured(t: TestContext, settings: Partial<GatewayOptions> = {}) {
  const authority = await createAuthority();
  t.after(() => authority.remove());
  const { certificateFile, keyFile } = await authority.issue({ names: ['example.com'] });
  const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
  const u = await ScriptedServer.start(t, { tls: { cert, key, mode: 'starttls' } });
  const domains = {
    'example.com': { host: '127.0.0.1', port: u.port, tls: 'starttls' as const, ca: authority.caFile },
  };
  return { u, bench: await startBench(t, { domains, ...settings }) };
}
