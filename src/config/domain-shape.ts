import { z } from 'zod';
import { HOST, PEM, text } from './fields.ts';
import { publicUrls } from './settings/discovery.ts';

const PORT = 'a whole number from 1 to 65535';
const TLS = 'one of direct, starttls, optional, if-required, none';
const FINGERPRINTS = 'a list of SHA-256 fingerprints such as "AB:CD:..." (32 bytes)';
const PROXY = 'one of v1, v2';

/** How a domain's server is reached. */
const endpointShape = {
  host: text(HOST).optional().meta({
    description: 'The XMPP server of this domain. It is trusted wherever it lies, private addresses too.',
    expects: HOST,
    otherwise: 'found by DNS',
  }),
  port: z
    .int({ error: `must be ${PORT}` })
    .min(1, { error: `must be ${PORT}` })
    .max(65_535, { error: `must be ${PORT}` })
    .optional()
    .meta({
      description: 'Its port, where `host` fixes the server or DNS has no SRV record for the domain.',
      expects: PORT,
      otherwise: '5222, or 5223 with `tls` "direct"',
    }),
  tls: z
    .enum(['direct', 'starttls', 'optional', 'if-required', 'none'], { error: `must be ${TLS}` })
    .optional()
    .meta({
      description:
        'direct: TLS from the first byte. starttls: required. optional: used where the server offers it. if-required: clear text unless the server requires STARTTLS, as `no_tls_domains` of node-xmpp-bosh had it. none: clear text. The certificate is verified for the XMPP domain, except with optional or if-required on this machine (loopback).',
      expects: TLS,
      otherwise: 'starttls, or direct where DNS says so; optional where `host` is this machine (loopback)',
    }),
  ca: text(PEM).optional().meta({
    description: 'The certificate authority to trust for this domain, instead of the well-known ones.',
    expects: PEM,
    otherwise: 'the well-known authorities',
  }),
  fingerprints: z
    .array(z.string().regex(/^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i, { error: `must be ${FINGERPRINTS}` }), {
      error: `must be ${FINGERPRINTS}`,
    })
    .min(1, { error: `must be ${FINGERPRINTS}` })
    .optional()
    .meta({
      description:
        'The certificates of which the server must have one: then its authority, its name and its dates do not matter.',
      expects: FINGERPRINTS,
      otherwise: 'none: the certificate is verified',
    }),
  clientCert: text(PEM).optional().meta({
    description:
      'The certificate that the gateway shows to the server, with its chain. Clients cannot log in with it: SASL EXTERNAL is taken from what the server offers them.',
    expects: PEM,
    otherwise: 'none',
  }),
  clientKey: text(PEM)
    .optional()
    .meta({ description: 'The private key of `clientCert`.', expects: PEM, otherwise: 'none' }),
  proxyProtocol: z
    .enum(['v1', 'v2'], { error: `must be ${PROXY}` })
    .optional()
    .meta({
      description:
        "The version of the PROXY protocol in which the server is told the client's address. The server must expect it.",
      expects: PROXY,
      otherwise: 'none: the server sees the address of the gateway',
    }),
};

/** The settings of one entry of `domains`. */
export const domainShape = { ...endpointShape, ...publicUrls };

interface Reached {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly tls?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
}

/** XEP-0368 §2 names no port, but 5223 is where direct TLS has always been. */
const withPort = <T extends Reached>(value: T): T =>
  value.tls === 'direct' && value.host !== undefined ? { ...value, port: value.port ?? 5223 } : value;

const isPair = ({ clientCert, clientKey }: Reached): boolean =>
  (clientCert === undefined) === (clientKey === undefined);
const PAIR = { error: '`clientCert` and `clientKey` need each other' };

/** One entry of `domains`. */
export const domain = z
  .strictObject(domainShape, { error: 'must be a table such as { host = "127.0.0.1", port = 5222 }' })
  .refine(isPair, PAIR)
  .transform(withPort);

/** The entry of all domains that name no host of their own. */
export const endpoint = z
  .strictObject(endpointShape, { error: 'must be a table such as { host = "127.0.0.1", port = 5222 }' })
  .refine(isPair, PAIR)
  .transform(withPort);
