import type { CertificateReport, Failure, ServerReport } from '../upstream/inspector.ts';

/** What is wrong, and what to do about it. */
export interface Advice {
  readonly why: string;
  readonly next: readonly string[];
  /** How far one got: of several failures the deepest tells most. */
  readonly depth: number;
}

const DAY_MS = 86_400_000;
/** Certificates of today are renewed a month before their end: with less than that left, nobody does it. */
export const DAYS_TO_RENEW = 14;

export function daysLeft({ validTo }: CertificateReport, now: Date): number {
  return Math.floor((validTo.getTime() - now.getTime()) / DAY_MS);
}

const SELF_SIGNED = 'it has signed itself';

/** OpenSSL's codes in words. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has run out',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: SELF_SIGNED,
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not a well-known one',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its authority is not a well-known one, or the server does not send the whole chain',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not a well-known one, or the server does not send the whole chain',
};

export function certificateProblem(domain: string, { problem, names }: CertificateReport): string | undefined {
  if (problem === undefined) return undefined;
  if (problem === 'NAMES') return `it is not for ${domain} (it names ${names.join(', ') || 'nothing'})`;
  return PROBLEMS[problem] ?? `it is not believed: ${problem}`;
}

type Seen = Pick<ServerReport, 'target' | 'addresses' | 'connected' | 'certificate'>;

/** The advice for what went wrong with a domain, or with one of its servers. */
export function adviceFor(domain: string, failure: Failure, seen?: Seen): Advice {
  const place = seen === undefined ? '' : `${seen.target.host}:${seen.target.port}`;
  const entry = `[domains."${domain}"]`;
  if (seen?.certificate !== undefined && failure.code === 'upstream-tls') {
    return { ...certificateAdvice(domain, place, seen.certificate), depth: 4 };
  }
  switch (failure.code) {
    case 'host-unknown':
    case 'host-gone':
      return {
        why: `The settings do not serve it: ${failure.reason}.`,
        next: [
          `name it in the settings: ${entry}, or change serveOthers, allowDomains, denyDomains or retiredDomains.`,
        ],
        depth: 0,
      };
    case 'upstream-refused':
      return {
        why: `Its server is where the gateway does not go by itself: ${failure.reason}.`,
        next: [
          `if that server is meant, trust it by name: ${entry} host = "${seen?.target.host ?? domain}".`,
          'or let DNS lead there: allowAddresses for private networks, allowPorts for ports.',
        ],
        depth: 1,
      };
    case 'upstream-unreachable':
    case 'upstream-timeout':
      if (seen === undefined || seen.addresses.length === 0) return unknownAdvice(domain, failure, seen);
      if (seen.connected === undefined) {
        return {
          why: `Nobody takes the connection at ${place}.`,
          next: [
            `see that the XMPP server runs and listens on port ${seen.target.port} for clients, on a public address.`,
            'see that no firewall drops the connection, here or there.',
            `if it listens elsewhere, mend the SRV records of ${domain}, or name the place: ${entry} host, port.`,
          ],
          depth: 2,
        };
      }
      return {
        why: `${place} takes the connection and does not speak XMPP in time.`,
        next: [
          `see whether port ${seen.target.port} is the one for XMPP clients, and what the log of the server says.`,
        ],
        depth: 3,
      };
    case 'upstream-tls':
      return {
        why: `There is no TLS with ${place}: ${failure.reason}.`,
        next: [
          `switch TLS for clients on in the XMPP server, with a certificate for ${domain} and TLS 1.2 at least.`,
          `if port ${seen?.target.port ?? 0} is one for direct TLS, say so: ${entry} tls = "direct".`,
          `only if nobody can read along on the way: ${entry} tls = "none".`,
        ],
        depth: 3,
      };
    default:
      return {
        why: `${place} does not let clients in: ${failure.reason}.`,
        next: [`see that ${domain} is a host of that server, and what its log says.`],
        depth: 3,
      };
  }
}

function unknownAdvice(domain: string, { reason }: Failure, seen: Seen | undefined): Advice {
  const host = seen?.target.host ?? domain;
  const isDomain = host === domain;
  return {
    why: isDomain
      ? `DNS does not lead to any XMPP server: ${reason}.`
      : `DNS knows no address of ${host}, which SRV records name.`,
    next: [
      isDomain ? `see that ${domain} is spelled right.` : `add an address record for ${host}, or mend the SRV record.`,
      `publish where its server is: _xmpp-client._tcp.${domain}. SRV 5 0 5222 xmpp.${domain}.`,
      `or name the server in the settings: [domains."${domain}"] host = "...".`,
    ],
    depth: 1,
  };
}

function certificateAdvice(domain: string, place: string, certificate: CertificateReport): Omit<Advice, 'depth'> {
  const why = `The certificate at ${place} does not do: ${certificateProblem(domain, certificate) ?? ''}.`;
  const pin = `or pin it for this domain: [domains."${domain}"] fingerprints = ["${certificate.fingerprint}"].`;
  switch (certificate.problem) {
    case 'CERT_HAS_EXPIRED':
      return { why, next: ['renew it, and have the XMPP server load the new one (many do so on a reload only).'] };
    case 'CERT_NOT_YET_VALID':
      return { why, next: ['compare the clocks of this machine and of the one that issued it.'] };
    case 'NAMES':
      return {
        why,
        next: [
          `get one that names ${domain} itself (as a DNS name): the name of the host does not count, nor does a common name.`,
          `if the server has several, see that it shows the one of ${domain}: it is asked for by SNI.`,
        ],
      };
    default:
      return {
        why,
        next: [
          'let the server send its whole chain, with all certificates between its own and a well-known authority.',
          `or trust its authority for this domain: [domains."${domain}"] ca = "authority.pem".`,
          pin,
        ],
      };
  }
}
