import type { IncomingMessage, ServerResponse } from 'node:http';

/** Something that answers at a path. */
export interface Page {
  /** A string is compared whole; a regular expression is tested. */
  readonly path: string | RegExp;
  /** The longest target of a GET, where it may be longer than others. */
  readonly maxGetBytes?: number;
  handle(request: IncomingMessage, response: ServerResponse, pathname: string): void;
}

/** The first page whose path fits. */
export function findPage(pages: readonly Page[], pathname: string): Page | undefined {
  return pages.find(({ path }) => (typeof path === 'string' ? path === pathname : path.test(pathname)));
}

/**
 * The path of a request target, without its query; absolute-form targets count by their path alone (H-29). Nothing is decoded
 * or resolved: `/%68ttp-bind` and `/a/../http-bind` are other paths (H-39). Undefined for what is no path.
 */
export function pathOf(target: string | undefined): string | undefined {
  const path = target?.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return path?.startsWith('/') === true ? path : undefined;
}

/** With and without its final slash. */
export function bothForms(path: string): [string, string] {
  const bare = path.replace(/\/+$/, '');
  return [bare === '' ? '/' : bare, `${bare}/`];
}
