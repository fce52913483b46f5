import * as fc from 'fast-check';

/** Random namespace-well-formed XML, in every spelling that restricted XML allows. */

const URIS = [
  '',
  'jabber:client',
  'http://etherx.jabber.org/streams',
  'urn:x',
  'urn:x:%C3%A9?a&amp;b',
  'jabber:server',
];
const PREFIXES = ['', 'a', 'c', 'stream', 'xmpp', '__proto__'];
const NAMES = ['message', 'body', 'iq', 'x', 'constructor', 'été', 'features', 'error'];
const TEXTS = [
  '',
  ' ',
  'hi',
  'a:b',
  '😀',
  '&amp;',
  '&lt;',
  '&#13;',
  '&#x1F600;',
  '\r\n',
  '\t',
  "'",
  '"',
  '>',
  ']]&gt;',
  'é',
];
const SECTIONS = ['<![CDATA[<x>&]]>', '<![CDATA[]]]]>', '<![CDATA[a:b]]>', '<![CDATA[]]>'];
const LANGS = ['en', 'de', ''];

interface Tree {
  readonly prefix: string;
  readonly name: string;
  readonly declarations: readonly (readonly [string, string])[];
  readonly attributes: readonly (readonly [string, string, string])[];
  readonly lang: string | undefined;
  readonly children: readonly (Tree | string)[];
  readonly double: boolean;
  readonly space: string;
}

export type Scope = ReadonlyMap<string, string>;

const declaration = fc.tuple(fc.constantFrom(...PREFIXES), fc.constantFrom(...URIS));
const text = fc.array(fc.constantFrom(...TEXTS, ...SECTIONS), { maxLength: 3 }).map((parts) => parts.join(''));
const value = fc
  .array(fc.constantFrom(...TEXTS, " xmlns='urn:fake' ", 'a:b', '/'), { maxLength: 3 })
  .map((parts) => parts.join(''));

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    prefix: fc.constantFrom(...PREFIXES),
    name: fc.constantFrom(...NAMES),
    declarations: fc.array(declaration, { maxLength: 2 }),
    attributes: fc.array(fc.tuple(fc.constantFrom(...PREFIXES), fc.constantFrom(...NAMES), value), { maxLength: 3 }),
    lang: fc.option(fc.constantFrom(...LANGS), { nil: undefined, freq: 4 }),
    children: fc.array(fc.oneof({ depthSize: 'small', maxDepth: 4 }, text, tie('tree')), { maxLength: 3 }),
    double: fc.boolean(),
    space: fc.constantFrom(' ', '\n\t', '  '),
  }),
}));

function quoted(name: string, raw: string, double: boolean, space: string): string {
  const quote = double ? '"' : "'";
  return `${space}${name}=${quote}${raw.replaceAll(quote, double ? '&quot;' : '&apos;')}${quote}`;
}

function declare(declarations: Tree['declarations'], scope: Scope): { scope: Scope; own: Map<string, string> } {
  // No prefix can be bound to nothing.
  const own = new Map(declarations.filter(([prefix, uri]) => prefix === '' || uri !== ''));
  return { scope: new Map([...scope, ...own]), own };
}

function render(node: Tree, around: Scope): string {
  const { scope, own } = declare(node.declarations, around);
  const name = node.prefix !== '' && scope.has(node.prefix) ? `${node.prefix}:${node.name}` : node.name;
  const parts = [...own].map(([prefix, uri]) =>
    quoted(prefix === '' ? 'xmlns' : `xmlns:${prefix}`, uri, node.double, node.space),
  );
  const used = new Set<string>();
  for (const [prefix, local, raw] of node.attributes) {
    const bound = prefix !== '' && scope.has(prefix);
    const expanded = `${bound ? scope.get(prefix) : ''} ${local}`;
    if (used.has(expanded)) continue;
    used.add(expanded);
    parts.push(quoted(bound ? `${prefix}:${local}` : local, raw, !node.double, node.space));
  }
  if (node.lang !== undefined) parts.splice(1, 0, quoted('xml:lang', node.lang, node.double, ' '));
  const inside = node.children.map((child) => (typeof child === 'string' ? child : render(child, scope))).join('');
  if (inside === '' && node.double) return `<${name}${parts.join('')}/>`;
  return `<${name}${parts.join('')}${node.double ? '\n' : ''}>${inside}</${name}${node.double ? ' ' : ''}>`;
}

/** The children of a root whose declarations are `around`. */
function payloads(around: Scope): fc.Arbitrary<string> {
  return fc
    .array(fc.tuple(fc.constantFrom('', ' ', '\n\t '), tree), { minLength: 1, maxLength: 3 })
    .map((nodes) => nodes.map(([space, node]) => space + render(node, around)).join(''));
}

const context = fc.record({
  declarations: fc.array(declaration, { maxLength: 4 }),
  lang: fc.option(fc.constantFrom(...LANGS), { nil: undefined }),
});

export interface RandomStream {
  readonly header: string;
  readonly content: string;
  readonly endTag: string;
}

/** A stream: its header binds `s` to the streams namespace, and anything to anything else. */
export const randomStream: fc.Arbitrary<RandomStream> = context.chain(({ declarations, lang }) => {
  const { scope, own } = declare(declarations, new Map([['s', 'http://etherx.jabber.org/streams']]));
  const bindings = [...own].map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}='${uri}'`).join('');
  const language = lang === undefined ? '' : ` xml:lang='${lang}'`;
  const header = `<s:stream xmlns:s='http://etherx.jabber.org/streams'${bindings}${language}>`;
  return payloads(scope).map((content) => ({ header, content, endTag: '</s:stream>' }));
});

/** A BOSH body; its default namespace is BOSH's own where `legacy`. */
export const randomBody: fc.Arbitrary<{ xml: string; legacy: boolean }> = fc
  .tuple(context, fc.boolean())
  .chain(([{ declarations, lang }, legacy]) => {
    const { scope, own } = declare(
      declarations.filter(([prefix]) => prefix !== '' || !legacy),
      new Map(),
    );
    const bindings = [...own].map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}='${uri}'`).join('');
    const language = lang === undefined ? '' : ` xml:lang='${lang}'`;
    const name = legacy ? 'body' : 'b:body';
    const start = `<${name} xmlns${legacy ? '' : ':b'}='http://jabber.org/protocol/httpbind'${bindings}${language} rid='1'>`;
    return payloads(scope).map((content) => ({ xml: `${start}${content}</${name}>`, legacy }));
  });

/** One element, standing alone. */
export const randomDocument: fc.Arbitrary<string> = tree.map((node) => render(node, new Map()));

const DEBRIS = [
  ...Array.from('<>/\'"&;:=! \n[]-?x1'),
  ']]>',
  '<!',
  '<?',
  '&#',
  '<![CDATA[',
  '</',
  '/>',
  'xmlns',
  'xmlns:a=',
  'xml:',
  '\u0001',
  '\ufffe',
  'é',
  '&amp;',
  '<a>',
  '</a>',
];

/** Text with a few places damaged. */
export function damaged(source: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const damage = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.constantFrom('', '', ...DEBRIS));
  return fc.tuple(source, fc.array(damage, { minLength: 1, maxLength: 3 })).map(([xml, places]) => {
    let points = Array.from(xml);
    for (const [at, gone, put] of places) {
      const index = at % (points.length + 1);
      points = [...points.slice(0, index), ...Array.from(put), ...points.slice(index + gone)];
    }
    return points.join('');
  });
}

/** Bytes cut at random places, inside characters too. */
export function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...at].map((start, i) => bytes.subarray(start, at[i] ?? bytes.length));
}
