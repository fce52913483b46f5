import { z } from 'zod';
import { ConfigError, suggestion } from './config-error.ts';
import { readAuthorities } from './authorities.ts';
import { domainShape } from './domain-shape.ts';
import { access } from './settings/access.ts';
import { discovery } from './settings/discovery.ts';
import { addressLimits, limits } from './settings/limits.ts';
import { listening } from './settings/listening.ts';
import { pages } from './settings/pages.ts';
import { prebind } from './settings/prebind.ts';
import { sessions } from './settings/sessions.ts';
import { upstream } from './settings/upstream.ts';
import { webSocket } from './settings/websocket.ts';

/** The settings in the order of the documentation. */
export const GROUPS = [
  ['Listening', listening],
  ['Who may come in', access],
  ['WebSocket', webSocket],
  ['Discovery', discovery],
  ['XMPP servers', upstream],
  ['Sessions and times', sessions],
  ['Prebind', prebind],
  ['Pages', pages],
  ['Limits', limits],
  ['Limits for each client address', addressLimits],
] as const;

export const settingsShape = {
  ...listening,
  ...access,
  ...webSocket,
  ...discovery,
  ...upstream,
  ...sessions,
  ...prebind,
  ...pages,
  ...limits,
  ...addressLimits,
};

type Shape = z.output<z.ZodObject<typeof settingsShape>>;

/** Pairs of which the first must not be below the second. */
const ATLEAST = [
  ['maxInactivitySeconds', 'inactivitySeconds'],
  ['maxWaitSeconds', 'creationWaitSeconds'],
  ['maxReplayBytes', 'maxResponseBytes'],
  ['maxUpstreamBacklogBytes', 'maxUpstreamBytes'],
  ['maxUpstreamBacklogBytes', 'maxBodyBytes'],
] as const satisfies readonly (readonly [keyof Shape, keyof Shape])[];

function crossCheck({ value, issues }: z.core.ParsePayload<Shape>): void {
  const refuse = (key: keyof Shape, message: string) =>
    issues.push({ code: 'custom', path: [key], message, input: value[key] });
  for (const [high, low] of ATLEAST) {
    if (value[high] < value[low]) refuse(high, `must not be below \`${low}\` (${value[low]})`);
  }
  if (value.credentials && value.origins === '*') {
    refuse('credentials', "needs a list of `origins`: browsers refuse credentials together with '*'");
  }
  for (const key of ['tlsCert', 'tlsKey'] as const) {
    if (value.tlsPort !== undefined && value[key] === undefined) refuse('tlsPort', `needs \`${key}\` too`);
  }
  const both = value.retiredDomains.find((name) => Object.hasOwn(value.domains, name));
  if (both !== undefined) refuse('retiredDomains', `"${both}" is named in \`domains\` too: take it out of one of them`);
}

/** THE structure of the settings: types, defaults, units and texts. */
export const settingsSchema = z
  .strictObject(settingsShape, { error: 'must be an object' })
  .check(crossCheck)
  .transform((value) => ({
    ...value,
    serveOthers: value.serveOthers ?? Object.keys(value.domains).length === 0,
    getRequests: value.getRequests ?? value.origins === '*',
  }));

/** All settings, checked, with their defaults. `ca` holds PEM text, domains are normalised. */
export type Settings = z.output<typeof settingsSchema>;
/** The settings as an operator writes them. */
export type SettingsInput = z.input<typeof settingsSchema>;

function show(value: unknown): string {
  const shown = value === undefined ? 'nothing' : typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  if (shown === undefined) return typeof value;
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}

/** The value at a path of the input. */
function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

function toConfigError(issue: z.core.$ZodIssue, input: unknown): ConfigError {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const name = issue.keys[0] ?? '';
    const inDomain = path[0]?.startsWith('prebind') === true ? {} : domainShape;
    const known = Object.keys(path.length === 0 ? settingsShape : inDomain);
    return new ConfigError(
      [...path, name].join('.'),
      `is no setting; ${suggestion(name, known, 'see docs/configuration.md')}`,
    );
  }
  if (issue.code === 'invalid_key') {
    return new ConfigError(
      path.slice(0, -1).join('.'),
      `each name must be a domain such as example.org, not ${show(path.at(-1))}`,
    );
  }
  // A list has its own story to tell: the entry that is wrong, not the union around it.
  if (issue.code === 'invalid_union' && Array.isArray(valueAt(input, issue.path))) {
    const inner = issue.errors.flat().find((one) => one.path.length > 0);
    if (inner !== undefined) return toConfigError({ ...inner, path: [...issue.path, ...inner.path] }, input);
  }
  const told = issue.code === 'custom' && !issue.message.startsWith('must be a');
  return new ConfigError(
    path.join('.'),
    told ? issue.message : `${issue.message}, not ${show(valueAt(input, issue.path))}`,
  );
}

/** Checks settings and fills in the defaults. Throws `ConfigError` for the first one that is wrong. */
export function parseSettings(input: unknown): Settings {
  const result = settingsSchema.safeParse(input ?? {});
  if (result.success) return readAuthorities(result.data);
  const [issue] = result.error.issues;
  throw issue === undefined ? new ConfigError('', 'the settings are wrong') : toConfigError(issue, input);
}
