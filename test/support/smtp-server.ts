import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Inbox } from './waiting.ts';

export interface Mail {
  readonly from: string;
  readonly to: string;
  /** Header and body as they came. */
  readonly text: string;
}

/** As much of RFC 5321 as a client needs to be rid of its mail. */
export async function startSmtpServer(t: TestContext): Promise<{ url: string; mails: Inbox<Mail> }> {
  const mails = new Inbox<Mail>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    receive(socket, (mail) => mails.push(mail));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}?ignoreTLS=true`, mails };
}

function receive(socket: Socket, done: (mail: Mail) => void): void {
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  let [buffer, from, to, isData] = ['', '', '', false];
  say('220 test');
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    buffer += chunk;
    for (;;) {
      const end = buffer.indexOf(isData ? '\r\n.\r\n' : '\r\n');
      if (end < 0) return;
      const text = buffer.slice(0, end);
      buffer = buffer.slice(end + (isData ? 5 : 2));
      if (isData) {
        isData = false;
        done({ from, to, text });
        say('250 taken');
        continue;
      }
      const address = /<(.*)>/.exec(text)?.[1] ?? '';
      if (/^MAIL/i.test(text)) from = address;
      if (/^RCPT/i.test(text)) to = address;
      isData = /^DATA/i.test(text);
      say(isData ? '354 go on' : /^QUIT/i.test(text) ? '221 bye' : '250 yes');
    }
  });
}
