#!/usr/bin/env node
import { ConfigError } from '../config/config-error.ts';
import { loadSettings } from '../config/load.ts';
import { reasonOf } from '../core/errors.ts';
import { readArguments, type Arguments } from './arguments.ts';
import { help } from './help.ts';
import { createLog } from './log.ts';
import { stopOnSignal } from './signals.ts';
import { version } from '../core/version.ts';

async function runDemo({ values: { port, host } }: Arguments): Promise<void> {
  // The demo looks at no file and no environment: it must run everywhere.
  const flags = { ...(port !== undefined && { port }), ...(host !== undefined && { host }) };
  const { settings } = await loadSettings({ file: undefined, env: {}, flags, cwd: import.meta.dirname });
  const { demo } = await import('./demo.ts');
  const options = {
    ...(port !== undefined && { port: settings.port }),
    ...(settings.host !== undefined && { host: settings.host }),
    log: createLog('warn'),
  };
  const running = await demo(options);
  stopOnSignal(5, () => running.stop());
}

async function run(): Promise<void> {
  const asked = readArguments(process.argv[1] ?? 'sluice', process.argv.slice(2));
  if (asked.command === 'version') {
    process.stdout.write(`${version()}\n`);
  } else if (asked.command === 'help') {
    const text = help(asked.topic);
    if (text === undefined) throw new ConfigError(asked.topic ?? '', 'is no command; see sluice help');
    process.stdout.write(text);
  } else if (asked.command === 'demo') {
    await runDemo(asked);
  } else if (asked.command === 'check') {
    const { check } = await import('./check.ts');
    process.exitCode = await check(asked, (line) => process.stdout.write(`${line}\n`));
  } else if (asked.command === 'config') {
    const { translateConfig } = await import('./config.ts');
    process.stdout.write(await translateConfig(asked));
  } else if (asked.command === 'test') {
    const { runTest } = await import('./tools/test.ts');
    process.exitCode = await runTest(asked);
  } else if (asked.command === 'prebind') {
    const { runPrebind } = await import('./prebind.ts');
    await runPrebind(asked);
  } else {
    // Loaded late, so that --help answers at once.
    const { serve } = await import('./serve.ts');
    await serve(asked);
  }
}

// `sluice --help | head -1` must not end in a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

try {
  await run();
} catch (error) {
  const isUsage = error instanceof ConfigError;
  process.stderr.write(`sluice: ${(isUsage ? error.message : reasonOf(error)).replace(/\s*\n\s*/g, ' ')}\n`);
  process.exit(isUsage ? 2 : 1);
}
