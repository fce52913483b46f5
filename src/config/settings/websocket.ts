import { yesNo } from '../fields.ts';
import { webUri } from '../http-fields.ts';

export const webSocket = {
  plainWebSocket: yesNo(
    false,
    'Whether ws: without TLS is taken from public addresses. From loopback and private ones it always is: a reverse proxy there has taken TLS off. Where one of `trustedProxies` says that its client came without TLS, that counts.',
  ),
  oldFraming: yesNo(
    true,
    'Whether clients may speak the framing of before RFC 7395, as node-xmpp-bosh did: a first message that is <stream:stream> chooses it.',
  ),
  websocketCompression: yesNo(
    false,
    'Whether messages may be compressed (permessage-deflate, RFC 7692). A client that uses it costs about 85 KiB more memory, and each message passes through a thread of zlib. Messages below 1 KiB go as they are.',
  ),
  seeOtherWebSocketUri: webUri(
    ['wss'],
    'Where WebSocket clients are sent that open a new stream (<close see-other-uri=…/>): from a plain port to the one with TLS, or away from this server. Only wss, so that no redirect weakens a connection.',
  ),
};
