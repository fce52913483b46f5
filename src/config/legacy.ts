import { domainPattern } from '../core/domain.ts';
import { ConfigError, suggestion } from './config-error.ts';
import { LEGACY_KEYS, OLD_NAMES, readLegacyKey, type LegacyKey } from './legacy-keys.ts';
import { settingsShape } from './schema.ts';

/** A configuration of node-xmpp-bosh in our words. */
export interface Translation {
  readonly settings: Record<string, unknown>;
  /** Our key → the old one that it came from: for messages. */
  readonly origins: ReadonlyMap<string, string>;
  /** One line for each key that has another name now, another meaning, or none. */
  readonly warnings: readonly string[];
  /** What no file can hold: the constructor of an old lookup service. */
  readonly lookupService: unknown;
}

/** Keys that both programs know: they alone do not say whose file it is. */
const SHARED: readonly string[] = ['path', 'port', 'host'];

/** True for an object that holds names of node-xmpp-bosh. */
export function isLegacy(said: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(said).some((key) => !SHARED.includes(key) && lastName(key) !== undefined);
}

/** The last name that a key had there: units at the end of names were dropped in 0.3.0. */
function lastName(key: string): LegacyKey | undefined {
  if (Object.hasOwn(OLD_NAMES, key)) return OLD_NAMES[key];
  return LEGACY_KEYS.find((name) => name === key || name === key.replace(/_(sec|bytes)$/, ''));
}

/**
 * Says in our settings what a configuration of node-xmpp-bosh says, with the same meaning and units. Settings of ours may stand
 * beside. Throws `ConfigError` for what is wrong or unsafe.
 */
export function translateLegacy(said: Readonly<Record<string, unknown>>): Translation {
  const settings: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  const warnings: string[] = [];
  const names = new Map<LegacyKey, string>();
  let lookupService: unknown;
  for (const [key, value] of Object.entries(said)) {
    const name = lastName(key);
    if (name === undefined) {
      if (!Object.hasOwn(settingsShape, key)) throw unknown(key);
      settings[key] = merged(settings[key], value);
      continue;
    }
    const twin = names.get(name);
    if (twin !== undefined) throw new ConfigError(key, `says the same as ${twin}: take one of them out`);
    names.set(name, key);
    if (value === undefined) continue;
    const { settings: given = {}, note } = readLegacyKey(name, value, key);
    for (const [ours, translated] of Object.entries(given)) {
      if (Object.hasOwn(said, ours) && ours !== 'domains' && !SHARED.includes(ours)) {
        throw new ConfigError(key, `says the same as ${ours}: take one of them out`);
      }
      settings[ours] = merged(settings[ours], translated);
      origins.set(ours, key);
    }
    if (name === 'lookup_service') lookupService = value || undefined;
    // What has the same name and meaning, and what was not really said, is nothing to warn of.
    const becomes = SHARED.includes(key) ? [] : Object.keys(given);
    const told = [
      ...(becomes.length > 0 ? [`is ${becomes.join(' and ')} now`] : []),
      ...(note === undefined ? [] : [note]),
    ];
    if (told.length > 0) warnings.push(`${key}: ${told.join('; ')}`);
  }
  reconcile(settings, warnings);
  return { settings, origins, warnings, lookupService };
}

const isTable = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Of a table of ours and one that was translated, the entries of both: `domains`. */
function merged(first: unknown, second: unknown): unknown {
  return isTable(first) && isTable(second) && !Array.isArray(second) ? { ...first, ...second } : second;
}

function unknown(key: string): ConfigError {
  const known = [...LEGACY_KEYS, ...Object.keys(settingsShape)];
  const hint = suggestion(key, known, 'see docs/migrating.md');
  return new ConfigError(key, `is no setting, and was none of node-xmpp-bosh; ${hint}`);
}

/** What keys mean together. */
function reconcile(settings: Record<string, unknown>, warnings: string[]): void {
  const { inactivitySeconds, maxInactivitySeconds = 160, allowDomains, domains } = settings;
  if (typeof inactivitySeconds === 'number' && inactivitySeconds > Number(maxInactivitySeconds)) {
    settings['maxInactivitySeconds'] = inactivitySeconds;
    warnings.push(`max_inactivity: is ${inactivitySeconds}, as much as default_inactivity, which it must not be below`);
  }
  // WebSockets came at any path.
  settings['websocketPath'] ??= '^/';
  if (!isTable(domains)) return;
  // Naming a domain must not shut out the others, nor let itself in: both is the firewall's business there.
  settings['serveOthers'] ??= true;
  if (!Array.isArray(allowDomains)) return;
  const rules = allowDomains.flatMap((pattern: string) => domainPattern(pattern) ?? []);
  const kept = Object.entries(domains).filter(
    ([name, entry]) => !isBare(entry) || rules.some((rule) => rule.test(name)),
  );
  settings['domains'] = Object.fromEntries(kept);
}

/** True for an entry that was made of `no_tls_domains`. */
function isBare(entry: unknown): boolean {
  return isTable(entry) && Object.keys(entry).length === 1 && entry['tls'] === 'if-required';
}
