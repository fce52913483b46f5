import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** One for all connections, for what comes on one is read before the next is: else each read takes 64 KiB of new memory. */
const buffer = Buffer.allocUnsafeSlow(65_536);

/** Who takes what comes. */
export interface Taker {
  /** The bytes are its own until it returns. */
  onData(bytes: Buffer): void;
}

const takerOf = Symbol('taker');
/** What came before there was anybody. */
const earlyOf = Symbol('early');

interface Fed extends Socket {
  [takerOf]?: Taker | undefined;
  [earlyOf]?: Buffer[] | undefined;
}

/** `net.connect`; what comes is for `listenTo`. */
export function connectTo(options: TcpNetConnectOpts): Socket {
  const callback = (length: number): boolean => {
    take(socket, buffer.subarray(0, length));
    return true;
  };
  const socket: Fed = connect({ ...options, onread: { buffer, callback } });
  socket[earlyOf] = undefined;
  return socket;
}

function take(socket: Fed, bytes: Buffer): void {
  const taker = socket[takerOf];
  if (taker === undefined) (socket[earlyOf] ??= []).push(Buffer.from(bytes));
  else taker.onData(bytes);
}

function data(this: Fed, bytes: Buffer): void {
  this[takerOf]?.onData(bytes);
}

/** What comes is for that one from now on. Without any, it waits. */
export function listenTo(socket: Fed, taker: Taker | undefined): void {
  socket[takerOf] = taker;
  // TLS has no buffer of ours.
  if (!(earlyOf in socket)) {
    if (taker === undefined) socket.off('data', data);
    else socket.on('data', data);
    return;
  }
  const early = socket[earlyOf];
  if (taker === undefined || early === undefined) return;
  socket[earlyOf] = undefined;
  for (const bytes of early) taker.onData(bytes);
}
