import { GatewayError } from '../core/errors.ts';
import type { RestartAttributes, StreamHeader, StreamRequest } from '../core/ports.ts';
import { NS } from '../xml/ns.ts';
import { XmlError, type RootTag } from '../xml/reader.ts';
import { attributes } from '../xml/write.ts';

/** Our stream header (RFC 6120 §4.7). Nothing of the client's is in it but these values, escaped. */
function renderHeader({ to, from, lang }: StreamHeader, more: Readonly<Record<string, string>> = {}): string {
  const own = { xmlns: NS.client, 'xmlns:stream': NS.streams, to };
  return `<?xml version='1.0'?><stream:stream${attributes({ ...own, from, version: '1.0', 'xml:lang': lang, ...more })}>`;
}

/** The headers of a stream and of its restarts, which change only what they say themselves. */
export class Greeting {
  readonly #to: string;
  #attributes: RestartAttributes;

  constructor(request: StreamRequest) {
    this.#to = request.to;
    this.#attributes = request;
  }

  restart(given: RestartAttributes): void {
    const { from, lang, headerAttributes } = this.#attributes;
    this.#attributes = {
      from: given.from ?? from,
      lang: given.lang ?? lang,
      headerAttributes: given.headerAttributes ?? headerAttributes,
    };
  }

  /** Before TLS: the client's JID is nobody's business (RFC 6120 §4.7.1), and neither is what else it says. */
  get beforeTls(): string {
    return renderHeader({ to: this.#to, lang: this.#attributes.lang });
  }

  render(isSecured: boolean): string {
    const { from, lang, headerAttributes } = this.#attributes;
    return renderHeader({ to: this.#to, from: isSecured ? from : undefined, lang }, headerAttributes);
  }
}

/** The server's stream header. Throws `XmlError` for a root that is none, and `GatewayError` for a version below 1.0. */
export function readHeader({ name, ns, attributes: values, context }: RootTag): StreamHeader {
  if (name !== 'stream' || ns !== NS.streams || ![...context.namespaces.values()].includes(NS.client)) {
    throw new XmlError('invalid-namespace', `the server's root is {${ns.slice(0, 80)}}${name.slice(0, 40)}`);
  }
  // A server before 1.0 sends no features, and so offers no way to log in (RFC 6120 §4.7.5).
  const version = values.get('version');
  if (version === undefined || !/^[1-9]\d*\.\d+$/.test(version)) {
    throw new GatewayError('unsupported-version', `the server's stream has version ${version?.slice(0, 20) ?? 'none'}`);
  }
  return { from: values.get('from'), to: values.get('to'), id: values.get('id'), version, lang: context.lang };
}
