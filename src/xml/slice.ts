/** The namespaces and the language that an element inherits from what stands around it. */
export interface Context {
  /** Prefix → namespace; the default namespace under ''. `xml` is never in it. */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly lang: string | undefined;
}

export const NO_CONTEXT: Context = { namespaces: new Map(), lang: undefined };

/** An element as it stood in the text, and what has to be known to move it elsewhere. */
export interface Slice {
  readonly raw: string;
  /** Where `raw` began in the document (UTF-16 units); in a stream it has no meaning. */
  readonly start: number;
  readonly qualifiedName: string;
  readonly name: string;
  readonly prefix: string;
  readonly ns: string;
  /** Declarations on the element itself. */
  readonly declared: Context;
  /** True where jabber:client or the streams namespace is spelled with another prefix than clients understand. */
  readonly foreign: boolean;
  /** What the element inherits. */
  readonly context: Context;
}

/** An opening tag: of a stream, or of a document's root. */
export interface RootTag {
  readonly name: string;
  readonly ns: string;
  /** Attributes that are no declarations, by `name`, or `{namespace}name` where they have one. */
  readonly attributes: ReadonlyMap<string, string>;
  /** What its children inherit. */
  readonly context: Context;
}
