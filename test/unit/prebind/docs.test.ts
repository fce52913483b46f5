import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseSettings } from '../../../src/config/schema.ts';
import { readSource } from '../../../src/config/source.ts';
import { PREBIND_ERRORS } from '../../../src/prebind/errors.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'docs/converse.md';
const text = readFileSync(join(ROOT, PAGE), 'utf8');

test('docs: converse.md has each error of prebind, as it is', () => {
  const rows = [...text.matchAll(/^\| `([a-z-]+)` +\| (\d{3}) +\| (.*?) +\|$/gm)].map(([, ...row]) => row);
  const known = Object.entries(PREBIND_ERRORS).map(([code, { status, message }]) => [code, String(status), message]);
  assert.deepEqual(rows, known);
});

test('docs: the TOML in converse.md is a configuration that works', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  const blocks = [...text.matchAll(/^( *)```toml\n([^]*?)^ *```/gm)].map(([, indent = '', toml = '']) =>
    toml.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
  assert.ok(blocks.length >= 5);
  for (const toml of blocks) {
    writeFileSync(join(cwd, 'x.toml'), toml);
    assert.equal(parseSettings(await readSource('x.toml', cwd)).serveOthers, false, toml);
  }
});

test('docs: converse.md leads to files and headings that exist', () => {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
  for (const [, target = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
    if (target.startsWith('#')) assert.ok(headings.includes(target.slice(1)), target);
    else assert.ok(existsSync(join(ROOT, dirname(PAGE), target)), target);
  }
});

test('the package offers sluice/prebind', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>;
  };
  const source = exports['./prebind']?.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts') ?? '';
  assert.equal(source, 'src/prebind/index.ts');
  assert.ok(existsSync(join(ROOT, source)));
});
