import { CHAT_BYTES } from './message.ts';

/** What the clients of one run do. */
export interface Load {
  /**
   * `login`: in and out, again and again. `closed`: the next messages go when the last ones are back. `fixed`: so many in a second,
   * whatever comes back. `push`: the server sends. `idle`: nothing. `storm`: all log in at once.
   */
  readonly kind: 'login' | 'closed' | 'fixed' | 'push' | 'idle' | 'storm';
  readonly sessions: number;
  readonly bytes: number;
  /** Messages that are sent together. */
  readonly batch: number;
  /** Of each session, or of the server to each. */
  readonly perSecond: number;
}

export interface Scenario {
  readonly name: string;
  readonly load: Load;
  /** What CPU time is counted for. */
  readonly unit: 'login' | 'message' | 'session';
  /** Each round has processes of its own: what the last one left in memory would be counted. */
  readonly isFresh: boolean;
}

const CHAT: Omit<Load, 'kind' | 'sessions'> = { bytes: CHAT_BYTES, batch: 1, perSecond: 1 };

function messages(name: string, load: Pick<Load, 'kind' | 'sessions'> & Partial<Load>): Scenario {
  return { name, load: { ...CHAT, ...load }, unit: 'message', isFresh: false };
}

const idle = (sessions: number): Scenario => ({
  name: `idle-${sessions}`,
  load: { ...CHAT, kind: 'idle', sessions },
  unit: 'session',
  isFresh: true,
});

/** The same 500 messages a second, spread over ever more sessions. */
const scale = (sessions: number): Scenario => ({
  ...messages(`scale-${sessions}`, { kind: 'fixed', sessions, perSecond: 500 / sessions }),
  isFresh: true,
});

export const SCENARIOS: readonly Scenario[] = [
  { name: 'login', load: { ...CHAT, kind: 'login', sessions: 20 }, unit: 'login', isFresh: false },
  messages('fixed', { kind: 'fixed', sessions: 100, perSecond: 5 }),
  messages('closed', { kind: 'closed', sessions: 50 }),
  messages('push', { kind: 'push', sessions: 50, perSecond: 20 }),
  messages('batch', { kind: 'closed', sessions: 50, batch: 10 }),
  messages('large', { kind: 'closed', sessions: 10, bytes: 65_536 }),
  idle(2000),
  idle(5000),
  idle(10_000),
  scale(100),
  scale(1000),
  scale(10_000),
  { name: 'storm', load: { ...CHAT, kind: 'storm', sessions: 5000 }, unit: 'login', isFresh: true },
];

/** `idle`, `scale` stand for all sizes of theirs. Throws where there is none of that name. */
export function scenariosOf(names: readonly string[]): Scenario[] {
  const found = SCENARIOS.filter(({ name }) => names.includes(name) || names.includes(name.replace(/-\d+$/, '')));
  for (const name of names) {
    if (!found.some((one) => one.name === name || one.name.startsWith(`${name}-`))) {
      throw new Error(`no scenario ${name}; there are: ${SCENARIOS.map((one) => one.name).join(', ')}`);
    }
  }
  return found;
}
