import type { IncomingMessage, ServerResponse } from 'node:http';
import { normaliseDomain } from '../core/domain.ts';
import type { Logger } from '../core/ports.ts';
import { respond, respondText } from '../http/respond.ts';
import type { Page } from '../http/router.ts';
import type { TrustedProxies } from '../http/trusted-proxies.ts';
import { prefersJson, renderJrd, renderXrd, type HostMeta } from './documents.ts';
import { linksOf, warnOfPlainUrls, type DiscoverySettings } from './links.ts';

const PATH = '/.well-known/host-meta';
const METHODS = 'GET, HEAD, OPTIONS';

/** Long enough to spare a request at each reconnect, short enough for a gateway that moves. */
const CACHE = 'public, max-age=3600';

/** `/.well-known/host-meta` and `host-meta.json`: where the transports of a domain are (XEP-0156, RFC 6415). */
export class Discovery {
  readonly #settings: DiscoverySettings;
  readonly #proxies: TrustedProxies;

  constructor(settings: DiscoverySettings, proxies: TrustedProxies, log: Logger) {
    this.#settings = settings;
    this.#proxies = proxies;
    warnOfPlainUrls(settings, log);
  }

  get pages(): Page[] {
    return [
      {
        path: PATH,
        handle: (request, response) => this.#handle(request, response, prefersJson(request.headers.accept)),
      },
      { path: `${PATH}.json`, handle: (request, response) => this.#handle(request, response, true) },
    ];
  }

  #handle(request: IncomingMessage, response: ServerResponse, isJson: boolean): void {
    request.resume();
    // Public by nature, so every page may read it, whatever `origins` says of the transports (DISC-07).
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Vary', 'Accept, Host');
    if (request.method === 'OPTIONS') {
      preflight(response);
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', METHODS);
      respondText(response, 405, 'host-meta is read by GET.');
    } else if (this.#proxies.isSecure(request) !== true) {
      // No redirect: behind a proxy that is not trusted it would lead here again, for ever.
      respondText(response, 404, 'host-meta is served over https. A proxy in front must be one of trustedProxies.');
    } else {
      const links = linksOf(domainOf(this.#proxies.hostOf(request)), this.#settings);
      if (links === undefined)
        respondText(response, 404, 'That host is none of the XMPP domains that are served here.');
      else send(request, response, isJson ? renderJrd(links) : renderXrd(links));
    }
  }
}

/** The XMPP domain whose host-meta is asked for: the host, without a port. '' for what is none. */
function domainOf(host = ''): string {
  return normaliseDomain(host.replace(/:\d{1,5}$/, '')) ?? '';
}

function preflight(response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Methods', METHODS);
  response.setHeader('Access-Control-Allow-Headers', 'Accept');
  response.setHeader('Access-Control-Max-Age', '7200');
  response.writeHead(204).end();
}

function send(request: IncomingMessage, response: ServerResponse, { type, text, etag }: HostMeta): void {
  response.setHeader('ETag', etag);
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) {
    response.setHeader('Cache-Control', CACHE);
    response.writeHead(304).end();
  } else respond(response, 200, type, text, CACHE);
}
