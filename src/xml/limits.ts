/** Why XML was refused; each is an RFC 6120 §4.9.3 stream error condition. */
export type XmlErrorCode =
  | 'not-well-formed'
  | 'restricted-xml'
  | 'unsupported-encoding'
  | 'policy-violation'
  | 'bad-format'
  | 'invalid-namespace';

/** What is no XML, or more of it than is taken: match on `code`. */
export class XmlError extends Error {
  readonly code: XmlErrorCode;
  constructor(code: XmlErrorCode, message: string) {
    super(message);
    this.name = 'XmlError';
    this.code = code;
  }
}

/** What one document or one first-level element may hold. */
export interface XmlLimits {
  /** UTF-8 bytes of one first-level element of a stream, or of a whole document. */
  readonly maxBytes: number;
  /** Open elements at once. Whoever makes a tree of them may go down it by recursion. */
  readonly maxDepth: number;
  /** Attributes of one element, namespace declarations among them. */
  readonly maxAttributes: number;
  /** UTF-16 units of one element or attribute name. */
  readonly maxNameLength: number;
  /** Namespace declarations of the root: each may have to be copied to each of its children. */
  readonly maxDeclarations: number;
  /** First-level elements of one document. */
  readonly maxChildren: number;
}

export const DEFAULT_XML_LIMITS: XmlLimits = {
  maxBytes: 524_288,
  maxDepth: 128,
  maxAttributes: 128,
  maxNameLength: 1024,
  maxDeclarations: 32,
  maxChildren: 1000,
};

/** For text that was read under limits before. */
export const READ_BEFORE: XmlLimits = {
  maxBytes: Infinity,
  maxDepth: Infinity,
  maxAttributes: Infinity,
  maxNameLength: Infinity,
  maxDeclarations: Infinity,
  maxChildren: Infinity,
};
