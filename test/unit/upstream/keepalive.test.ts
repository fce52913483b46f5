import assert from 'node:assert/strict';
import test from 'node:test';
import { Keepalive } from '../../../src/upstream/keepalive.ts';
import { TestClock } from '../../support/test-clock.ts';

/** A machine that slept: what its clock says, its timers learn late. */
class SleepyClock extends TestClock {
  slept = 0;

  override now(): number {
    return super.now() + this.slept;
  }
}

const stanza = (xml: string, name: string, ns: string) => ({ xml, name, ns, bytes: xml.length });
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const STREAMS = 'http://etherx.jabber.org/streams';
const BOUND = `<iq xmlns='jabber:client' type='result' id='b'><bind xmlns='${BIND}'><jid>a@b/c</jid></bind></iq>`;

/** Of a stream that is logged in and bound. */
function started({ idle = 0, silence = 0 }: { readonly idle?: number; readonly silence?: number }) {
  const clock = new SleepyClock();
  const log: string[] = [];
  const handlers = {
    isListening: true,
    onIdle(xml: string) {
      keepalive.sent();
      log.push(`${clock.now() / 1000} ${xml.includes('<ping ') ? 'ping' : 'space'}`);
    },
    onLost() {
      keepalive.stop();
      log.push(`${clock.now() / 1000} lost`);
    },
  };
  const keepalive: Keepalive = new Keepalive(
    { serverKeepAliveSeconds: idle, serverSilenceSeconds: silence },
    handlers,
    clock,
  );
  keepalive.observe(stanza(`<success xmlns='${SASL}'/>`, 'success', SASL));
  keepalive.observe(stanza(`<features xmlns='${STREAMS}'/>`, 'features', STREAMS));
  keepalive.observe(stanza(BOUND, 'iq', 'jabber:client'));
  return { clock, log, handlers, keepalive };
}

test('UP-KA-01: a space for each time in which nothing was written, and none where something was', () => {
  const { clock, log, keepalive } = started({ idle: 60 });
  clock.advance(50_000);
  keepalive.sent();
  clock.advance(150_000);
  assert.deepEqual(log, ['110 space', '170 space']);
});

test('UP-KA-04: a silent server is asked, then dead; one that speaks is neither', () => {
  const { clock, log, keepalive } = started({ silence: 90 });
  for (let i = 0; i < 10; i++) {
    clock.advance(30_000);
    keepalive.heard();
  }
  assert.deepEqual(log, []);
  clock.advance(200_000);
  assert.deepEqual(log, ['360 ping', '390 lost']);
});

test('UP-KA-04: both at once have their times', () => {
  const { clock, log } = started({ idle: 40, silence: 90 });
  clock.advance(100_000);
  assert.deepEqual(log, ['40 space', '60 ping', '90 lost']);
});

test('UP-KA-04: a server is given time to answer, however late it is asked', () => {
  const { clock, log } = started({ silence: 90 });
  clock.slept = 3_600_000;
  clock.advance(60_000);
  assert.deepEqual(log, ['3660 ping']);
  clock.advance(29_000);
  assert.deepEqual(log, ['3660 ping']);
  clock.advance(1000);
  assert.deepEqual(log, ['3660 ping', '3690 lost']);
});

test('UP-KA-04: while the gateway itself does not listen, no time passes for the server', () => {
  const { clock, log, handlers } = started({ silence: 90 });
  handlers.isListening = false;
  clock.advance(600_000);
  assert.deepEqual(log, []);
  handlers.isListening = true;
  clock.advance(100_000);
  assert.equal(log.length, 2);
});

test('UP-KA-01: a stream that is over leaves no timer', () => {
  const { clock, keepalive } = started({ idle: 60, silence: 90 });
  keepalive.stop();
  assert.equal(clock.pending, 0);
});
