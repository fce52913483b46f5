import { XmlError } from './limits.ts';

/** XMLDecl (XML 1.0 §2.8, §4.3.1), with the version and the encoding in either kind of quotes. */
const S = '[ \\t\\r\\n]';
const pseudo = (name: string): string => `${S}+${name}${S}*=${S}*(?:"([A-Za-z0-9._:-]*)"|'([A-Za-z0-9._:-]*)')`;
const XML_DECL = new RegExp(
  `^<\\?xml${pseudo('version')}(?:${pseudo('encoding')})?(?:${pseudo('standalone')})?${S}*\\?>$`,
);

/** RFC 6120 §11.5, §11.6: XML 1.0 in UTF-8. Throws `XmlError` for any other. */
export function checkXmlDecl(written: string): void {
  const match = XML_DECL.exec(written);
  if (match === null) throw new XmlError('not-well-formed', 'malformed XML declaration');
  const version = match[1] ?? match[2];
  const encoding = match[3] ?? match[4];
  const standalone = match[5] ?? match[6] ?? 'no';
  if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') {
    if (!/^[A-Za-z]/.test(encoding)) throw new XmlError('not-well-formed', 'malformed encoding name');
    throw new XmlError('unsupported-encoding', `encoding ${encoding.slice(0, 40)}`);
  }
  if (version !== '1.0') throw new XmlError('not-well-formed', 'XML version is not 1.0');
  if (standalone !== 'yes' && standalone !== 'no') throw new XmlError('not-well-formed', 'malformed XML declaration');
}
