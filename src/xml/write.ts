/** Escapes a value for an attribute in single or double quotes; line ends and tabs survive as references (XML 1.0 §3.3.3). */
export function escapeAttribute(value: string): string {
  return /[&<>'"\t\n\r]/.test(value) ? value.replace(/[&<>'"\t\n\r]/g, attributeEscape) : value;
}

/** Escapes character data; a carriage return survives as a reference (XML 1.0 §2.11). */
export function escapeText(text: string): string {
  return text.replace(/[&<>\r]/g, attributeEscape);
}

function attributeEscape(character: string): string {
  switch (character) {
    case '&':
      return '&amp;';
    case '<':
      return '&lt;';
    case '>':
      return '&gt;';
    case "'":
      return '&apos;';
    case '"':
      return '&quot;';
    default:
      return `&#${character.charCodeAt(0)};`;
  }
}

/** ` name='value'` for each attribute that has a value. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  let out = '';
  for (const name of Object.keys(values)) {
    const value = values[name];
    if (typeof value === 'number') out += ` ${name}='${value}'`;
    else if (value !== undefined) out += ` ${name}='${escapeAttribute(value)}'`;
  }
  return out;
}
