import type { SrvRecord } from 'node:dns';
import { isIpLiteral, normaliseDomain } from '../core/domain.ts';

/** A record, and what it says of TLS: `_xmpps-client` means that TLS comes first (XEP-0368 §3). */
export interface Service extends SrvRecord {
  readonly direct: boolean;
}

/** Of more records than that, the others are not even tried (U-33). */
const MAX_TARGETS = 16;

/** A record that can be followed. A lone "." says that the service is not offered (RFC 2782). */
function isUsable({ name, port }: SrvRecord): boolean {
  const host = normaliseDomain(name);
  return host !== undefined && !isIpLiteral(host) && port > 0;
}

/**
 * Both sets as one list, in the order of RFC 2782 (XEP-0368 §3): lower priority first; within one, by chance in proportion to
 * the weights. Direct TLS gets no preference of our own.
 */
export function orderServices(
  direct: readonly SrvRecord[],
  starttls: readonly SrvRecord[],
  random = Math.random,
): Service[] {
  const left = [
    ...direct.filter(isUsable).map((record) => ({ ...record, direct: true })),
    ...starttls.filter(isUsable).map((record) => ({ ...record, direct: false })),
  ].toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: Service[] = [];
  while (left.length > 0 && ordered.length < MAX_TARGETS) {
    const end = left.findIndex(({ priority }) => priority !== left[0]?.priority);
    const same = end < 0 ? left : left.slice(0, end);
    let pick = random() * same.reduce((sum, { weight }) => sum + weight, 0);
    const chosen = same.find(({ weight }) => (pick -= weight) <= 0) ?? (same[0] as Service);
    left.splice(left.indexOf(chosen), 1);
    ordered.push(chosen);
  }
  return ordered;
}
