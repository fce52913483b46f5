/**
 * BOSH by GET, in the form of node-xmpp-bosh: `?data=<body…>&callback=name` is answered by a script that calls `name`. It is not
 * XEP-0252's form, and takes the place of BOSH-SCRIPT-01 and -02 (design decision 5).
 */
export interface ScriptRequest {
  readonly data: Buffer;
  /** Undefined: the answer is plain XML. */
  readonly callback: string | undefined;
}

export const SCRIPT_TYPE = 'text/javascript; charset=utf-8';

/** A name, or a path of names. What else is put before a parenthesis is somebody's program. */
const CALLBACK = /^[A-Za-z_$][\w$.]{0,63}$/;

/** The query of a request target, if it has BOSH in it: this form, or XEP-0252's. */
export function boshQuery(target = ''): string | undefined {
  const query = /\?([^#]*)/.exec(target)?.[1] ?? '';
  return /^(?:<|%3c)|(?:^|&)data=/i.test(query) ? query : undefined;
}

/** Reads a query; undefined where it is malformed, names something twice, or has a callback that is no name. */
export function readScript(query: string): ScriptRequest | undefined {
  let data: string | undefined;
  let callback: string | undefined;
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (name !== 'data' && name !== 'callback') continue;
    if ((name === 'data' ? data : callback) !== undefined) return undefined;
    const value = decodeValue(part.slice(name.length + 1));
    if (value === undefined) return undefined;
    if (name === 'data') data = value;
    else callback = value;
  }
  if (data === undefined || (callback !== undefined && !CALLBACK.test(callback))) return undefined;
  return { data: Buffer.from(data), callback };
}

/** As forms write it; bytes that are no UTF-8 are an error, not question marks. */
function decodeValue(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/**
 * The answer as a script. The comment keeps the callback's name away from the start of the file, which must not be of the
 * client's choosing; the escapes keep it one string in every kind of script, inside a page too (BOSH-SCRIPT-04).
 */
export function renderScript(callback: string, body: string): string {
  const reply = JSON.stringify(body).replace(/[<>&\u2028\u2029\p{Cf}]/gu, escapeUnits);
  return `/**/${callback}({"reply":${reply}});`;
}

function escapeUnits(character: string): string {
  return character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
