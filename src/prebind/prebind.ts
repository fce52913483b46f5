import type { BoshContext } from '../bosh/context.ts';
import { bothForms, type Page } from '../http/router.ts';
import { PrebindEndpoint, type PrebindEndpointSettings } from './endpoint.ts';
import type { Prebound } from './index.ts';
import { readAccount, type AccountInput } from './request.ts';
import { PrebindService, type PrebindServiceSettings } from './service.ts';

interface DomainEntry {
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly boshUrl?: string | undefined;
}

export interface PrebindSettings
  extends PrebindEndpointSettings, Omit<PrebindServiceSettings, 'boshUrlOf' | 'certificateOf'> {
  readonly prebindPath: string;
  readonly domains: Readonly<Record<string, DomainEntry>>;
  readonly path: string;
  readonly boshUrl?: string | undefined;
}

/** The part of a gateway that logs users in ahead of their pages. */
export interface Prebind {
  /** Empty while no credential is configured. */
  readonly pages: readonly Page[];
  /** For the program that the gateway runs in. Throws `PrebindError`. */
  make(account: AccountInput): Promise<Prebound>;
  stop(): void;
}

const OWN_PROGRAM = { name: 'this program', domains: ['*'] };
const LOOPBACK = '127.0.0.1';

export function createPrebind(context: BoshContext, settings: PrebindSettings): Prebind {
  const { domains, path, boshUrl } = settings;
  const entryOf = (domain: string): DomainEntry => (Object.hasOwn(domains, domain) ? (domains[domain] ?? {}) : {});
  const service = new PrebindService(context, {
    ...settings,
    boshUrlOf: (domain) => entryOf(domain).boshUrl ?? boshUrl ?? path,
    certificateOf(domain) {
      const { clientCert: cert, clientKey: key } = entryOf(domain);
      return cert === undefined || key === undefined ? undefined : { cert, key };
    },
  });
  const endpoint = new PrebindEndpoint(service, settings, context.clock, context.log);
  const handle: Page['handle'] = (request, response) => endpoint.handle(request, response);
  const isOn = PrebindEndpoint.isOn(settings);
  const { signal } = new AbortController();
  return {
    pages: isOn ? bothForms(settings.prebindPath).map((page) => ({ path: page, handle })) : [],
    async make(input) {
      const account = readAccount(input, endpoint.own);
      return service.prebind({ caller: OWN_PROGRAM, account, clientAddress: LOOPBACK, signal });
    },
    stop: () => service.stop(),
  };
}
