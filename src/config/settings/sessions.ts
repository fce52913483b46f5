import { oneOf, seconds, whole } from '../fields.ts';

export const sessions = {
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
  hookSeconds: seconds(
    0.1,
    600,
    5,
    'A hook of the program around the gateway must have answered by then (docs/embedding.md).',
  ),
  closeSeconds: seconds(0.1, 600, 5, 'Closing handshakes, with the client and with the XMPP server.'),
};
