import { BAD_BOSH } from './bad-bosh.ts';
import { BAD_HTTP } from './bad-http.ts';
import { BAD_SERVER } from './bad-server.ts';
import { BAD_WEBSOCKET } from './bad-websocket.ts';
import { BAD_XML } from './bad-xml.ts';
import { BOSH_MORE } from './bosh-more.ts';
import { BOSH_SESSION } from './bosh-session.ts';
import { BOSH_TRANSPORT } from './bosh-transport.ts';
import { CARRYING } from './carrying.ts';
import { DISCOVERY } from './discovery.ts';
import type { Item } from './item.ts';
import { SERVER } from './server.ts';
import { VECTORS } from './vectors.ts';
import { WEBSOCKET } from './websocket.ts';

export { LEVELS, type Item, type Level } from './item.ts';

/** The whole checklist, in its order. */
export const ITEMS: readonly Item[] = [
  ...BOSH_TRANSPORT,
  ...BOSH_SESSION,
  ...BOSH_MORE,
  ...WEBSOCKET,
  ...SERVER,
  ...CARRYING,
  ...DISCOVERY,
  ...VECTORS,
  ...BAD_HTTP,
  ...BAD_BOSH,
  ...BAD_XML,
  ...BAD_WEBSOCKET,
  ...BAD_SERVER,
];

/** What each part is about, and how many items it has. */
export const PARTS: ReadonlyMap<string, readonly [title: string, size: number]> = new Map([
  ['1', ['BOSH: HTTP', 16]],
  ['2', ['BOSH: requests from other origins', 7]],
  ['3', ['BOSH: the wrapper', 11]],
  ['4', ['BOSH: the request for a session', 21]],
  ['5', ['BOSH: the answer to it', 17]],
  ['6', ['BOSH: payloads both ways', 15]],
  ['7', ['BOSH: acknowledgements', 10]],
  ['8', ['BOSH: inactivity and pause', 16]],
  ['9', ['BOSH: overactivity and polling', 11]],
  ['10', ['BOSH: the end of a session', 9]],
  ['11', ['BOSH: request identifiers and broken connections', 20]],
  ['12', ['BOSH: key sequences', 8]],
  ['13', ['BOSH: several streams', 9]],
  ['14', ['BOSH: errors', 15]],
  ['15', ['BOSH: security', 10]],
  ['16', ['BOSH: script syntax', 6]],
  ['17', ['XMPP over BOSH', 28]],
  ['18', ['WebSocket: handshake', 11]],
  ['19', ['WebSocket: messages', 16]],
  ['20', ['WebSocket: the life of a stream', 37]],
  ['21', ['Server: finding it', 11]],
  ['22', ['Server: TLS', 20]],
  ['23', ['Server: headers and features', 14]],
  ['24', ['Server: XML', 13]],
  ['25', ['Server: keepalive, errors, closing', 13]],
  ['26', ['Carrying names and languages', 14]],
  ['27', ['Carrying stream management', 13]],
  ['28', ['Carrying newer logins and channel binding', 15]],
  ['29', ['Discovery', 15]],
  ['30', ['Scope', 4]],
  ['B1', ['Vectors: BOSH to the server', 26]],
  ['B2', ['Vectors: WebSocket to the server', 6]],
  ['B3', ['Vectors: the server to BOSH', 15]],
  ['B4', ['Vectors: the server to WebSocket', 6]],
  ['C1', ['Bad input: HTTP', 44]],
  ['C2', ['Bad input: BOSH', 54]],
  ['C3', ['Bad input: XML', 52]],
  ['C4', ['Bad input: WebSocket', 44]],
  ['C5', ['Bad input: the server', 35]],
]);

/** The parts that a name stands for: itself, or a letter for all that begin with it. */
export function partsNamed(name: string): readonly string[] {
  return [...PARTS.keys()].filter((part) => part === name || (/^[BC]$/.test(name) && part.startsWith(name)));
}
