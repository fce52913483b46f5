import { z } from 'zod';
import { ConfigError, suggestion } from './config-error.ts';
import { readAuthorities } from './authorities.ts';
import { headerName, headerTable, webUri } from './http-fields.ts';
import {
  HOST,
  PEM,
  text,
  bytes,
  domainName,
  oneOf,
  originName,
  seconds,
  urlPath,
  whole,
  yesNo,
  yesNoUnset,
} from './fields.ts';
import { domain, domainShape } from './domain-shape.ts';

const TLS_PORT = 'a whole number from 0 to 65535';
const ROUTES = 'a list of places such as "xmpp.example.org:5222" or "*.example.org:5222"';
const NAME_SERVERS = 'a list of addresses such as "127.0.0.1:53"';
const ORIGINS = "'*' or a list of origins such as https://example.org";

const listening = {
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
  path: urlPath('/http-bind/', 'Where BOSH is, with and without the final slash. WebSocket is spoken here too.'),
  websocketPath: urlPath('/xmpp-websocket', 'Where WebSocket is.'),
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

const access = {
  origins: z
    .union([z.literal('*'), z.array(originName, { error: `must be ${ORIGINS}` })], { error: `must be ${ORIGINS}` })
    .default('*')
    .meta({
      description: 'Web pages of which origins may use this gateway (CORS, and the Origin of a WebSocket).',
      expects: ORIGINS,
    }),
  allowMissingOrigin: yesNo(
    true,
    'Whether clients without an Origin header may come in: native clients send none, browsers always do.',
  ),
  credentials: yesNo(
    false,
    'Whether browsers may send cookies and HTTP authentication, for a proxy in front that asks for them. Needs a list of `origins`.',
  ),
  allowHeaders: z.array(headerName).default([]).meta({
    description:
      'Request header fields that pages may send, beside Content-Type, Content-Encoding, Authorization and X-Requested-With.',
    expects: 'a list of header names',
  }),
  privateNetwork: yesNo(
    false,
    'Whether public web pages may use this gateway where it has a private address (Private Network Access of browsers).',
  ),
  getRequests: yesNoUnset(
    "true while `origins` is '*', otherwise false",
    'Whether BOSH may come by GET as `?data=` with an optional `&callback=` (JSONP), as node-xmpp-bosh had it. Scripts are not bound to an origin: with a list of `origins` any page could use the gateway this way.',
  ),
  seeOtherUri: webUri(
    'Where BOSH clients are sent that ask for a new session (`see-other-uri`): from a plain port to the one with TLS, or away from this server. Sessions that exist go on.',
  ),
};

const upstream = {
  domains: z.record(domainName, domain, { error: 'must be a table: one entry for each XMPP domain' }).default({}).meta({
    description: 'The XMPP domains with settings of their own, by name. Naming any means that only they are served.',
    expects: 'a table: one entry for each XMPP domain',
  }),
  retiredDomains: z
    .array(domainName, { error: 'must be a list of domains' })
    .default([])
    .meta({ description: 'Domains that were served once: clients are told host-gone.', expects: 'a list of domains' }),
  routes: z
    .array(z.string().regex(/^(\*\.)?(\[[0-9a-f:.]+\]|[a-z0-9.-]+):\d{1,5}$/, { error: `must be ${ROUTES}` }), {
      error: `must be ${ROUTES}`,
    })
    .default([])
    .meta({
      description:
        'Where clients may ask to be connected to by `route` (XEP-0124 §7.1). A place that is named whole is trusted wherever it lies; behind a `*.` only public addresses are. Empty: what they ask is ignored.',
      expects: ROUTES,
    }),
  serveOthers: yesNoUnset(
    'true where `domains` is empty, otherwise false',
    'Whether domains that are not named are served: localhost, and every public domain that DNS finds.',
  ),
  dnsServers: z
    .array(z.string().regex(/^(\[[0-9a-f:.]+\]|[0-9a-f:.]+)(:\d{1,5})?$/i, { error: `must be ${NAME_SERVERS}` }), {
      error: `must be ${NAME_SERVERS}`,
    })
    .default([])
    .meta({
      description: 'Name servers to ask for SRV records and addresses, instead of those of the system.',
      expects: NAME_SERVERS,
    }),
  maxDials: whole(
    1,
    100_000,
    500,
    'connections',
    'Connections to XMPP servers being made at once; more clients are asked to wait.',
  ),
  connectSeconds: seconds(0.1, 600, 10, 'All attempts to connect to an XMPP server together.'),
  negotiateSeconds: seconds(0.1, 600, 15, 'Stream header, STARTTLS and features of the XMPP server.'),
};

const sessions = {
  maxSessions: whole(1, 10_000_000, 20_000, 'sessions', 'Sessions at once; one more is refused as overload.'),
  maxWaitSeconds: seconds(1, 3600, 60, 'The longest time a BOSH request is held. Many proxies cut at 60 s.'),
  pollingSeconds: seconds(
    0,
    3600,
    5,
    'The shortest time between empty requests that BOSH clients are asked to keep (XEP-0124 §11, §12). 0 asks for nothing.',
  ),
  overactivity: oneOf(
    ['rate', 'literal'],
    'rate',
    'What happens to BOSH clients that ask more often than `pollingSeconds`: rate lets a burst pass, literal ends the session at the first request that the standard calls too many.',
  ),
  maxStreamsPerSession: whole(1, 1000, 8, 'streams', 'Streams of one BOSH session (XEP-0124 §16).'),
  maxHold: whole(1, 16, 1, 'requests', 'The most BOSH requests held at once. stanza.js stalls with more than 1.'),
  inactivitySeconds: seconds(
    0,
    3600,
    70,
    'A BOSH session without any open request ends after this. 0: never, so that sessions of vanished clients stay.',
  ),
  maxInactivitySeconds: seconds(1, 86_400, 160, 'The longest inactivity that a client may ask for.'),
  maxPauseSeconds: seconds(0, 86_400, 120, 'The longest pause that a BOSH client may ask for (XEP-0124 §10).'),
  creationWaitSeconds: seconds(
    0,
    60,
    2,
    'How long the answer that creates a BOSH session waits for the stream features: stanza.js and Pidgin need them there.',
  ),
  firstRequestSeconds: seconds(1, 3600, 30, 'A BOSH session without a second request ends after this.'),
  authenticationSeconds: seconds(1, 3600, 60, 'A session that does not log in ends after this.'),
  pingSeconds: seconds(0, 3600, 30, 'Between WebSocket pings; two without an answer end the session. 0 sends none.'),
  openSeconds: seconds(0.1, 600, 10, 'The first <open/> must follow the WebSocket handshake within this.'),
  openWaitSeconds: seconds(
    0,
    60,
    1.5,
    'How long the answer to <open/> waits for the header of the XMPP server; it is answered without one after that.',
  ),
  closeSeconds: seconds(0.1, 600, 5, 'Closing handshakes, with the client and with the XMPP server.'),
};

const limits = {
  maxBodyBytes: bytes(
    10_000,
    1_048_576,
    'One BOSH body or one WebSocket message. Avatars and OMEMO need much more than 100 kB.',
  ),
  maxGetBytes: whole(
    8192,
    1_048_576,
    32_768,
    'bytes',
    'The target of a GET that carries BOSH: percent-encoding makes bodies about twice as long. Other targets may have 8192 bytes.',
  ),
  maxStanzaBytes: bytes(
    10_000,
    524_288,
    'One stanza from the XMPP server; a larger one ends the stream. RFC 6120 §13.12 asks for 10000 at least.',
  ),
  maxPayloads: whole(1, 1_000_000, 1000, 'elements', 'First-level elements in one BOSH body.'),
  maxDepth: whole(8, 1000, 128, 'levels', 'Nesting of elements. The time to parse grows with the square of it.'),
  maxAttributes: whole(16, 10_000, 128, 'attributes', 'Attributes of one element.'),
  maxNameLength: whole(64, 65_536, 1024, 'characters', 'Length of one element or attribute name.'),
  maxDeclarations: whole(8, 10_000, 32, 'declarations', 'Namespace declarations on one element.'),
  maxQueuedBytes: bytes(1024, 262_144, 'Waiting for one client, before its XMPP server is no longer read.'),
  maxResponseBytes: bytes(1024, 262_144, 'One BOSH answer. A single larger stanza still goes, alone.'),
  maxReplayBytes: bytes(
    1024,
    1_048_576,
    'Answers of one BOSH session that are remembered, to be sent again when a connection broke.',
  ),
  maxUpstreamBytes: bytes(1024, 262_144, 'Waiting for one XMPP server, before its client is paused.'),
  maxUpstreamBacklogBytes: bytes(1024, 4_194_304, 'Waiting for one XMPP server, at which the session is ended.'),
};

/** The most of a thing; 0 is as much as anybody likes. */
const most = (initial: number, unit: string, description: string) =>
  whole(0, 100_000_000, initial, unit, `${description} 0 sets no limit.`);

const addressLimits = {
  maxConnectionsPerAddress: most(
    2000,
    'connections',
    'TCP connections from one address at once: four for each of its sessions. One more gets a 503.',
  ),
  maxSessionsPerAddress: most(
    500,
    'sessions',
    'Sessions, BOSH and WebSocket, from one address at once. A school or a company may be behind one address; one more gets a 503.',
  ),
  sessionsPerMinutePerAddress: most(
    1200,
    'sessions',
    'New sessions from one address in a minute, in one burst too: all of a large office may come back at once.',
  ),
  unknownSidsPerMinutePerAddress: most(
    600,
    'requests',
    'BOSH requests for sessions that are not there, from one address in a minute: what a restart of the gateway causes, and no search for session ids. More get a 503; sessions that are there are not affected.',
  ),
  limitPrivateAddresses: yesNo(
    false,
    'Whether the limits for each address hold for loopback, private and link-local addresses too. A reverse proxy there would be counted for all its users.',
  ),
};

/** The settings in the order of the documentation. */
export const GROUPS = [
  ['Listening', listening],
  ['Who may come in', access],
  ['XMPP servers', upstream],
  ['Sessions and times', sessions],
  ['Limits', limits],
  ['Limits for each client address', addressLimits],
] as const;

export const settingsShape = { ...listening, ...access, ...upstream, ...sessions, ...limits, ...addressLimits };

type Shape = z.output<z.ZodObject<typeof settingsShape>>;

/** Pairs of which the first must not be below the second. */
const ATLEAST = [
  ['maxInactivitySeconds', 'inactivitySeconds'],
  ['maxWaitSeconds', 'creationWaitSeconds'],
  ['maxReplayBytes', 'maxResponseBytes'],
  ['maxUpstreamBacklogBytes', 'maxUpstreamBytes'],
  ['maxUpstreamBacklogBytes', 'maxBodyBytes'],
] as const satisfies readonly (readonly [keyof Shape, keyof Shape])[];

function crossCheck({ value, issues }: z.core.ParsePayload<Shape>): void {
  const refuse = (key: keyof Shape, message: string) =>
    issues.push({ code: 'custom', path: [key], message, input: value[key] });
  for (const [high, low] of ATLEAST) {
    if (value[high] < value[low]) refuse(high, `must not be below \`${low}\` (${value[low]})`);
  }
  if (value.credentials && value.origins === '*') {
    refuse('credentials', "needs a list of `origins`: browsers refuse credentials together with '*'");
  }
  for (const key of ['tlsCert', 'tlsKey'] as const) {
    if (value.tlsPort !== undefined && value[key] === undefined) refuse('tlsPort', `needs \`${key}\` too`);
  }
  const both = value.retiredDomains.find((name) => Object.hasOwn(value.domains, name));
  if (both !== undefined) refuse('retiredDomains', `"${both}" is named in \`domains\` too: take it out of one of them`);
}

/** THE structure of the settings: types, defaults, units and texts. */
export const settingsSchema = z
  .strictObject(settingsShape, { error: 'must be an object' })
  .check(crossCheck)
  .transform((value) => ({
    ...value,
    serveOthers: value.serveOthers ?? Object.keys(value.domains).length === 0,
    getRequests: value.getRequests ?? value.origins === '*',
  }));

/** All settings, checked, with their defaults. `ca` holds PEM text, domains are normalised. */
export type Settings = z.output<typeof settingsSchema>;
/** The settings as an operator writes them. */
export type SettingsInput = z.input<typeof settingsSchema>;

function show(value: unknown): string {
  const shown = value === undefined ? 'nothing' : typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  if (shown === undefined) return typeof value;
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}

/** The value at a path of the input. */
function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

function toConfigError(issue: z.core.$ZodIssue, input: unknown): ConfigError {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const name = issue.keys[0] ?? '';
    const known = Object.keys(path.length === 0 ? settingsShape : domainShape);
    return new ConfigError(
      [...path, name].join('.'),
      `is no setting; ${suggestion(name, known, 'see docs/configuration.md')}`,
    );
  }
  if (issue.code === 'invalid_key') {
    return new ConfigError(
      path.slice(0, -1).join('.'),
      `each name must be a domain such as example.org, not ${show(path.at(-1))}`,
    );
  }
  // A list has its own story to tell: the entry that is wrong, not the union around it.
  if (issue.code === 'invalid_union' && Array.isArray(valueAt(input, issue.path))) {
    const inner = issue.errors.flat().find((one) => one.path.length > 0);
    if (inner !== undefined) return toConfigError({ ...inner, path: [...issue.path, ...inner.path] }, input);
  }
  const told = issue.code === 'custom' && !issue.message.startsWith('must be a');
  return new ConfigError(
    path.join('.'),
    told ? issue.message : `${issue.message}, not ${show(valueAt(input, issue.path))}`,
  );
}

/** Checks settings and fills in the defaults. Throws `ConfigError` for the first one that is wrong. */
export function parseSettings(input: unknown): Settings {
  const result = settingsSchema.safeParse(input ?? {});
  if (result.success) return readAuthorities(result.data);
  const [issue] = result.error.issues;
  throw issue === undefined ? new ConfigError('', 'the settings are wrong') : toConfigError(issue, input);
}
