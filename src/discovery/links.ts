import type { Logger } from '../core/ports.ts';
import { plainPath, type Page } from '../http/router.ts';

/** The public addresses that are configured, for all domains or for one. */
interface PublicUrls {
  readonly boshUrl?: string | undefined;
  readonly websocketUrl?: string | undefined;
}

export interface DiscoverySettings extends PublicUrls {
  readonly domains: Readonly<Record<string, PublicUrls>>;
  readonly serveOthers: boolean;
  readonly retiredDomains: readonly string[];
  readonly transports: readonly ('bosh' | 'websocket')[];
  readonly path: Page['path'];
  readonly websocketPath: Page['path'];
}

/** One way to connect (XEP-0156 §2). */
export interface Link {
  readonly rel: string;
  readonly href: string;
}

const TRANSPORTS = [
  ['bosh', 'urn:xmpp:alt-connections:xbosh', 'boshUrl', 'https', 'path'],
  ['websocket', 'urn:xmpp:alt-connections:websocket', 'websocketUrl', 'wss', 'websocketPath'],
] as const;

/**
 * The links of a domain, one for each transport, since clients disagree on the order of several (DISC-08). Undefined for a domain
 * that is not ours to speak for: nobody gets an address made of what was asked for (DISC-09).
 */
export function linksOf(domain: string, settings: DiscoverySettings): readonly Link[] | undefined {
  const own = Object.hasOwn(settings.domains, domain) ? settings.domains[domain] : undefined;
  const isOther = own === undefined && settings.serveOthers && !settings.retiredDomains.includes(domain);
  const links: Link[] = [];
  for (const [transport, rel, setting, scheme, path] of TRANSPORTS) {
    const isSpoken = own !== undefined && settings.transports.includes(transport);
    // A regular expression is no address: then it has to be told.
    const place = isSpoken ? plainPath(settings[path]) : undefined;
    const usual = place === undefined ? undefined : `${scheme}://${domain}${place}`;
    const href = own?.[setting] ?? settings[setting] ?? usual;
    if ((own !== undefined || isOther) && href !== undefined && isSecure(href)) links.push({ rel, href });
  }
  return own === undefined && links.length === 0 ? undefined : links;
}

/** Only addresses with TLS may be announced (DISC-05). */
function isSecure(url: string): boolean {
  return /^(?:https|wss):/.test(url);
}

/** Says which of the configured addresses are kept back. */
export function warnOfPlainUrls(settings: DiscoverySettings, log: Logger): void {
  const places = [['', settings], ...Object.entries(settings.domains)] as const;
  for (const [domain, urls] of places) {
    for (const [, , setting] of TRANSPORTS) {
      const url = urls[setting];
      if (url === undefined || isSecure(url)) continue;
      log.warn(
        { setting: domain === '' ? setting : `domains.${domain}.${setting}`, url },
        'host-meta leaves out what has no TLS',
      );
    }
  }
}
