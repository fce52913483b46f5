import { destination, pino } from 'pino';

/** One log line for a person: `18:03:21 warn  what happened key=value`. */
export function readable(json: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json;
  }
  const { time, level, msg, ...rest } = fields;
  const said = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const clock = String(time).slice(11, 19);
  return `${[clock, String(level).padEnd(5), msg, ...said].join(' ')}\n`;
}

/** The log on stdout: JSON lines, or plain ones where a terminal reads them. Both survive a reader that goes away. */
export function createLog(level: string) {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Synchronous, so that the last line before an exit is not lost.
  if (!process.stdout.isTTY) return pino(options, destination({ dest: 1, sync: true }));
  return pino(options, { write: (line: string) => process.stdout.write(readable(line)) });
}
