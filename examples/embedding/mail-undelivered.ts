// What did not reach a user of the chat comes by mail.
import { createTransport } from 'nodemailer';
import { childOf, parseTree, textOf, type Gateway } from 'sluice';

export interface MailOptions {
  /** `smtp://user:password@host:port` */
  readonly smtp: string;
  readonly from: string;
  /** The mail address of a bare JID; undefined where there is none. */
  readonly addressOf: (jid: string) => string | undefined;
}

export function mailUndelivered(gateway: Gateway, { smtp, from, addressOf }: MailOptions): void {
  const transport = createTransport(smtp);
  // A mail that cannot be sent is told as `error`: the gateway looks after what its listeners promise.
  // oxlint-disable-next-line typescript/no-misused-promises
  gateway.events.on('no-client', async (stanzas, stream, { end, isManaged }) => {
    // With stream management the server delivers them, later or elsewhere.
    if (isManaged) return;
    for (const { xml, name } of stanzas) {
      const stanza = parseTree(xml);
      const body = childOf(stanza, 'body');
      const [jid = ''] = (stanza.attributes.get('to') ?? '').split('/');
      const to = addressOf(jid);
      if (name !== 'message' || body === undefined || to === undefined) continue;
      const why = `The chat with ${stream.request.to} was over (${end?.code ?? 'logged out'}).`;
      const subject = `A message from ${stanza.attributes.get('from') ?? stream.request.to}`;
      await transport.sendMail({ from, to, subject, text: `${textOf(body)}\n\n-- \n${why}\n` });
    }
  });
}
