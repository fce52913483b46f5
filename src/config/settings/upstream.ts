import { z } from 'zod';
import { domain } from '../domain-shape.ts';
import { domainName, seconds, whole, yesNoUnset } from '../fields.ts';

const ROUTES = 'a list of places such as "xmpp.example.org:5222" or "*.example.org:5222"';
const NAME_SERVERS = 'a list of addresses such as "127.0.0.1:53"';

export const upstream = {
  domains: z.record(domainName, domain, { error: 'must be a table: one entry for each XMPP domain' }).default({}).meta({
    description: 'The XMPP domains with settings of their own, by name. Naming any means that only they are served.',
    expects: 'a table: one entry for each XMPP domain',
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
  connectSeconds: seconds(0.1, 600, 10, 'All attempts to connect to an XMPP server together.'),
  negotiateSeconds: seconds(0.1, 600, 15, 'Stream header, STARTTLS and features of the XMPP server.'),
};
