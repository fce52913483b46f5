import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configurationPage, errorsPage } from '../../../scripts/generate-docs.ts';
import { parseSettings } from '../../../src/config/schema.ts';
import { readSource } from '../../../src/config/source.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const page = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');

test('docs: configuration.md says what the schema says (npm run docs)', () => {
  assert.equal(page('docs/configuration.md'), configurationPage());
});

test('docs: errors.md says what the error table says (npm run docs)', () => {
  assert.equal(page('docs/errors.md'), errorsPage());
});

for (const name of ['README.md', 'docs/configuration.md']) {
  test(`docs: the TOML in ${name} is a configuration that works`, async (t) => {
    const cwd = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
    t.after(() => rmSync(cwd, { recursive: true }));
    const blocks = [...page(name).matchAll(/^```toml\n([^]*?)^```/gm)];
    assert.ok(blocks.length > 0);
    for (const [, toml = ''] of blocks) {
      // The certificate is the reader's own.
      writeFileSync(join(cwd, 'x.toml'), toml.replace(/^ca = .*$/m, ''));
      assert.equal(parseSettings(await readSource('x.toml', cwd)).serveOthers, false);
    }
  });
}
