import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createGateway, type Gateway, type GatewayOptions } from '../../src/gateway.ts';
import { BoshClient, type Attributes, type BoshOptions } from './bosh-client.ts';
import { RawHttp, type RawRequest, type RawResponse } from './raw-http.ts';
import { RawWebSocket, type Handshake } from './raw-websocket.ts';
import {
  AUTH,
  BIND,
  MECHANISMS,
  ScriptedServer,
  SUCCESS,
  type ServerConnection,
  type ServerOptions,
} from './scripted-server.ts';
import { eventually } from './waiting.ts';

/** A gateway between raw clients and a scripted server U, which serves example.com. */
export interface Bench {
  readonly t: TestContext;
  readonly gateway: Gateway;
  readonly port: number;
  readonly u: ScriptedServer;
  bosh(options?: BoshOptions): BoshClient;
  /** A session whose stream is open and whose features are told, not authenticated. */
  session(attributes?: Attributes, options?: BoshOptions): Promise<{ client: BoshClient; server: ServerConnection }>;
  /** The same, authenticated, restarted, bound. */
  login(attributes?: Attributes, options?: BoshOptions): Promise<{ client: BoshClient; server: ServerConnection }>;
  http(): Promise<RawHttp>;
  request(request: RawRequest): Promise<RawResponse>;
  socket(handshake?: Handshake): Promise<RawWebSocket>;
  /** A WebSocket whose stream is open and whose features are told. */
  stream(open?: string): Promise<{ client: RawWebSocket; server: ServerConnection }>;
  /** The same, authenticated, restarted, bound. */
  streamLogin(): Promise<{ client: RawWebSocket; server: ServerConnection }>;
  /** No connection came to U that the test did not ask for, and a good session still works in the same process. */
  proveHealthy(): Promise<void>;
  /** All sessions and streams are gone. */
  settled(): Promise<void>;
}

/** Where most tests begin: times are short where they are waited for, and long where they must not interfere. */
const DEFAULTS = { drainSeconds: 0.2, closeSeconds: 0.3, inactivitySeconds: 30, pingSeconds: 0 };

/** `others`: further domains and their servers. */
export async function startBench(
  t: TestContext,
  settings: Partial<GatewayOptions> = {},
  serverOptions: ServerOptions = {},
  others: Readonly<Record<string, ScriptedServer>> = {},
): Promise<Bench> {
  const u = await ScriptedServer.start(t, serverOptions);
  const servers = Object.entries({ 'example.com': u, ...others });
  const domains = Object.fromEntries(
    servers.map(([domain, { port }]) => [domain, { host: '127.0.0.1', port, tls: 'none' as const }]),
  );
  const gateway = createGateway({ port: 0, host: '127.0.0.1', domains, ...DEFAULTS, ...settings });
  await gateway.start();
  t.after(() => gateway.stop());
  return new GatewayBench(t, gateway, u);
}

class GatewayBench implements Bench {
  readonly t: TestContext;
  readonly gateway: Gateway;
  readonly u: ScriptedServer;

  constructor(t: TestContext, gateway: Gateway, u: ScriptedServer) {
    this.t = t;
    this.gateway = gateway;
    this.u = u;
  }

  get port(): number {
    return this.gateway.port;
  }

  bosh(options?: BoshOptions): BoshClient {
    return new BoshClient(this.t, this.port, options);
  }

  async session(attributes: Attributes = {}, options?: BoshOptions) {
    const client = this.bosh(options);
    const [server] = await Promise.all([this.#negotiated(), client.create(attributes)]);
    return { client, server };
  }

  async #negotiated(): Promise<ServerConnection> {
    const server = await this.u.accept();
    await server.negotiate();
    return server;
  }

  async login(attributes: Attributes = {}, options?: BoshOptions) {
    const { client, server } = await this.session(attributes, options);
    const auth = await client.send(AUTH);
    await server.expect('<auth');
    server.send(SUCCESS);
    await auth.answer;
    const restart = await client.restart();
    await server.expectHeader();
    server.sendHeader(BIND);
    await restart.answer;
    return { client, server };
  }

  http(): Promise<RawHttp> {
    return RawHttp.connect(this.t, this.port);
  }

  async request(request: RawRequest): Promise<RawResponse> {
    return (await this.http()).request(request);
  }

  socket(handshake?: Handshake): Promise<RawWebSocket> {
    return RawWebSocket.connect(this.t, this.port, handshake);
  }

  async stream(open?: string) {
    const client = await this.socket();
    assert.equal(client.status, 101);
    client.open(open);
    const server = await this.#negotiated();
    assert.match(await client.message('<open/>'), /^<open /);
    assert.match(await client.message('features'), /^<stream:features/);
    return { client, server };
  }

  async streamLogin() {
    const { client, server } = await this.stream();
    client.send(AUTH);
    await server.expect('<auth');
    server.send(SUCCESS);
    await client.message('success');
    client.open();
    await server.expectHeader();
    server.sendHeader(BIND);
    await client.message('<open/>');
    await client.message('features');
    return { client, server };
  }

  async proveHealthy(): Promise<void> {
    assert.equal(this.u.untaken, 0, 'there is a connection to the server that should not be');
    const { client, server } = await this.session();
    const held = await client.send("<message xmlns='jabber:client' id='proof'/>");
    await server.expect('proof');
    server.send("<message id='echo'/>");
    assert.match((await held.answer).text, /echo/);
    const end = await client.send('', { type: 'terminate' });
    await server.expectEnd();
    server.end();
    assert.equal((await end.answer).type, 'terminate');
  }

  async settled(): Promise<void> {
    await eventually('no session and no stream is left', () => {
      const { sessions, streams } = this.gateway.stats();
      return sessions === 0 && streams === 0;
    });
  }
}

export { AUTH, BIND, MECHANISMS, SUCCESS };
