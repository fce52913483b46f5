import { connect, type OnReadOpts, type Socket, type TcpNetConnectOpts } from 'node:net';

/** One for all connections, for what comes on one is read before the next is: else each read takes 64 KiB of new memory. */
const buffer = Buffer.allocUnsafeSlow(65_536);

const incomingOf = Symbol('incoming');

interface Fed extends Socket {
  [incomingOf]?: Incoming;
}

/** What comes on a plain TCP connection, and who takes it. */
class Incoming {
  #take: ((bytes: Buffer) => void) | undefined;
  /** Came before there was anybody. */
  #early: Buffer[] = [];

  readonly options: OnReadOpts = {
    buffer,
    callback: (length) => {
      const bytes = buffer.subarray(0, length);
      if (this.#take === undefined) this.#early.push(Buffer.from(bytes));
      else this.#take(bytes);
      return true;
    },
  };

  set take(take: ((bytes: Buffer) => void) | undefined) {
    this.#take = take;
    if (take !== undefined) for (const bytes of this.#early.splice(0)) take(bytes);
  }
}

/** `net.connect`; what comes is for `listenTo`. */
export function connectTo(options: TcpNetConnectOpts): Socket {
  const incoming = new Incoming();
  const socket: Fed = connect({ ...options, onread: incoming.options });
  socket[incomingOf] = incoming;
  return socket;
}

/** Bytes are the taker's own until it returns. Without one, they wait. */
export function listenTo(socket: Fed, take: ((bytes: Buffer) => void) | undefined): void {
  const incoming = socket[incomingOf];
  if (incoming !== undefined) incoming.take = take;
  else if (take !== undefined) socket.on('data', take);
  else socket.removeAllListeners('data');
}
