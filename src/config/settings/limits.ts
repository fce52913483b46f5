import { bytes, whole, yesNo } from '../fields.ts';

export const limits = {
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

export const addressLimits = {
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
