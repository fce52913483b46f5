import type { IncomingMessage, ServerResponse } from 'node:http';
import { respondText } from '../http/respond.ts';
import { sendPage } from './html.ts';
import type { Count, Tally, TallyView } from './tally.ts';

/** What the pages say of the program itself. */
export interface Program {
  readonly version: string;
}

/** `3 days 10:23:33`, as node-xmpp-bosh says it. */
export function uptimeText(seconds: number): string {
  const whole = Math.floor(seconds);
  const pair = (value: number): string => String(value % 60).padStart(2, '0');
  const days = Math.floor(whole / 86_400);
  const time = `${String(Math.floor(whole / 3600) % 24).padStart(2, '0')}:${pair(Math.floor(whole / 60))}:${pair(whole)}`;
  return days === 0 ? time : `${days} day${days === 1 ? '' : 's'} ${time}`;
}

const cells = (...counts: readonly Count[]): string =>
  counts.map(({ now, total }) => `<td class="number">${now}</td><td class="number">${total}</td>`).join('');

const sum = (first: Count, second: Count): Count => ({
  now: first.now + second.now,
  total: first.total + second.total,
});

/** The numbers as HTML. */
export function renderNumbers({ uptimeSeconds, byTransport }: TallyView, { version }: Program): string {
  const { bosh, websocket } = byTransport;
  const row = (name: string, sessions: Count, streams: Count): string =>
    `<tr><th scope="row">${name}</th>${cells(sessions, streams)}</tr>`;
  return `<p>Version ${version}, up for ${uptimeText(uptimeSeconds)}.</p>
<table>
<thead>
<tr><th></th><th colspan="2" scope="colgroup">Sessions</th><th colspan="2" scope="colgroup">Streams</th></tr>
<tr><th></th><th scope="col">now</th><th scope="col">in total</th><th scope="col">now</th><th scope="col">in total</th></tr>
</thead>
<tbody>
${row('BOSH', bosh.sessions, bosh.streams)}
${row('WebSocket', websocket.sessions, websocket.streams)}
${row('Together', sum(bosh.sessions, websocket.sessions), sum(bosh.streams, websocket.streams))}
</tbody>
</table>`;
}

/** True for GET and HEAD; anything else is answered. */
export function isReading(request: IncomingMessage, response: ServerResponse): boolean {
  request.resume();
  if (request.method === 'GET' || request.method === 'HEAD') return true;
  response.setHeader('Allow', 'GET, HEAD');
  respondText(response, 405, 'This page is read by GET.');
  return false;
}

/** The page at `/`. */
export function showMonitor(tally: Tally, program: Program, request: IncomingMessage, response: ServerResponse): void {
  if (!isReading(request, response)) return;
  sendPage(response, 'Sluice, an XMPP connection manager', renderNumbers(tally.view(), program));
}
