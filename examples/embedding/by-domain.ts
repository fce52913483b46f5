// Several connectors at once, chosen by the domain that the client asks for.
import type { Connector } from 'sluice';

/** `others` takes all domains that are not named: the default connector, for example, from `createXmppConnector(options)`. */
export function byDomain(named: Readonly<Record<string, Connector>>, others: Connector): Connector {
  const connectors = new Map(Object.entries(named));
  return {
    name: 'by domain',
    connect: (request, client) => (connectors.get(request.to) ?? others).connect(request, client),
    async stop() {
      for (const connector of [...connectors.values(), others]) await connector.stop?.();
    },
  };
}
