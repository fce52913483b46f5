import { yesNo } from '../fields.ts';
import { webUri } from '../http-fields.ts';

/** The public addresses of the gateway: for all domains, and in the entry of one. */
export const publicUrls = {
  boshUrl: webUri(
    ['https', 'http'],
    'The public address of BOSH that host-meta announces. Addresses without TLS are left out of it.',
    'https://, the domain, and `path`',
  ),
  websocketUrl: webUri(
    ['wss', 'ws'],
    'The public address of WebSocket that host-meta announces. Addresses without TLS are left out of it.',
    'wss://, the domain, and `websocketPath`',
  ),
};

export const discovery = {
  hostMeta: yesNo(
    true,
    'Whether /.well-known/host-meta and host-meta.json tell clients where BOSH and WebSocket are (XEP-0156). Over https only, at `tlsPort` or through one of `trustedProxies`, and for each entry of `domains` under its own name; for other domains that are served, where `boshUrl` or `websocketUrl` is set.',
  ),
  ...publicUrls,
};
