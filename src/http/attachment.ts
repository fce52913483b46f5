import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Listener } from './listener.ts';
import { pathOf } from './router.ts';

type Emit = Server['emit'];

/**
 * Takes from a server of the program around the gateway what belongs to the gateway, and leaves all else to those who listen there,
 * before and after. It stands in front of all listeners, since none of them can keep a request from the others.
 */
export class Attachment {
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #upgrades: (pathname: string) => boolean;
  readonly #before: Emit;
  readonly #emit: Emit;
  #isOver = false;

  /** `upgrades`: whether a WebSocket may be opened at that path. */
  constructor(server: Server, listener: Listener, upgrades: (pathname: string) => boolean) {
    this.#server = server;
    this.#listener = listener;
    this.#upgrades = upgrades;
    // oxlint-disable-next-line typescript/unbound-method -- called with Reflect.apply, and given back
    this.#before = server.emit;
    const emit = (event: string, ...values: unknown[]): boolean =>
      this.#takes(event, values) || Reflect.apply(this.#before, server, [event, ...values]);
    this.#emit = Object.assign(emit, { [ATTACHED]: true });
    server.emit = this.#emit;
    // Without any listener Node does not tell of upgrades.
    server.on('upgrade', ignore);
  }

  /** The server is as it was. */
  detach(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#server.off('upgrade', ignore);
    // Somebody who came later stands in front of us: then we only step aside.
    if (this.#server.emit === this.#emit) this.#server.emit = this.#before;
  }

  #takes(event: string, values: unknown[]): boolean {
    switch (event) {
      case 'request':
      case 'checkContinue':
        return this.#request(event, values as [IncomingMessage, ServerResponse]);
      case 'upgrade':
        return this.#upgrade(values as [IncomingMessage, Duplex, Buffer]);
      default:
        return false;
    }
  }

  #request(event: string, [request, response]: [IncomingMessage, ServerResponse]): boolean {
    if (this.#isOver || !this.#listener.owns(request.url)) return false;
    if (event === 'checkContinue') response.writeContinue();
    this.#listener.handle(request, response);
    return true;
  }

  #upgrade([request, socket, head]: [IncomingMessage, Duplex, Buffer]): boolean {
    const pathname = pathOf(request.url);
    if (!this.#isOver && pathname !== undefined && this.#upgrades(pathname)) {
      this.#listener.handleUpgrade(request, socket, head);
      return true;
    }
    const isLast = !(ATTACHED in this.#before);
    if (!isLast || this.#server.listeners('upgrade').some((listener) => listener !== ignore)) return false;
    // Nobody here upgrades anything, so it is a plain request, as it was without us (RFC 9110 §7.8).
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0]);
    response.once('finish', () => socket.end());
    return this.#server.emit('request', request, response);
  }
}

function ignore(): void {}

/** Marks what stands in front of a server's listeners, so that of several gateways the last one knows that it is. */
const ATTACHED = Symbol('sluice');
