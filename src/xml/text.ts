/** What stands between tags or in an attribute, as it is meant: references and line ends resolved. It was read before. */

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** CharData with its references (XML 1.0 §2.4, §2.11). */
export function charData(written: string): string {
  return resolve(lineEnds(written));
}

/** The content of a CDATA section (XML 1.0 §2.7, §2.11). */
export function lineEnds(written: string): string {
  return written.includes('\r') ? written.replace(/\r\n?/g, '\n') : written;
}

/** AttValue: white space becomes spaces, unless a reference stands for it (XML 1.0 §3.3.3). */
export function attValue(written: string): string {
  return resolve(written.replace(/\r\n|[\t\n\r]/g, ' '));
}

function resolve(written: string): string {
  if (!written.includes('&')) return written;
  return written.replace(
    /&(?:#(?:x([\dA-Fa-f]+)|(\d+))|(\w+));/g,
    (_all, hex?: string, decimal?: string, name = '') => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number.parseInt(decimal, 10));
      return ENTITIES[name] ?? '';
    },
  );
}
