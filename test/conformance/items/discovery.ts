import { part, type Item } from './item.ts';

/** Discovery and scope. */
export const DISCOVERY: readonly Item[] = [
  ...part('29', [
    ['DISC-01', 'MUST', 'XEP-0156 §2.2 (2), RFC 6415 §2–3', 'host-meta links each transport'],
    ['DISC-02', 'SHOULD', 'RFC 6415 §2', 'host-meta has its own content type'],
    ['DISC-03', 'SHOULD', 'XEP-0156 §2.2 (2), RFC 6415 App. A', 'the JSON form says the same'],
    ['DISC-04', 'MAY', 'RFC 6415 App. A', 'either form by what the client accepts'],
    ['DISC-05', 'MUST', 'XEP-0156 §2.2 (1), §4', 'only secured addresses are announced'],
    ['DISC-06', 'MUST', 'XEP-0156 §2.2 (1)', 'the documents are served over HTTPS'],
    ['DISC-07', 'SHOULD', 'XEP-0156 §3', 'any origin may read them'],
    ['DISC-08', 'SHOULD†', 'interop (Converse.js takes the last link, xmpp.js sorts)', 'one link for each transport'],
    ['DISC-09', 'MUST†', 'RFC 6415 §3', 'each domain has its own answer'],
    ['DISC-10', 'SHOULD†', 'RFC 9111', 'the documents may be cached'],
    ['DISC-11', 'MUST†', 'XML 1.0', 'addresses in the document are escaped'],
    ['DISC-12', 'MAY', 'XEP-0487 §2', 'the extended JSON form is complete or absent'],
    ['DISC-13', 'MUST†', 'XEP-0487 §3.1, §5', 'published pins match the certificates'],
    ['DISC-14', 'MUST NOT', 'XEP-0156 §4', 'no TXT records are suggested'],
    ['DISC-15', 'SHOULD†', 'XEP-0156 §2.2', 'announced addresses are checked to work'],
  ]),
  ...part('30', [
    ['SCOPE-01', 'MUST†', 'XEP-0114, XEP-0225', 'web clients are clients, never components'],
    ['SCOPE-02', 'MUST†', 'XEP-0288, XEP-0468, XEP-0467', 'server-to-server features are not offered'],
    ['SCOPE-03', 'SHOULD†', 'XEP-0170 §2', 'TLS, registration, login, binding in this order'],
    ['SCOPE-04', 'SHOULD', 'XEP-0205 §4', 'operators can limit what a client uses'],
  ]),
];
