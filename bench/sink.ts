/**
 * An XMPP server that costs less than what is measured in front of it: it lets everybody in, and then every byte that comes goes
 * back as it is. With the resource `push.OWNER.RATE` it sends messages of its own instead. `sink.ts PORT`, started by `fork`; says its port.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { BYE, CHAT_BYTES, SINK_DOMAIN, STREAMS, messageOf } from './message.ts';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const GOODBYE = Buffer.from(BYE);
const END = Buffer.from('</stream:stream>');

const LOGIN_FEATURES = `<mechanisms xmlns='${SASL}'><mechanism>ANONYMOUS</mechanism></mechanisms>`;
const BIND_FEATURES = `<bind xmlns='${BIND}'/>`;

let users = 0;

function header(features: string): string {
  return (
    `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${STREAMS}' ` +
    `from='${SINK_DOMAIN}' id='${++users}' version='1.0'><stream:features>${features}</stream:features>`
  );
}

/** Until the client is bound. A stanza of the login comes whole, as those who send it write it. */
function negotiate(socket: Socket): void {
  let isAuthenticated = false;
  const listen = (chunk: Buffer): void => {
    const text = chunk.toString('latin1');
    let answer = '';
    if (text.includes('<auth ')) {
      isAuthenticated = true;
      answer = `<success xmlns='${SASL}'/>`;
    } else if (text.includes('<iq ')) {
      const id = /\sid=['"]([^'"]*)['"]/.exec(text)?.[1] ?? '';
      const resource = /<resource>([^<]*)<\/resource>/.exec(text)?.[1] ?? 'bench';
      const jid = `user${++users}@${SINK_DOMAIN}/${resource}`;
      answer = `<iq type='result' id='${id}'><bind xmlns='${BIND}'><jid>${jid}</jid></bind></iq>`;
      socket.off('data', listen);
      begin(socket, resource);
    } else if (text.includes('<stream:stream')) answer = header(isAuthenticated ? BIND_FEATURES : LOGIN_FEATURES);
    if (text.includes('</stream:stream>')) socket.end(END);
    else socket.write(answer);
  };
  socket.on('data', listen);
}

function begin(socket: Socket, purpose: string): void {
  const [kind, owner = '0', rate = '1'] = purpose.split('.');
  if (kind === 'push') push(socket, Number(owner), Number(rate));
  socket.on('data', (chunk: Buffer) => {
    if (chunk.subarray(-END.length).equals(END)) socket.end(END);
    else if (chunk.equals(GOODBYE)) socket.end();
    else if (kind !== 'push') socket.write(chunk);
  });
}

function push(socket: Socket, owner: number, perSecond: number): void {
  let sequence = 0;
  const tick = (): void => void socket.write(messageOf(owner, sequence++, '', CHAT_BYTES));
  // Not all of them at once.
  let timer = setTimeout(
    () => {
      tick();
      timer = setInterval(tick, 1000 / perSecond);
    },
    Math.random() * (1000 / perSecond),
  );
  socket.once('close', () => clearTimeout(timer));
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    // What a relay brings has no stream around it: it says at first what it is for, and nothing else.
    const purpose = /^<hello>([^<]*)<\/hello>$/.exec(first.toString('latin1', 0, 100))?.[1];
    if (purpose === undefined) {
      negotiate(socket);
      socket.emit('data', first);
    } else {
      socket.write('<welcome/>');
      begin(socket, purpose);
    }
  });
});
server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1', backlog: 4096 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit());
