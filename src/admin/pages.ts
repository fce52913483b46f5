import type { EventEmitter } from 'node:events';
import type { Clock } from '../core/clock.ts';
import type { GatewayEvents } from '../core/events.ts';
import type { Page } from '../http/router.ts';
import { showMonitor, type Program } from './monitor.ts';
import { SystemInfo } from './system-info.ts';
import { Tally } from './tally.ts';

/** All settings are shown; these are known here. */
export type AdminSettings = Readonly<Record<string, unknown>> & {
  readonly path: string | RegExp;
  readonly monitorPage: boolean;
  readonly systemInfoPassword?: string | undefined;
};

export interface AdminPages {
  /** Below the paths of BOSH, so to be asked before it. */
  readonly below: readonly Page[];
  /** At the top of the gateway's own server, where nobody else has put a page. */
  readonly top: readonly Page[];
}

/** `sysinfo`, `sysinfo/` or `sysinfo.html` below `path`; undefined where that is a regular expression. */
function belowPath(path: string | RegExp): RegExp | undefined {
  if (typeof path !== 'string' || path.startsWith('^')) return undefined;
  const folder = path.replace(/\/?\*?$/, '').replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
  return new RegExp(`^${folder}${path.endsWith('*') ? '(?:/.*)?' : ''}/sysinfo(?:\\.html|/)?$`);
}

/** The pages for operators. They count from now on. */
export function adminPages(
  settings: AdminSettings,
  events: EventEmitter<GatewayEvents>,
  clock: Clock,
  program: Program,
): AdminPages {
  const tally = new Tally(events, clock);
  const info = new SystemInfo(settings, tally, program, clock);
  const show: Page['handle'] = (request, response) => info.handle(request, response);
  const path = belowPath(settings.path);
  const monitor: Page = { path: '/', handle: (request, response) => showMonitor(tally, program, request, response) };
  return {
    below: path === undefined ? [] : [{ path, handle: show }],
    top: [{ path: /^\/sysinfo(?:\.html|\/)?$/, handle: show }, ...(settings.monitorPage ? [monitor] : [])],
  };
}
