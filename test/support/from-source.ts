import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const SRC = join(import.meta.dirname, '../../src');
const SOURCES: Readonly<Record<string, string>> = {
  sluice: 'index.ts',
  'sluice/compat': 'compat/index.ts',
  'sluice/prebind': 'prebind/index.ts',
};

/** Examples import the package by its name, as its users do: from then on that is the source, not what was built last. */
export function importFromSource(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const file = SOURCES[specifier];
      if (file === undefined) return next(specifier, context);
      return { url: pathToFileURL(join(SRC, file)).href, shortCircuit: true };
    },
  });
}
