import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { reasonOf } from '../core/errors.ts';

/** One for all connections, for what comes on one is read before the next is: else each read takes 64 KiB of new memory. */
const buffer = Buffer.allocUnsafeSlow(65_536);

/** Who takes what comes. */
export interface Taker {
  /** The bytes are its own until it returns. */
  onData(bytes: Buffer): void;
  /** The connection is over without our doing. */
  onLost(detail: string): void;
}

/** On the connection itself: listeners that are closures would cost each connection more. */
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

function failed(this: Fed, error: Error): void {
  this[takerOf]?.onLost(reasonOf(error));
}

function ended(this: Fed): void {
  this[takerOf]?.onLost('the server closed the connection');
}

function closed(this: Fed): void {
  this[takerOf]?.onLost('the connection was closed');
}

/** What comes is for that one from now on. */
export function listenTo(socket: Fed, taker: Taker): void {
  socket[takerOf] = taker;
  // TLS has no buffer of ours.
  if (!(earlyOf in socket)) socket.on('data', data);
  const early = socket[earlyOf];
  if (early !== undefined) {
    socket[earlyOf] = undefined;
    for (const bytes of early) taker.onData(bytes);
  }
  socket.on('error', failed).on('end', ended).on('close', closed);
}

/** It is for nobody: what comes waits, and nobody listens to its end. */
export function letGo(socket: Fed): void {
  socket[takerOf] = undefined;
  socket.off('data', data);
  for (const event of ['error', 'end', 'close']) socket.removeAllListeners(event);
}
