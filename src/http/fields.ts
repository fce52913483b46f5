import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

const isOwn = Symbol('of the own server');

interface Noted extends IncomingMessage {
  [isOwn]?: boolean;
}

/** The request came by the gateway's own server: nobody else looks at it, now or when it is answered. */
export function noteOwn(request: Noted): void {
  request[isOwn] = true;
}

const NO_FIELDS: string[] = [];
const NO_HEADERS: IncomingHttpHeaders = {};

/** A request that is held for a minute needs its header fields no more, and browsers send a kilobyte of them. */
export function letGoOfFields(request: Noted): void {
  if (request[isOwn] !== true) return;
  request.rawHeaders = NO_FIELDS;
  request.headers = NO_HEADERS;
}
