import { NS } from './ns.ts';
import { parse } from './parse.ts';
import { escapeAttribute, escapeText } from './write.ts';

interface Frame {
  readonly name: string;
  /** Prefix → namespace as written so far; the default under ''. */
  readonly scope: ReadonlyMap<string, string>;
  /** True where the default namespace in force is the root's own, which is BOSH's and means jabber:client. */
  readonly legacy: boolean;
}

/**
 * Writes a stand-alone element anew with the prefixes that clients and servers match by name: none for jabber:client,
 * `stream` for the streams namespace (RFC 6120 §4.8.5; conformance D2, A-31). The rare way: other elements pass as they came.
 *
 * `legacyRoot`: the root's own default namespace is BOSH's and means jabber:client, for it and all who inherit it; a
 * declaration of BOSH's namespace further down is data (NS-02, NSV-04, NSV-05).
 */
export function rewrite(xml: string, legacyRoot = false): string {
  let out = '';
  let inOpenTag = false;
  const frames: Frame[] = [];

  const endOpenTag = (): void => {
    if (inOpenTag) out += '>';
    inOpenTag = false;
  };
  parse(xml, {
    open(tag) {
      endOpenTag();
      const parent = frames.at(-1);
      const scope = new Map(parent?.scope);
      let declarations = '';
      /** Prefixes that this element's own name or declarations have settled. */
      const taken = new Set<string>();
      const bind = (prefix: string, ns: string): void => {
        taken.add(prefix);
        if (prefix === 'xml' || (scope.get(prefix) ?? '') === ns) return;
        scope.set(prefix, ns);
        declarations += ` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}='${escapeAttribute(ns)}'`;
      };

      const legacy = parent === undefined ? legacyRoot : parent.legacy && !tag.declarations.has('');
      const ns = legacy && tag.prefix === '' && tag.ns === NS.httpbind ? NS.client : tag.ns;
      const prefix = ns === NS.client ? '' : ns === NS.streams ? 'stream' : tag.prefix;
      bind(prefix, ns);
      for (const [declared, namespace] of tag.declarations) {
        if (declared !== '' && !taken.has(declared)) bind(declared, namespace);
      }
      let attributes = '';
      for (const attribute of tag.attributes) {
        if (attribute.isDeclaration) continue;
        let { name } = attribute;
        if (attribute.prefix !== '' && attribute.prefix !== 'xml') {
          // The element itself may have taken this prefix for another namespace: then the attribute gets one of its own.
          let free = attribute.prefix;
          while (taken.has(free) && scope.get(free) !== attribute.ns) free += '_';
          bind(free, attribute.ns);
          name = `${free}:${attribute.local}`;
        }
        attributes += ` ${name}='${escapeAttribute(attribute.value)}'`;
      }
      const name = prefix === '' ? tag.name : `${prefix}:${tag.name}`;
      out += `<${name}${declarations}${attributes}`;
      inOpenTag = true;
      frames.push({ name, scope, legacy });
    },
    close() {
      const { name } = frames.pop() as Frame;
      out += inOpenTag ? '/>' : `</${name}>`;
      inOpenTag = false;
    },
    text(text) {
      endOpenTag();
      out += escapeText(text);
    },
  });
  return out;
}
