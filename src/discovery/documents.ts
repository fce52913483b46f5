import { createHash } from 'node:crypto';
import type { Link } from './links.ts';

/** A host-meta document, as it is sent. */
export interface HostMeta {
  readonly type: string;
  readonly text: string;
  readonly etag: string;
}

const XRD = 'http://docs.oasis-open.org/ns/xri/xrd-1.0';

/** RFC 6415 §3. */
export function renderXrd(links: readonly Link[]): HostMeta {
  const lines = links.map(({ rel, href }) => `  <Link rel="${escapeXml(rel)}" href="${escapeXml(href)}"/>\n`);
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<XRD xmlns="${XRD}">\n${lines.join('')}</XRD>\n`;
  return document('application/xrd+xml; charset=utf-8', text);
}

/** RFC 6415 appendix A. */
export function renderJrd(links: readonly Link[]): HostMeta {
  return document('application/json', `${JSON.stringify({ links }, null, 2)}\n`);
}

function document(type: string, text: string): HostMeta {
  const hash = createHash('sha256').update(type).update(text).digest('base64url').slice(0, 22);
  return { type, text, etag: `"${hash}"` };
}

/** Values are printable ASCII: the settings see to it. */
function escapeXml(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** Which form a client wants of the one address: JSON only where it says that it likes it better (DISC-04). */
export function prefersJson(accept: string | undefined): boolean {
  const weights = new Map<string, number>();
  for (const entry of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    weights.set(type, q === undefined ? 1 : Number(q) || 0);
  }
  const best = (...types: readonly string[]): number => Math.max(0, ...types.map((type) => weights.get(type) ?? 0));
  const xml = best('application/xrd+xml', 'application/xml', 'text/xml', 'application/*', '*/*');
  return best('application/json', 'application/jrd+json') > xml;
}
