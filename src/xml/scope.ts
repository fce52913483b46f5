import { XmlError } from './limits.ts';

const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';
/** UTF-16 units of a namespace. A longer one is no name, but work for those who compare it. */
const MAX_NAMESPACE = 4096;
const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/';

const NONE: ReadonlyMap<string, string> = new Map();

/** The namespaces in force (Namespaces in XML 1.0 §6). Finding one costs the same however many are declared. */
export class Scope {
  /** The default namespace; '' where there is none. */
  default = '';
  /** Prefix → namespace, without the default one. */
  readonly #bound = new Map<string, string>();
  /** What was in force before the first element. */
  #outer: ReadonlyMap<string, string> = NONE;
  /** What each declaration has hidden, in the order in which they came. */
  readonly #prefixes: string[] = [];
  readonly #hidden: (string | undefined)[] = [];

  /** Undefined where the prefix is not declared. */
  resolve(prefix: string): string | undefined {
    if (prefix === '') return this.default;
    if (prefix === 'xml') return XML_NAMESPACE;
    return this.#bound.get(prefix) ?? this.#outer.get(prefix);
  }

  /** Begins inside of an element that has declared these; the default namespace under ''. */
  enter(namespaces: ReadonlyMap<string, string>): void {
    this.#outer = namespaces;
    this.default = namespaces.get('') ?? '';
  }

  /** The default namespace is declared for ''. Throws `XmlError` for what may not be declared. */
  declare(prefix: string, namespace: string): void {
    if (namespace.length > MAX_NAMESPACE) throw new XmlError('policy-violation', 'namespace too long');
    checkDeclaration(prefix, namespace);
    this.#prefixes.push(prefix);
    this.#hidden.push(prefix === '' ? this.default : this.#bound.get(prefix));
    if (prefix === '') this.default = namespace;
    else this.#bound.set(prefix, namespace);
  }

  /** The element is over that made the last declarations. */
  leave(declarations: number): void {
    for (let left = declarations; left > 0; left--) {
      const prefix = this.#prefixes.pop() as string;
      const hidden = this.#hidden.pop();
      if (prefix === '') this.default = hidden as string;
      else if (hidden === undefined) this.#bound.delete(prefix);
      else this.#bound.set(prefix, hidden);
    }
  }

  clear(): void {
    this.leave(this.#prefixes.length);
    this.#outer = NONE;
    this.default = '';
  }
}

/** Namespaces in XML 1.0 §2.2 and §3: Reserved Prefixes and Namespace Names, No Prefix Undeclaring. */
function checkDeclaration(prefix: string, namespace: string): void {
  const isRight =
    prefix === 'xml'
      ? namespace === XML_NAMESPACE
      : prefix !== 'xmlns' &&
        namespace !== XML_NAMESPACE &&
        namespace !== XMLNS_NAMESPACE &&
        (namespace !== '' || prefix === '');
  if (!isRight) throw new XmlError('not-well-formed', `namespace declaration of ${prefix.slice(0, 40)}`);
}
