import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import { domainName, originName, seconds, text, urlPath, whole, yesNo } from '../fields.ts';
import { webUri } from '../http-fields.ts';

const DOMAINS = 'a list of domains, or ["*"] for all that are served';

const domainList = z
  .array(z.union([z.literal('*'), domainName]), { error: `must be ${DOMAINS}` })
  .min(1, { error: `must be ${DOMAINS}` });

/** Text that no message repeats. */
const secret = (isGood: (text: string) => boolean, error: string) =>
  z.custom<string>((value) => typeof value === 'string' && isGood(value), { error });

const hex = (expects: string) => {
  const error = { error: `must be ${expects}` };
  return z
    .string(error)
    .regex(/^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i, error)
    .optional();
};

const CALLERS =
  'a table of tables such as { site = { keyHash = "9f86d0…", domains = ["example.org"] } }; `keyHash` and `certificate` are SHA-256 in hex';

const caller = z
  .strictObject(
    { keyHash: hex('a SHA-256 in hex'), certificate: hex('a SHA-256 fingerprint'), domains: domainList },
    { error: 'must be a table such as { keyHash = "9f86d0…", domains = ["example.org"] }' },
  )
  .refine(({ keyHash, certificate }) => keyHash !== undefined || certificate !== undefined, {
    error: 'needs `keyHash` or `certificate`',
  });

const ACCOUNTS = 'a table of tables such as { "example.org" = { user = "prebind", password = "…" } }';

const account = z.strictObject(
  { user: text('a user name'), password: secret((one) => one !== '', 'needs to be text that is not empty') },
  { error: 'must be a table such as { user = "prebind", password = "…" }' },
);

const TOKENS =
  'a table of tables such as { site = { alg = "HS256", key = "…", domains = ["example.org"] } }; `alg` is HS256 or EdDSA';

const issuer = z
  .strictObject(
    {
      alg: z.enum(['HS256', 'EdDSA'], { error: 'must be HS256 or EdDSA' }),
      key: secret(() => true, 'needs to be text'),
      issuer: text('the `iss` of its tokens').optional(),
      domains: domainList,
    },
    { error: 'must be a table such as { alg = "HS256", key = "…", domains = ["example.org"] }' },
  )
  .refine(({ alg, key }) => (alg === 'HS256' ? Buffer.byteLength(key) >= 32 : isEd25519(key)), {
    error: 'needs a `key` that fits its `alg`: at least 32 bytes of secret text, or an Ed25519 public key as PEM text',
  });

function isEd25519(pem: string): boolean {
  try {
    return createPublicKey(pem).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

const ELSEWHERE = 'a table such as { "example.org" = "https://xmpp.example.org/http-bind" }';
const ORIGINS = 'a list of origins such as https://example.org';

export const prebind = {
  prebindPath: urlPath(
    '/prebind',
    "Where sites' backends (POST) and pages (GET) get sessions that are logged in. Nothing is there until one of `prebindCallers`, `prebindWebhook` and `prebindTokens` is set.",
  ),
  prebindCallers: z
    .record(text('a name'), caller, { error: `must be ${CALLERS}` })
    .default({})
    .meta({
      description:
        "Sites' backends that may ask by POST, by name: each by its bearer key, of which only the hash stands here, or by its TLS certificate (needs `tlsClientCa`), and for which domains.",
      expects: CALLERS,
    }),
  prebindAccounts: z
    .record(domainName, account, { error: `must be ${ACCOUNTS}` })
    .default({})
    .meta({
      description:
        'By XMPP domain, an account that may act for its users (SASL PLAIN with an authorization identity). With it, or with a `clientCert` of the domain, callers, the webhook and tokens need to name a JID only.',
      expects: ACCOUNTS,
    }),
  prebindWebhook: webUri(
    ['https', 'http'],
    "Asked who a page belongs to that comes by GET: it gets the page's cookies and answers with the JSON of a POST, or with 401.",
  ),
  prebindWebhookKey: secret((one) => /^[\x21-\x7e]{16,1024}$/.test(one), 'needs 16 characters or more, without spaces')
    .optional()
    .meta({
      description:
        'Sent to `prebindWebhook` as its bearer key. The site answers nobody else: it tells how users log in.',
      expects: '16 characters or more, without spaces',
      otherwise: 'none',
    }),
  prebindWebhookDomains: domainList.default(['*']).meta({
    description: 'The domains whose users `prebindWebhook` may name.',
    expects: DOMAINS,
  }),
  prebindTokens: z
    .record(text('a name'), issuer, { error: `must be ${TOKENS}` })
    .default({})
    .meta({
      description:
        'Who may sign tokens (JWT) for pages that come by GET, by name: `sub` is the JID, `aud` is "sluice", and `iat`, `exp` and `jti` must be there.',
      expects: TOKENS,
    }),
  prebindTokenSeconds: seconds(1, 86_400, 300, 'The longest life of a token, from its `iat` to its `exp`.'),
  prebindTokenReuse: yesNo(false, 'Whether a token may be used until it expires; otherwise once.'),
  prebindOrigins: z
    .array(originName, { error: `must be ${ORIGINS}` })
    .default([])
    .meta({
      description: 'Pages of other origins that may ask by GET, with their cookies. The site itself always may.',
      expects: ORIGINS,
    }),
  prebindElsewhere: z
    .record(domainName, z.url({ protocol: /^https?$/, error: 'must be an http(s) address' }), {
      error: `must be ${ELSEWHERE}`,
    })
    .default({})
    .meta({
      description:
        'Domains whose sessions are made at another connection manager, such as the BOSH of their own server.',
      expects: ELSEWHERE,
    }),
  prebindSeconds: seconds(0.1, 600, 15, 'A login that takes longer is given up.'),
  prebindAttachSeconds: seconds(
    1,
    3600,
    120,
    'A session that no page attaches to within this ends. Afterwards its inactivity counts.',
  ),
  prebindMaxLogins: whole(1, 10_000, 20, 'logins', 'Logins at once; more wait for their turn.'),
  prebindLoginsPerSecond: whole(
    0,
    10_000,
    20,
    'logins',
    'For one caller; five seconds of it may come at once. More wait, and what would wait longer than 15 s is refused. 0 sets no limit.',
  ),
};
