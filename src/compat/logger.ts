import { levelOf } from '../config/legacy-keys.ts';
import { silentLogger, type Logger } from '../core/ports.ts';
import type { CompatOptions } from './connector.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** The program's own `logger`, or lines on standard output from the level of `logging` on, or nothing. */
export function createLogger({ logger, logging }: CompatOptions): Logger {
  if (logger !== undefined) return logger as Logger;
  const least = typeof logging === 'string' ? levelOf(logging) : undefined;
  if (least === undefined || least === 'silent') return silentLogger;
  const from = least === 'trace' ? 0 : LEVELS.findIndex((level) => level === least);
  const write =
    (level: (typeof LEVELS)[number]): Logger['info'] =>
    (fields, message) => {
      if (LEVELS.indexOf(level) < from) return;
      const date = new Date().toISOString();
      process.stdout.write(`[${date}] [${level.toUpperCase()}] ${message} ${JSON.stringify(fields)}\n`);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
