import type { z } from 'zod';
import { ConfigError, suggestion } from './config-error.ts';
import { settingsShape } from './schema.ts';

type Key = keyof typeof settingsShape;

const KEYS = Object.keys(settingsShape) as Key[];

/** `maxWaitSeconds` → `SLUICE_MAX_WAIT_SECONDS`. */
export function variableOf(key: string): string {
  return `SLUICE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

const KEY_OF = new Map(KEYS.map((key) => [variableOf(key), key]));

/** The kind of value below the defaults and options: `number`, `boolean`, `array`, `union`, `record`, `string`, `enum`. */
export function kindOf(schema: z.core.$ZodType): string {
  const { def } = schema._zod as unknown as {
    def: { type: string; innerType?: z.core.$ZodType; in?: z.core.$ZodType };
  };
  const inner = def.innerType ?? (def.type === 'pipe' ? def.in : undefined);
  return inner === undefined ? def.type : kindOf(inner);
}

/** How a table is written in one line. */
const TABLES: Partial<Record<Key, string>> = {
  domains: '{"example.org":{"host":"127.0.0.1"}}',
  defaultEndpoint: '{"host":"127.0.0.1"}',
  headers: '{"X-Served-By":"sluice"}',
};

const WORDS: Record<string, boolean> = { true: true, false: false, 1: true, 0: false, yes: true, no: false };

/** A value from text. What does not fit stays text, and the schema then says what is wrong with it. */
export function fromText(key: Key, text: string, name: string): unknown {
  switch (kindOf(settingsShape[key])) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return WORDS[text.trim().toLowerCase()] ?? text;
    case 'union':
    case 'array':
      return text.trim() === '*' ? '*' : text.split(',').map((part) => part.trim());
    case 'record':
    case 'object':
      try {
        return JSON.parse(text);
      } catch (cause) {
        throw new ConfigError('', `${name}: must be JSON such as ${TABLES[key] ?? '{}'}`, { cause });
      }
    default:
      return text;
  }
}

/** Names that others put beside ours: tests, Docker links, and what Kubernetes gives to a service called `sluice`. */
function isForeign(name: string, value: string): boolean {
  return (
    /^SLUICE_(TEST_.*|SCREENSHOTS|SERVICE_(HOST|PORT)(_.*)?|PORT_\d+_(TCP|UDP)(_.*)?)$/.test(name) ||
    name.includes('__') ||
    (name === 'SLUICE_PORT' && /^(tcp|udp):\/\//.test(value))
  );
}

/** The settings that the environment gives, by key. An empty variable counts as absent. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Map<Key, unknown> {
  const found = new Map<Key, unknown>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('SLUICE_') || name === 'SLUICE_CONFIG') continue;
    if (value === undefined || isForeign(name, value)) continue;
    const key = KEY_OF.get(name);
    if (key === undefined) {
      const otherwise = 'see docs/configuration.md';
      throw new ConfigError(
        '',
        `${name}: is no setting; ${suggestion(name, [...KEY_OF.keys(), 'SLUICE_CONFIG'], otherwise)}`,
      );
    }
    if (value !== '') found.set(key, fromText(key, value, name));
  }
  return found;
}
