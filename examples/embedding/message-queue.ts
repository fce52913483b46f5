// Streams over a message queue: the gateway at the one end, workers of whatever kind at the other.
// From the gateway: `xmpp.in`, a JSON text for each thing that happens. Toward it: `xmpp.out.<stream>`.
import { randomUUID } from 'node:crypto';
import { readStanza, type Connector, type StreamEnd, type Upstream } from 'sluice';

/** As much of a queue as is needed: NATS, Redis, AMQP and the like all have it. */
export interface Queue {
  publish(subject: string, text: string): void;
  /** Yields what ends the subscription. */
  subscribe(subject: string, take: (text: string) => void): () => void;
}

/** What a worker hears, and what it may say. */
export type FromGateway =
  | { stream: string; event: 'connect'; to: string; clientAddress: string }
  | { stream: string; event: 'stanza'; xml: string }
  | { stream: string; event: 'restart' | 'close' };
export type ToGateway = { event: 'opened' | 'closed' } | { event: 'stanza'; xml: string };

export function queueConnector(queue: Queue): Connector {
  return {
    name: 'queue',
    connect({ to, clientAddress }, client): Upstream {
      const stream = randomUUID();
      const tell = (message: FromGateway): void => queue.publish('xmpp.in', JSON.stringify(message));
      const closed = (end?: StreamEnd): void => {
        unsubscribe();
        client.closed(end);
      };
      const unsubscribe = queue.subscribe(`xmpp.out.${stream}`, (text) => {
        try {
          const message = JSON.parse(text) as ToGateway;
          if (message.event === 'opened') client.opened({ from: to, id: stream, version: '1.0' });
          else if (message.event === 'stanza') client.deliver(readStanza(message.xml));
          else closed();
        } catch (error) {
          closed({ code: 'upstream-protocol', detail: String(error) });
        }
      });
      tell({ stream, event: 'connect', to, clientAddress });
      return {
        send: ({ xml }) => tell({ stream, event: 'stanza', xml }),
        restart: () => tell({ stream, event: 'restart' }),
        // The worker answers `closed`. One that does not is given up by the gateway.
        close: () => tell({ stream, event: 'close' }),
        // A queue keeps what nobody takes; it has no way to stop who fills it.
        pause() {},
        resume() {},
      };
    },
  };
}
