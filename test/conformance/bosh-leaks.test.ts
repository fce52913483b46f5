import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import test, { type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock, type Clock, type Timer } from '../../src/core/clock.ts';
import { startBench, type Bench } from '../support/bench.ts';
import { body, type Attributes } from '../support/bosh-client.ts';
import type { ServerConnection } from '../support/scripted-server.ts';
import { eventually } from '../support/waiting.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The system's clock, which knows how many of its timers are still to fire. */
function countingClock(): { clock: Clock; pending: Set<Timer> } {
  const pending = new Set<Timer>();
  const after: Clock['after'] = (ms, run, of) => {
    const timer = systemClock.after(ms, () => {
      pending.delete(counted);
      run(of as Parameters<typeof run>[0]);
    });
    const counted: Timer = {
      cancel: () => (pending.delete(counted), timer.cancel()),
      restart: (again) => (pending.add(counted), timer.restart(again)),
    };
    pending.add(counted);
    return counted;
  };
  return { clock: { ...systemClock, after }, pending };
}

/** A client that keeps nothing: the heap of the test stays out of the measurement. */
function leanClient(t: TestContext, port: number): (attributes: Attributes, payload?: string) => Promise<string> {
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  return (attributes, payload) =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/http-bind/', method: 'POST', agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
      })
        .on('error', reject)
        .end(body(attributes, payload));
    });
}

type Ask = (payload?: string, attributes?: Attributes) => Promise<string>;

const STREAM_ERROR =
  "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

/** Every way in which a session of this gateway may end, and what its client is told. */
const ENDS: readonly (readonly [told: RegExp, end: (ask: Ask, server: ServerConnection) => Promise<string>])[] = [
  [/type='terminate'(?! condition)/, (ask) => ask('', { type: 'terminate' })],
  [/item-not-found/, (ask) => ask('', { rid: 9_999_999 })],
  [/bad-request/, (ask) => ask("<presence xmlns=''/>")],
  [/policy-violation/, (ask) => ask('', { pause: 60_000 })],
  [/bad-request/, (ask) => ask('', { 'xmlns:xmpp': 'urn:xmpp:xbosh', 'xmpp:restart': 'true' })],
  [
    /remote-stream-error/,
    (ask, server) => {
      server.end(STREAM_ERROR);
      return ask();
    },
  ],
  [
    /remote-connection-failed/,
    (ask, server) => {
      server.reset();
      return ask();
    },
  ],
  [
    /remote-connection-failed/,
    (ask, server) => {
      server.end();
      return ask();
    },
  ],
  [
    /item-not-found|other-request/,
    async (ask) => {
      const held = ask("<message xmlns='jabber:client' id='held'/>");
      await ask('', { rid: 9_999_999 });
      return held;
    },
  ],
];

/** U saw the stream end, whoever began it, and closes its side. */
async function seeClosed(server: ServerConnection): Promise<void> {
  for (;;) {
    const { kind } = await server.event();
    if (kind === 'eof' || kind === 'reset') return;
    if (kind === 'end' && server.socket.writable) server.end();
  }
}

async function liveAndDie(bench: Bench, post: ReturnType<typeof leanClient>, round: number): Promise<void> {
  const [told, end] = ENDS[round % ENDS.length] ?? assert.fail();
  const creating = post({ rid: 1, to: 'example.com', ver: '1.11', wait: 60, hold: 1 });
  const server = await bench.u.accept();
  await server.negotiate();
  const sid = / sid='(.*?)'/.exec(await creating)?.[1];
  let rid = 1;
  const ask: Ask = (payload, attributes) => post({ rid: ++rid, sid, ...attributes }, payload);
  assert.match(await end(ask, server), told);
  await seeClosed(server);
  assert.match(await ask(), /type='terminate' condition='(item-not-found|remote-)/);
  // U is not what is measured.
  bench.u.connections.length = 0;
}

test('BOSH-ERR-04: a thousand sessions, ended in every way: sids, streams, timers and memory are gone', async (t) => {
  const { clock, pending } = countingClock();
  const bench = await startBench(t, { clock, inactivitySeconds: 2, maxInactivitySeconds: 2 });
  const views: WeakRef<object>[] = [];
  bench.gateway.events.on('stream-add', (view) => views.push(new WeakRef(view)));
  const post = leanClient(t, bench.port);
  const timersBefore = pending.size;
  const heapAfter = async (from: number, to: number): Promise<number> => {
    for (let round = from; round < to; round++) await liveAndDie(bench, post, round);
    await bench.settled();
    await eventually('no timer is left', () => pending.size <= timersBefore, 10_000);
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const early = await heapAfter(0, 400);
  const late = await heapAfter(400, 1000);
  assert.equal(bench.gateway.stats().sessionsInTotal, 1000);
  assert.ok(late - early < 1_500_000, `the heap grew by ${late - early} bytes in 600 sessions`);
  await eventually('the streams are garbage', () => {
    collectGarbage();
    return views.filter((view) => view.deref() !== undefined).length <= 3;
  });
});
