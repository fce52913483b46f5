import * as fc from 'fast-check';
import { cut } from '../support/random-xml.ts';
import { anyDocument, anyStream, places } from './xml-cases.ts';
import { agreeOnDocument, agreeOnSplit, agreeOnStream, agreeOnText, agreeWithLibxml2 } from './xml-oracles.ts';

interface Input {
  readonly bytes: Buffer;
  readonly at: readonly number[];
}

/** What is checked of random input: some of it by the tests, much of it by `npm run fuzz`. */
export interface Check {
  readonly title: string;
  readonly arbitrary: fc.Arbitrary<Input>;
  /** Throws where readers disagree. Returns whether the input was accepted, where that is told. */
  check(input: Input): boolean | void;
  /** The share of the input that has to be accepted, for the check to be worth something. */
  readonly leastAccepted: number;
}

const streams = fc.record({ bytes: anyStream, at: places });
const documents = fc.record({ bytes: anyDocument, at: fc.constant([]) });

export const CHECKS: readonly Check[] = [
  {
    title: 'UP-XML-06: any split of any input tells the same and refuses the same',
    arbitrary: streams,
    check: ({ bytes, at }) => agreeOnSplit(bytes, cut(bytes, at)),
    leastAccepted: 0,
  },
  {
    title: 'UP-XML-03: streams are told and refused as saxes does',
    arbitrary: streams,
    check: ({ bytes }) => agreeOnStream(bytes),
    leastAccepted: 0.2,
  },
  {
    title: 'UP-XML-03: messages are read and refused as saxes does',
    arbitrary: documents,
    check: ({ bytes }) => agreeOnDocument(bytes, 'root'),
    leastAccepted: 0.2,
  },
  {
    title: 'BOSH-BODY-06: bodies are read and refused as saxes does',
    arbitrary: documents,
    check: ({ bytes }) => agreeOnDocument(bytes, 'children'),
    leastAccepted: 0.1,
  },
  {
    title: 'BOSH-BODY-06: text is read as its bytes are',
    arbitrary: documents,
    check({ bytes }) {
      agreeOnText(bytes, 'root');
      agreeOnText(bytes, 'children');
    },
    leastAccepted: 0,
  },
  {
    title: 'UP-XML-03: documents are accepted where libxml2 accepts them, and mean the same when they are written anew',
    arbitrary: documents,
    check: ({ bytes }) => agreeWithLibxml2(bytes),
    leastAccepted: 0.2,
  },
];
