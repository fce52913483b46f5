import { z } from 'zod';
import { isNetwork } from '../../core/ip.ts';
import { HOST, PEM, text, oneOf, seconds, urlPaths, whole, yesNo } from '../fields.ts';
import { headerTable } from '../http-fields.ts';

const TRANSPORTS = 'a list of "bosh" and "websocket"';
const NETWORKS = 'a list of addresses and networks such as "127.0.0.1" or "10.0.0.0/8"';
const TLS_PORT = 'a whole number from 0 to 65535';

export const listening = {
  host: text(HOST).optional().meta({
    description: 'The address to listen on. A reverse proxy on the same machine needs 127.0.0.1 only.',
    expects: HOST,
    otherwise: 'all interfaces',
  }),
  port: whole(
    0,
    65_535,
    5280,
    '',
    'The port to listen on; 0 takes any free one. 5280 is where XMPP servers have BOSH.',
  ),
  tlsPort: z
    .int({ error: `must be ${TLS_PORT}` })
    .min(0, { error: `must be ${TLS_PORT}` })
    .max(65_535, { error: `must be ${TLS_PORT}` })
    .optional()
    .meta({
      description:
        'A second port, for https and wss; needs `tlsCert` and `tlsKey`. A session that begins there stays there.',
      expects: TLS_PORT,
      otherwise: 'none: a reverse proxy in front speaks TLS',
    }),
  tlsCert: text(PEM).optional().meta({
    description: 'The certificate for `tlsPort`, with its chain.',
    expects: PEM,
    otherwise: 'none',
  }),
  tlsKey: text(PEM).optional().meta({ description: 'The private key of `tlsCert`.', expects: PEM, otherwise: 'none' }),
  tlsClientCa: text(PEM).optional().meta({
    description:
      'Clients at `tlsPort` are asked for a certificate of this authority; a session that shows one keeps to it.',
    expects: PEM,
    otherwise: 'none is asked for',
  }),
  transports: z
    .array(z.enum(['bosh', 'websocket'], { error: `must be ${TRANSPORTS}` }), { error: `must be ${TRANSPORTS}` })
    .min(1, { error: `must be ${TRANSPORTS}` })
    .default(['bosh', 'websocket'])
    .meta({ description: 'What is spoken: one of the two may be left out.', expects: TRANSPORTS }),
  trustedProxies: z
    .array(z.string().refine(isNetwork, { error: `must be ${NETWORKS}` }), { error: `must be ${NETWORKS}` })
    .default([])
    .meta({
      description:
        'Reverse proxies that are believed in what they say of a client. They must set the fields of `proxyHeader` anew, or add to them what they see.',
      expects: NETWORKS,
    }),
  proxyHeader: oneOf(
    ['x-forwarded-for', 'forwarded', 'proxy-protocol'],
    'x-forwarded-for',
    'Where `trustedProxies` say the address of a client: in one of these fields (with X-Forwarded-Proto and X-Forwarded-Host beside the first), or in the PROXY protocol (version 1 or 2), with which each of their connections must then begin. The others are not looked at, since a proxy may pass them on as the client has written them.',
  ),
  path: urlPaths(
    '/http-bind/',
    'Where BOSH is, with and without the final slash. WebSocket is spoken here too. A balancer can choose by path where each gateway serves all below a folder of its own.',
  ),
  websocketPath: urlPaths('/xmpp-websocket', 'Where WebSocket is.'),
  requestSeconds: seconds(1, 3600, 30, 'A whole HTTP request must be in by then: slow ones hold a socket for nothing.'),
  keepAliveSeconds: seconds(
    0,
    3600,
    75,
    'How long an idle HTTP connection stays open. Keep it above the idle time of the proxy in front, which otherwise answers 502 now and then.',
  ),
  compression: yesNo(
    true,
    'Whether BOSH bodies may be compressed (gzip, deflate): requests, and answers to clients that accept it. Who can both see the size of a TLS record and put text into it learns a little about what else is in it (BREACH); each chat message is sent once and login is in bodies of its own, so there is little to learn. Set false where that is too much.',
  ),
  compressAboveBytes: whole(
    0,
    1_073_741_824,
    1024,
    'bytes',
    'Shorter answers are not compressed: they fill one packet either way.',
  ),
  headers: headerTable(
    'Header fields for each HTTP answer, errors too, such as { "X-Jitsi-Shard" = "s1" }. Pages of other origins may read them (they are named in Access-Control-Expose-Headers); fields that the gateway itself decides cannot be set here.',
  ),
  drainSeconds: seconds(0, 600, 5, 'Shutdown ends by then: sessions are ended before, sockets that are left are cut.'),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info', 'The least level that is logged.'),
};
