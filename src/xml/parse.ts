import { READ_BEFORE, type XmlLimits } from './limits.ts';
import type { ScannerShape } from './scanner.ts';
import type { StartTag } from './start-tag.ts';
import { charData, lineEnds } from './text.ts';
import { bytesOf, scanWhole } from './whole.ts';

export interface Attribute {
  /** As it is written. */
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
  readonly ns: string;
  readonly value: string;
  readonly isDeclaration: boolean;
}

/** A start tag, or the tag of an empty element. */
export interface Tag {
  /** As it is written. */
  readonly qualifiedName: string;
  readonly name: string;
  readonly prefix: string;
  readonly ns: string;
  /** Prefix → namespace; the default namespace under ''. */
  readonly declarations: ReadonlyMap<string, string>;
  /** In the order in which they are written, declarations among them. */
  readonly attributes: readonly Attribute[];
}

export interface ParseHandlers {
  open(tag: Tag): void;
  close(): void;
  text(text: string): void;
}

const DOCUMENT: ScannerShape = { sliceDepth: 1, isStream: false };

/** Tells of all that is in a document. For the rare element that is not passed on as it came. Throws `XmlError`. */
export function parse(xml: string, handlers: ParseHandlers, limits: XmlLimits = READ_BEFORE): void {
  scanWhole(bytesOf(xml), DOCUMENT, limits, {
    startTag: ({ tag }) => handlers.open(tagOf(tag)),
    endTag: () => handlers.close(),
    text({ source }, start, end, isSection) {
      const written = source.text(start, end);
      handlers.text(isSection ? lineEnds(written) : charData(written));
    },
  });
}

function tagOf(tag: StartTag): Tag {
  const declarations = new Map<string, string>();
  for (let i = 0; i < tag.declarations; i++) declarations.set(tag.declaredPrefix(i), tag.declaredNamespace(i));
  const attributes: Attribute[] = [];
  for (let i = 0; i < tag.attributes; i++) {
    attributes.push({
      name: tag.nameOf(i),
      prefix: tag.prefixOf(i),
      local: tag.localNameOf(i),
      ns: tag.namespaceOf(i),
      value: tag.valueOf(i),
      isDeclaration: tag.isDeclaration(i),
    });
  }
  const { qualifiedName, localName: name, prefix, ns } = tag;
  return { qualifiedName, name, prefix, ns, declarations, attributes };
}
