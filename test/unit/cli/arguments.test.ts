import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArguments } from '../../../src/cli/arguments.ts';
import { readable } from '../../../src/cli/log.ts';
import { explainListenError } from '../../../src/cli/listen-error.ts';

const read = (...args: string[]) => readArguments('/usr/bin/sluice', args);

test('cli: no command means serve, and so does the name bosh-server', () => {
  assert.equal(read().command, 'serve');
  assert.equal(readArguments('/usr/bin/bosh-server', []).command, 'serve');
  assert.equal(readArguments('bosh-server.cmd', ['--port', '1']).values.port, '1');
  assert.equal(readArguments('bosh-server', ['--help']).topic, 'serve');
});

test('cli: options take both forms', () => {
  assert.equal(read('--port', '5281').values.port, '5281');
  assert.equal(read('serve', '--port=5281').values.port, '5281');
  assert.equal(read('--log-level=debug', 'serve').values['log-level'], 'debug');
});

test('cli: help and version are asked for in many ways', () => {
  assert.deepEqual([read('--help').command, read('--help').topic], ['help', undefined]);
  assert.deepEqual([read('demo', '-h').command, read('demo', '-h').topic], ['help', 'demo']);
  assert.deepEqual([read('help', 'serve').command, read('help', 'serve').topic], ['help', 'serve']);
  assert.equal(read('--version').command, 'version');
});

// prettier-ignore
const WRONG: readonly (readonly [string, string])[] = [
  ['--prot 1', '--prot: is no option; did you mean "--port"?'],
  ['--quux', '--quux: is no option; see sluice help'],
  ['-x', '-x: is no option; see sluice help'],
  ['--port', '--port: needs a value: --port=VALUE'],
  ['--port --host', '--port: needs a value: --port=VALUE'],
  ['--help=1', '--help: takes no value'],
  ['sevre', 'sevre: is no command; did you mean "serve"?'],
  ['toString', 'toString: is no command; see sluice help'],
  ['serve now', 'now: is one word too many; see sluice help serve'],
  ['demo --config x', '--config: is no option of sluice demo; see sluice help demo'],
];

for (const [line, message] of WRONG) {
  test(`cli: "${line}" is refused with the mend`, () => {
    assert.throws(() => read(...line.split(' ')), { name: 'ConfigError', message });
  });
}

test('cli: a failed listen names the key and the mend', () => {
  const told = (code: string) => String(explainListenError({ code }, 80, '192.0.2.1'));
  assert.match(told('EADDRINUSE'), /port: 80 at 192\.0\.2\.1 is taken by another program: .* --port$/);
  assert.match(told('EACCES'), /port: 80 .* permission .* --port$/);
  assert.match(told('EADDRNOTAVAIL'), /host: "192\.0\.2\.1" is no address of this machine: .* --host$/);
  const other = new Error('x');
  assert.equal(explainListenError(other, 80, undefined), other);
});

test('cli: a terminal gets plain log lines', () => {
  const json = '{"level":"warn","time":"2026-11-22T18:03:21.123Z","domain":"a.b","tries":2,"msg":"no answer"}\n';
  assert.equal(readable(json), '18:03:21 warn  no answer domain=a.b tries=2\n');
  assert.equal(readable('no json'), 'no json');
});
