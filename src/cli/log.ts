import { destination, pino, type DestinationStream } from 'pino';

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

/** More than that in one turn is written at once (bytes). */
const MOST_GATHERED = 8192;

/** Lines of one turn of the loop are one write. Synchronous, so that the last ones before an exit are not lost. */
function gathering(): DestinationStream {
  const out = destination({ dest: 1, sync: true, minLength: MOST_GATHERED });
  let isGathering = false;
  const flush = (): void => {
    isGathering = false;
    out.flush();
  };
  process.once('exit', flush);
  return {
    write(line: string): void {
      out.write(line);
      if (!isGathering) setImmediate(flush);
      isGathering = true;
    },
  };
}

/** The log on stdout: JSON lines, or plain ones where a terminal reads them. Both survive a reader that goes away. */
export function createLog(level: string) {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (!process.stdout.isTTY) return pino(options, gathering());
  return pino(options, { write: (line: string) => process.stdout.write(readable(line)) });
}
