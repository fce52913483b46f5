// The default connector, wrapped: counts what passes, both ways.
import { createXmppConnector, type Connector, type ConnectorOptions, type Downstream, type Stanza } from 'sluice';

export class CountingConnector implements Connector {
  readonly name = 'counting';
  /** Elements by domain, both ways. */
  readonly counts = new Map<string, number>();
  readonly #xmpp: Connector;

  constructor(options: ConnectorOptions) {
    this.#xmpp = createXmppConnector(options);
  }

  connect(request: Parameters<Connector['connect']>[0], client: Downstream) {
    const count = (stanza: Stanza): Stanza => {
      this.counts.set(request.to, (this.counts.get(request.to) ?? 0) + 1);
      return stanza;
    };
    const upstream = this.#xmpp.connect(request, {
      opened: (header) => client.opened(header),
      deliver: (stanza) => client.deliver(count(stanza)),
      closed: (end) => client.closed(end),
      pause: () => client.pause(),
      resume: () => client.resume(),
    });
    return {
      send: (stanza: Stanza) => upstream.send(count(stanza)),
      restart: upstream.restart.bind(upstream),
      close: upstream.close.bind(upstream),
      pause: () => upstream.pause(),
      resume: () => upstream.resume(),
    };
  }

  async stop(): Promise<void> {
    await this.#xmpp.stop?.();
  }
}
