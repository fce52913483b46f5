import { z } from 'zod';
import { originName, yesNo, yesNoUnset } from '../fields.ts';
import { headerName, webUri } from '../http-fields.ts';

const ORIGINS = "'*' or a list of origins such as https://example.org";

export const access = {
  origins: z
    .union([z.literal('*'), z.array(originName, { error: `must be ${ORIGINS}` })], { error: `must be ${ORIGINS}` })
    .default('*')
    .meta({
      description: 'Web pages of which origins may use this gateway (CORS, and the Origin of a WebSocket).',
      expects: ORIGINS,
    }),
  allowMissingOrigin: yesNo(
    true,
    'Whether clients without an Origin header may come in: native clients send none, browsers always do.',
  ),
  credentials: yesNo(
    false,
    'Whether browsers may send cookies and HTTP authentication, for a proxy in front that asks for them. Needs a list of `origins`.',
  ),
  allowHeaders: z.array(headerName).default([]).meta({
    description:
      'Request header fields that pages may send, beside Content-Type, Content-Encoding, Authorization and X-Requested-With.',
    expects: 'a list of header names',
  }),
  privateNetwork: yesNo(
    false,
    'Whether public web pages may use this gateway where it has a private address (Private Network Access of browsers).',
  ),
  getRequests: yesNoUnset(
    "true while `origins` is '*', otherwise false",
    'Whether BOSH may come by GET as `?data=` with an optional `&callback=` (JSONP), as node-xmpp-bosh had it. Scripts are not bound to an origin: with a list of `origins` any page could use the gateway this way.',
  ),
  seeOtherUri: webUri(
    ['https', 'http'],
    'Where BOSH clients are sent that ask for a new session (`see-other-uri`): from a plain port to the one with TLS, or away from this server. Sessions that exist go on.',
  ),
};
