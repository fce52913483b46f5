import type { IncomingMessage } from 'node:http';

/**
 * True where a request comes from a page of the site itself, or of an origin that is allowed: a cookie proves who the browser
 * belongs to, not who made it ask.
 */
export function isFromSite(request: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, referer, host } = request.headers;
  if (origin !== undefined && origins.includes(origin)) return true;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  // Browsers do not say it on pages in clear that are not of this machine; then the page's own address has to do.
  const page = origin ?? referer;
  if (page === undefined || !URL.canParse(page)) return false;
  // A page cannot set these, and a proxy that rewrites Host says here what it was.
  const forwarded = request.headers['x-forwarded-host'];
  return new URL(page).host === (typeof forwarded === 'string' ? forwarded : host)?.toLowerCase();
}
