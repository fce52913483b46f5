import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { standAlone } from '../../src/xml/graft.ts';
import { readDocument, XmlError } from '../../src/xml/reader.ts';
import { childInfosets, faultsOf, infoset } from '../support/infoset.ts';
import { cut, damaged, randomBody, randomDocument, randomStream } from '../support/random-xml.ts';
import { readerWithLog } from '../support/xml.ts';

const RUNS = { numRuns: 2000 };
const places = fc.array(fc.nat(), { maxLength: 12 });

/** libxml2 wants namespace names to be URIs, which Namespaces in XML leaves to those who use them. */
function isReal(fault: string): boolean {
  return !/ is not (a valid URI|absolute)$/.test(fault);
}

/** What a stream reader tells of the pieces, and whether it refused them. */
function told(pieces: readonly Uint8Array[]): unknown {
  const { reader, log } = readerWithLog();
  let refused = false;
  try {
    for (const piece of pieces) reader.write(piece);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    refused = true;
  }
  const { headers, elements, ended } = log;
  return { headers: headers.length, elements, raws: log.slices.map(({ raw }) => raw), ended, refused };
}

test('UP-XML-06: any split of the input gives the same slices', () => {
  fc.assert(
    fc.property(randomStream, places, ({ header, content, endTag }, at) => {
      const bytes = Buffer.from(header + content + endTag);
      assert.deepEqual(told(cut(bytes, at)), told([bytes]));
    }),
    RUNS,
  );
});

test('UP-XML-06: any split of damaged input tells the same before it is refused', () => {
  const stream = damaged(randomStream.map(({ header, content, endTag }) => header + content + endTag));
  fc.assert(
    fc.property(stream, places, (text, at) => {
      const bytes = Buffer.from(text);
      assert.deepEqual(told(cut(bytes, at)), told([bytes]));
    }),
    RUNS,
  );
});

test('UP-XML-03: whatever is damaged, each slice that is told is a document of its own', () => {
  const stream = damaged(randomStream.map(({ header, content, endTag }) => header + content + endTag));
  fc.assert(
    fc.property(stream, places, (text, at) => {
      const { reader, log } = readerWithLog();
      try {
        for (const piece of cut(Buffer.from(text), at)) reader.write(piece);
      } catch (error) {
        if (!(error instanceof XmlError)) throw error;
      }
      for (const element of log.elements) assert.deepEqual(faultsOf(element).filter(isReal), [], element);
    }),
    RUNS,
  );
});

/** Stanzas keep the language in force; other elements keep what they say themselves (RFC 6120 §8.1.5). */
function expectedOf(xml: string): string[] {
  const effective = childInfosets(xml);
  const own = childInfosets(xml, { lang: 'own' });
  return effective.map((stanza, i) => (stanza.startsWith('{jabber:client}') ? stanza : (own[i] ?? '')));
}

test('NS-01: elements of a stream keep their infoset as documents of their own', () => {
  fc.assert(
    fc.property(randomStream, ({ header, content, endTag }) => {
      const { reader, log } = readerWithLog();
      reader.write(Buffer.from(header + content));
      const expected = expectedOf(header + content + endTag);
      assert.deepEqual(
        log.elements.map((xml) => infoset(xml, { lang: 'own' })),
        expected,
      );
    }),
    RUNS,
  );
});

test('NS-01, NS-02: payloads of a body keep their infoset, but for the legacy namespace', () => {
  fc.assert(
    fc.property(randomBody, ({ xml, legacy }) => {
      const meant = (text: string): string =>
        legacy ? text.replaceAll('{http://jabber.org/protocol/httpbind}', '{jabber:client}') : text;
      const outputs = readDocument(xml, 'children').slices.map(standAlone);
      const effective = childInfosets(xml).map(meant);
      const own = childInfosets(xml, { lang: 'own' }).map(meant);
      const expected = effective.map((stanza, i) => (stanza.startsWith('{jabber:client}') ? stanza : own[i]));
      assert.deepEqual(
        outputs.map((output) => infoset(output, { lang: 'own' })),
        expected,
      );
    }),
    RUNS,
  );
});

test('NS-01: a message keeps its infoset', () => {
  fc.assert(
    fc.property(randomDocument, (xml) => {
      const [output = ''] = readDocument(xml, 'root').slices.map(standAlone);
      assert.equal(infoset(output), infoset(xml));
    }),
    RUNS,
  );
});

test('NS-09: elements of jabber:client go without a prefix, those of the streams namespace with `stream`', () => {
  fc.assert(
    fc.property(randomStream, ({ header, content }) => {
      const { reader, log } = readerWithLog();
      reader.write(Buffer.from(header + content));
      log.slices.forEach(({ ns, name }, i) => {
        const start =
          ns === 'jabber:client' ? `<${name}` : ns === 'http://etherx.jabber.org/streams' ? `<stream:${name}` : '<';
        assert.ok(log.elements[i]?.startsWith(start), log.elements[i]);
      });
    }),
    RUNS,
  );
});

test('UP-XML-03: a damaged document is accepted where libxml2 accepts it, and refused where it does not', () => {
  fc.assert(
    fc.property(damaged(randomDocument), (xml) => {
      let code = 'accepted';
      try {
        readDocument(xml, 'root');
      } catch (error) {
        if (!(error instanceof XmlError)) throw error;
        code = error.code;
      }
      // Restricted XML and limits: RFC 6120 §11.1 and §13.12 forbid more than XML does.
      fc.pre(code === 'accepted' || code === 'not-well-formed');
      const faults = faultsOf(xml);
      fc.pre(faults.every(isReal));
      assert.equal(code === 'accepted', faults.length === 0, `${code}; libxml2: ${faults.join('; ')}`);
    }),
    { numRuns: 4000 },
  );
});

test('BOSH-BODY-06: no bytes make the readers throw anything but XmlError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), damaged(randomDocument), fc.nat(), (noise, xml, at) => {
      const bytes = Buffer.from(xml);
      const where = at % (bytes.length + 1);
      const mixed = Buffer.concat([bytes.subarray(0, where), noise, bytes.subarray(where)]);
      for (const read of [
        () => readDocument(mixed, 'children'),
        () => readDocument(mixed, 'root'),
        () => told([mixed]),
      ]) {
        try {
          read();
        } catch (error) {
          assert.ok(error instanceof XmlError, String(error));
        }
      }
    }),
    RUNS,
  );
});
