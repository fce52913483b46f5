/** Namespaces that the gateway itself has to know. */
export const NS = {
  client: 'jabber:client',
  streams: 'http://etherx.jabber.org/streams',
  streamErrors: 'urn:ietf:params:xml:ns:xmpp-streams',
  stanzaErrors: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  framing: 'urn:ietf:params:xml:ns:xmpp-framing',
  httpbind: 'http://jabber.org/protocol/httpbind',
  xbosh: 'urn:xmpp:xbosh',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  compress: 'http://jabber.org/protocol/compress',
  compressFeature: 'http://jabber.org/features/compress',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  sasl2: 'urn:xmpp:sasl:2',
  sm2: 'urn:xmpp:sm:2',
  sm3: 'urn:xmpp:sm:3',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  session: 'urn:ietf:params:xml:ns:xmpp-session',
} as const;
