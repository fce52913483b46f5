import { ConfigError } from '../config/config-error.ts';
import { isLegacy, translateLegacy } from '../config/legacy.ts';
import { parseSettings } from '../config/schema.ts';
import { readSource } from '../config/source.ts';
import { renderToml } from '../config/toml.ts';
import type { Arguments } from './arguments.ts';

/** `sluice config translate OLD`: a configuration of node-xmpp-bosh as sluice.toml. Throws `ConfigError`. */
export async function translateConfig({ topic, rest: [file] }: Arguments): Promise<string> {
  if (topic !== 'translate' || file === undefined)
    throw new ConfigError('config', 'goes: sluice config translate FILE');
  const said = await readSource(file, process.cwd());
  if (typeof said !== 'object' || said === null || !isLegacy({ ...said })) {
    throw new ConfigError('', `${file}: is no configuration of node-xmpp-bosh`);
  }
  let origins: ReadonlyMap<string, string> = new Map();
  try {
    const { settings, warnings, lookupService, ...translation } = translateLegacy({ ...said });
    ({ origins } = translation);
    // What is printed has to start.
    parseSettings(settings);
    const lost = 'lookup_service is not in here: TOML holds no programs. Keep the old file, or see docs/migrating.md.';
    const remarks = [`Translated from ${file} by sluice config translate.`, ...warnings];
    return renderToml(settings, lookupService === undefined ? remarks : [...remarks, lost]);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [key = '', ...inner] = error.key.split('.');
    const place = [origins.get(key) ?? key, ...inner].join('.');
    throw new ConfigError('', `${file}: ${place}: ${error.problem}`, { cause: error });
  }
}
