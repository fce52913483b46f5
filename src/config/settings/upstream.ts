import { z } from 'zod';
import { domainPattern } from '../../core/domain.ts';
import { isNetwork } from '../../core/ip.ts';
import { domain, endpoint } from '../domain-shape.ts';
import { domainName, seconds, whole, yesNoUnset } from '../fields.ts';

const ROUTES = 'a list of places such as "xmpp.example.org:5222" or "*.example.org:5222"';
const PATTERNS = 'a list of domains such as example.org, *.example.org or /^chat[0-9]+\\.example\\.org$/';
const NETWORKS = 'a list of addresses and networks such as "10.1.2.3" or "10.0.0.0/8"';
const PORTS = 'a list of ports such as "5222" or "5222-5299"';
const NAME_SERVERS = 'a list of addresses such as "127.0.0.1:53"';

function isPortRange(text: string): boolean {
  const [first = NaN, last = first, ...more] = /^\d{1,5}(-\d{1,5})?$/.test(text) ? text.split('-').map(Number) : [];
  return more.length === 0 && first >= 1 && first <= last && last <= 65_535;
}

function patterns(description: string) {
  const wrong = { error: `must be ${PATTERNS}` };
  return z
    .array(
      z
        .union([z.string(), z.instanceof(RegExp)], wrong)
        .refine((pattern) => domainPattern(pattern) !== undefined, wrong),
      wrong,
    )
    .default([])
    .meta({ description, expects: PATTERNS });
}

export const upstream = {
  domains: z.record(domainName, domain, { error: 'must be a table: one entry for each XMPP domain' }).default({}).meta({
    description: 'The XMPP domains with settings of their own, by name. Naming any means that only they are served.',
    expects: 'a table: one entry for each XMPP domain',
  }),
  defaultEndpoint: endpoint.optional().meta({
    description:
      'The same settings for all domains that are served and name no `host` of their own: one server for all of them, instead of what DNS says.',
    expects: 'a table such as { host = "10.0.0.5" }',
    otherwise: 'none: the server is found by DNS',
  }),
  retiredDomains: z
    .array(domainName, { error: 'must be a list of domains' })
    .default([])
    .meta({ description: 'Domains that were served once: clients are told host-gone.', expects: 'a list of domains' }),
  routes: z
    .array(z.string().regex(/^(\*\.)?(\[[0-9a-f:.]+\]|[a-z0-9.-]+):\d{1,5}$/, { error: `must be ${ROUTES}` }), {
      error: `must be ${ROUTES}`,
    })
    .default([])
    .meta({
      description:
        'Where clients may ask to be connected to by `route` (XEP-0124 §7.1). A place that is named whole is trusted wherever it lies; behind a `*.` only public addresses are. Empty: what they ask is ignored.',
      expects: ROUTES,
    }),
  serveOthers: yesNoUnset(
    'true where `domains` is empty, otherwise false',
    'Whether domains that are not named are served: localhost, and every public domain that DNS finds.',
  ),
  allowDomains: patterns(
    'Of the domains that are not named in `domains`, only these are served: by name, all below one (`*.`), or by a regular expression for the whole name. Empty: all.',
  ),
  denyDomains: patterns('Domains that are never served, whatever else is said of them, in the same forms.'),
  allowAddresses: z
    .array(z.string().refine(isNetwork, { error: `must be ${NETWORKS}` }), { error: `must be ${NETWORKS}` })
    .default([])
    .meta({
      description:
        'Private and other special addresses that DNS may lead to all the same: without this, only public ones are connected to, and the `host` of a domain.',
      expects: NETWORKS,
    }),
  allowPorts: z
    .array(z.string().refine(isPortRange, { error: `must be ${PORTS}` }), { error: `must be ${PORTS}` })
    .min(1, { error: `must be ${PORTS}` })
    .default(['443', '1024-65535'])
    .meta({
      description:
        'The ports that DNS, or an XMPP server that sends clients to another one, may lead to. What the configuration names itself is not bound to them.',
      expects: PORTS,
    }),
  dnsServers: z
    .array(z.string().regex(/^(\[[0-9a-f:.]+\]|[0-9a-f:.]+)(:\d{1,5})?$/i, { error: `must be ${NAME_SERVERS}` }), {
      error: `must be ${NAME_SERVERS}`,
    })
    .default([])
    .meta({
      description: 'Name servers to ask for SRV records and addresses, instead of those of the system.',
      expects: NAME_SERVERS,
    }),
  maxDials: whole(
    1,
    100_000,
    500,
    'connections',
    'Connections to XMPP servers being made at once; more clients are asked to wait.',
  ),
  maxDialsPerDomain: whole(
    1,
    100_000,
    50,
    'connections',
    'The same for one domain that is not named in `domains`: a slow server of strangers must not take all places.',
  ),
  dnsCacheSeconds: seconds(
    0,
    86_400,
    60,
    'How long answers of DNS are kept: as long as they say, and at most this. SRV records, of which Node does not know it, are kept as long as this. That there is nothing is believed for 5 s. 0 keeps nothing.',
  ),
  attemptSeconds: seconds(
    0.1,
    600,
    3,
    'One address of an XMPP server, and TLS where it comes first. The next address is tried beside it after a quarter of a second.',
  ),
  connectSeconds: seconds(0.1, 600, 10, 'All attempts to connect to an XMPP server together.'),
  negotiateSeconds: seconds(0.1, 600, 15, 'Stream header, STARTTLS and features of the XMPP server.'),
  stanzaSeconds: seconds(0.1, 3600, 60, 'One stanza of an XMPP server must be complete by then, once it has begun.'),
  serverKeepAliveSeconds: seconds(
    0,
    86_400,
    60,
    'White space goes to an XMPP server to which nothing was sent for so long, once its client is logged in. 0: only where the server says that it ends idle streams (XEP-0478).',
  ),
  serverSilenceSeconds: seconds(
    0,
    86_400,
    180,
    'An XMPP server that has said nothing for so long is dead; it is asked before (XEP-0199), where the client uses no stream management. 0: TCP alone notices.',
  ),
};
