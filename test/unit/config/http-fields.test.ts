import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { loadSettings } from '../../../src/config/load.ts';
import { parseSettings } from '../../../src/config/schema.ts';

const load = (env: Record<string, string>) => loadSettings({ env, flags: {}, cwd: tmpdir() });

test('config: header tables come from the environment as JSON, header names as a list', async () => {
  const { settings } = await load({ SLUICE_HEADERS: '{"X-A":"b"}', SLUICE_ALLOW_HEADERS: 'X-B, X-C' });
  assert.deepEqual([settings.headers, settings.allowHeaders], [{ 'X-A': 'b' }, ['X-B', 'X-C']]);
  await assert.rejects(load({ SLUICE_HEADERS: 'X-A: b' }), /SLUICE_HEADERS: must be JSON such as \{"X-Served-By"/);
  await assert.rejects(load({ SLUICE_HEADERS: '{"Vary":"b"}' }), /SLUICE_HEADERS\.Vary: is set by the gateway itself$/);
});

test('config: GET is served until origins are restricted, or as it is said', () => {
  const origins = ['https://a.example'];
  assert.equal(parseSettings({}).getRequests, true);
  assert.equal(parseSettings({ origins }).getRequests, false);
  assert.equal(parseSettings({ origins, getRequests: true }).getRequests, true);
  assert.equal(parseSettings({ getRequests: false }).getRequests, false);
});

test('config: an address to go to is an absolute one', () => {
  assert.equal(parseSettings({}).seeOtherUri, undefined);
  assert.equal(parseSettings({ seeOtherUri: 'https://a/b' }).seeOtherUri, 'https://a/b');
  assert.throws(() => parseSettings({ seeOtherUri: '//a/b' }), /seeOtherUri: must be an absolute .*, not "\/\/a\/b"$/);
});
