import * as fc from 'fast-check';
import { damaged, randomBody, randomDocument, randomStream } from '../support/random-xml.ts';

/** XML to hold readers against each other: right, nearly right, and mere noise made of its pieces. */

const DECLARATIONS = [
  "<?xml version='1.0'?>",
  '<?xml version="1.0" encoding="utf-8" ?>\n',
  "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>",
  "<?xml version='1.0' encoding='ISO-8859-1'?>",
  "<?xml version='1.1'?>",
  "<?xml encoding='utf-8'?>",
  '<?xml?>',
  '<?XML version="1.0"?>',
  "<?xml version='1.0' ?",
  '\ufeff',
  ' ',
  '<!-- c -->',
  '<?a b?>',
  '<!DOCTYPE a>',
];

const PIECES = [
  ...Array.from('<>/\'"&;:=! \n\r\t[]-?#x0a'),
  ...[
    '<a>',
    '</a>',
    '<a',
    '/>',
    '<b:c',
    '</b:c>',
    '<message',
    '</message>',
    '<stream:stream>',
    '</s:stream>',
    '</body>',
  ],
  ...[
    " b='1'",
    ' c="&lt;"',
    " xmlns='jabber:client'",
    " xmlns:b='urn:b'",
    " xmlns:b=''",
    ' xmlns=""',
    " b:c='d'",
    " xml:lang='en'",
  ],
  ...[
    " xmlns:s='http://etherx.jabber.org/streams'",
    " xmlns='http://etherx.jabber.org/streams'",
    " xmlns:c='jabber:client'",
  ],
  ...[
    " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
    " xmlns:y='http://www.w3.org/2000/xmlns/'",
    " xmlns='&#117;'",
  ],
  ...[
    '&amp;',
    '&lt;',
    '&apos;',
    '&quot;',
    '&gt;',
    '&nbsp;',
    '&#65;',
    '&#x41;',
    '&#xD;',
    '&#0;',
    '&#x110000;',
    '&#xD800;',
    '&#x000041;',
    '&#',
  ],
  ...[
    '<![CDATA[',
    ']]>',
    ']]',
    '<![CDATA[x]]>',
    '<!--',
    '-->',
    '<!',
    '<?',
    '?>',
    '<?xml ',
    '<!DOCTYPE',
    'text',
    'a:b',
    'a.-1',
    '1a',
  ],
  ...[
    'é',
    'ж',
    '€',
    '😀',
    '\u00a0',
    '\u00b7',
    '\u0301',
    '\ufeff',
    '\ufffd',
    '\ufffe',
    '\u0001',
    '\u007f',
    '\u0085',
    '\u2028',
    '\u{10ffff}',
  ],
];

/** What may go wrong with bytes. */
const BYTES: readonly number[][] = [
  ...[0x00, 0x0c, 0x1f, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff].map(
    (byte) => [byte],
  ),
  ...[
    'c0af',
    'e08080',
    'eda080',
    'edbfbf',
    'efbfbe',
    'efbfbf',
    'efbbbf',
    'f0808080',
    'f4908080',
    'e282',
    'f09f98',
    'f09f9880',
  ].map((hex) => [...Buffer.from(hex, 'hex')]),
];

const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((parts) => parts.join(''));
const declaration = oneIn(5, fc.constantFrom(...DECLARATIONS), '');

/** Something now and then, and else nothing. */
function oneIn<T>(times: number, something: fc.Arbitrary<T>, nothing: T): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: fc.constant(nothing), weight: times - 1 }, { arbitrary: something, weight: 1 });
}

/** A text with pieces put into it. */
function mixed(source: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(source, pieces, fc.nat()).map(([text, more, at]) => {
    const index = at % (text.length + 1);
    return text.slice(0, index) + more + text.slice(index);
  });
}

const ATTRIBUTES = [
  " xmlns:p='urn:p'",
  " xmlns:q='urn:p'",
  " xmlns:q='urn:q'",
  " xmlns:p=''",
  " xmlns=''",
  " xmlns='jabber:client'",
  " xml:lang='en'",
  " a=''",
  ' b = "\'&#10;\r\n\t&lt;"',
  " p:a=''",
  "\tq:a=''",
  " p:a.-1='>'",
  " é:é='é'",
  " xmlns:é='urn:é'",
];

/** A text with attributes put into its tags. */
function attributed(source: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const some = fc.uniqueArray(fc.constantFrom(...ATTRIBUTES), { minLength: 1, maxLength: 4 });
  return fc.tuple(source, some, fc.nat()).map(([text, more, at]) => {
    const names = Array.from(text.matchAll(/<[\w:]+/g), ({ 0: name, index }) => index + name.length);
    const index = names[at % names.length] ?? 0;
    return text.slice(0, index) + more.join('') + text.slice(index);
  });
}

/** So much that a reader goes another way about it: text and names of many kinds, with places where something else may come. */
const LONG = ['plain text\n', 'a]b>c:d\t', 'é ж € ', '日本語', '😀', '&amp;x', 'x', '\ufffd'].map((text) =>
  text.repeat(400),
);

/** A text with much put behind one of its tags. */
function lengthened(source: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(source, fc.constantFrom(...LONG), fc.nat(), fc.nat({ max: 9 })).map(([text, much, at, less]) => {
    const ends = Array.from(text.matchAll(/>/g), ({ index }) => index + 1);
    const index = ends[at % ends.length] ?? 0;
    return text.slice(0, index) + much.slice(less) + text.slice(index);
  });
}

function anyOf(source: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const text = fc
    .tuple(
      declaration,
      fc.oneof(
        { arbitrary: source, weight: 2 },
        damaged(source),
        mixed(source),
        attributed(source),
        lengthened(source),
      ),
    )
    .map((parts) => parts.join(''));
  const fault = fc.tuple(fc.nat(), fc.constantFrom(...BYTES));
  return fc.tuple(text, oneIn(5, fault, [0, []])).map(([xml, [at, put]]) => {
    const bytes = Buffer.from(xml);
    const index = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, index), Buffer.from(put), bytes.subarray(index)]);
  });
}

/** Up to three first-level elements, and the end tag or not. */
export const anyStream: fc.Arbitrary<Buffer> = anyOf(
  fc
    .tuple(randomStream, fc.boolean())
    .map(([{ header, content, endTag }, ends]) => header + content + (ends ? endTag : '')),
);

export const anyDocument: fc.Arbitrary<Buffer> = anyOf(
  fc.oneof(
    randomDocument,
    randomBody.map(({ xml }) => xml),
    pieces,
  ),
);

export const places: fc.Arbitrary<number[]> = fc.array(fc.nat(), { maxLength: 12 });
