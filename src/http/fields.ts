import type { IncomingMessage } from 'node:http';

/**
 * The first field of that name (in lower case), as it was sent. Reading `request.headers` makes an object of all fields: most
 * requests have none of those that matter.
 */
export function rawField({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] as string;
    if (field.length === name.length && field.toLowerCase() === name) return rawHeaders[i + 1];
  }
  return undefined;
}
