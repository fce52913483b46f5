import { X509Certificate } from 'node:crypto';
import type { Settings } from '../config/schema.ts';
import { DAYS_TO_RENEW } from './check-advice.ts';

const DAY_MS = 86_400_000;

type Endpoint = Settings['domains'][string];

/** What a configuration that is in order means, for a person: and what in it may surprise. */
export function describeSettings(settings: Settings, source: string, now: Date): string[] {
  const { domains, serveOthers, defaultEndpoint, port, host = 'all interfaces', tlsPort, routes } = settings;
  const names = Object.keys(domains);
  const others = serveOthers
    ? settings.allowDomains.length > 0
      ? 'those of allowDomains'
      : 'every public domain'
    : 'none';
  return [
    `${source} is in order.`,
    `  listens   port ${port}${tlsPort === undefined ? '' : `, TLS on port ${tlsPort}`}, ${host}`,
    `  serves    ${names.length === 0 ? 'no domain by name' : names.join(', ')}; others: ${others}`,
    ...(routes.length > 0 ? [`  routes    ${routes.join(', ')}`] : []),
    ...warnings(
      settings,
      [
        ...Object.entries(domains),
        ...(defaultEndpoint === undefined ? [] : [['defaultEndpoint', defaultEndpoint] as const]),
      ],
      now,
    ),
    names.length > 0
      ? `Next: sluice check ${names[0]} --config ${source}`
      : `Next: sluice check DOMAIN --config ${source}`,
  ];
}

function warnings(settings: Settings, endpoints: readonly (readonly [string, Endpoint])[], now: Date): string[] {
  const found: string[] = [];
  for (const [name, { host, tls, clientCert, ca }] of endpoints) {
    const isHere = host === undefined || /^(localhost|127\.|::1$)/.test(host);
    if (tls === 'none' && !isHere) found.push(`${name}: tls = "none" sends passwords to ${host} in clear text`);
    found.push(...expiring(`${name}: clientCert`, clientCert, now), ...expiring(`${name}: ca`, ca, now));
  }
  found.push(...expiring('tlsCert', settings.tlsCert, now));
  if (settings.allowAddresses.some((network) => network.endsWith('/0'))) {
    found.push('allowAddresses: lets any domain lead the gateway to any address, private ones too');
  }
  return found.map((text) => `  warning   ${text}`);
}

/** Of a chain, the first certificate counts. */
function expiring(what: string, pem: string | undefined, now: Date): string[] {
  if (pem === undefined) return [];
  const days = Math.floor((Date.parse(new X509Certificate(pem).validTo) - now.getTime()) / DAY_MS);
  if (days < 0) return [`${what} ran out ${-days} days ago`];
  return days < DAYS_TO_RENEW ? [`${what} runs out in ${days} days`] : [];
}
