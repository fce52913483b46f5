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
  return pages.find(({ path }) => fits(path, pathname));
}

export function fits(path: Page['path'], pathname: string): boolean {
  return typeof path === 'string' ? path === pathname : path.test(pathname);
}

/**
 * The path of a request target, without its query; absolute-form targets count by their path alone (H-29). Nothing is decoded
 * or resolved: `/%68ttp-bind` and `/a/../http-bind` are other paths (H-39). Undefined for what is no path.
 */
export function pathOf(target: string | undefined): string | undefined {
  // Nearly all of them.
  if (target?.startsWith('/') === true && !/[?#]/.test(target)) return target;
  const path = target?.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return path?.startsWith('/') === true ? path : undefined;
}

/** With and without its final slash. */
export function bothForms(path: string): [string, string] {
  const bare = path.replace(/\/+$/, '');
  return [bare === '' ? '/' : bare, `${bare}/`];
}

/** What a configured path stands for: one path, all below a folder (`/A/*`), or whatever a regular expression finds (`^...`). */
export function pathForms(path: string | RegExp): Page['path'][] {
  // Without the flags that remember where the last search ended.
  if (typeof path !== 'string') return [new RegExp(path.source, path.flags.replace(/[gy]/g, ''))];
  if (path.startsWith('^')) return [new RegExp(path)];
  if (!path.endsWith('/*')) return bothForms(path);
  return [new RegExp(`^${path.slice(0, -2).replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')}(?:/|$)`)];
}

/** A path that fits and that may be told to people; undefined where a regular expression decides. */
export function plainPath(path: string | RegExp): string | undefined {
  return typeof path !== 'string' || path.startsWith('^') ? undefined : path.replace(/\*$/, '');
}
