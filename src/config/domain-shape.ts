import { z } from 'zod';
import { HOST, PEM, text } from './fields.ts';

const PORT = 'a whole number from 1 to 65535';
const TLS = 'one of direct, starttls, optional, none';

/** The settings of one entry of `domains`. */
export const domainShape = {
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
    .enum(['direct', 'starttls', 'optional', 'none'], { error: `must be ${TLS}` })
    .optional()
    .meta({
      description:
        'direct: TLS from the first byte. starttls: required. optional: used where the server offers it. none: clear text. The certificate is verified for the XMPP domain, except with optional on this machine (loopback).',
      expects: TLS,
      otherwise: 'starttls; optional where `host` is this machine (loopback)',
    }),
  ca: text(PEM).optional().meta({
    description: 'The certificate authority to trust for this domain, instead of the well-known ones.',
    expects: PEM,
    otherwise: 'the well-known authorities',
  }),
};

/** One entry of `domains`. XEP-0368 §2 names no port, but 5223 is where direct TLS has always been. */
export const domain = z
  .strictObject(domainShape, { error: 'must be a table such as { host = "127.0.0.1", port = 5222 }' })
  .transform((value) =>
    value.tls === 'direct' && value.host !== undefined ? { ...value, port: value.port ?? 5223 } : value,
  );
