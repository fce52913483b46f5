import { standAlone } from '../../src/xml/graft.ts';
import { StreamReader, type RootTag, type Slice, type XmlLimits } from '../../src/xml/reader.ts';

/** What a stream reader told, in order. */
export interface StreamLog {
  readonly headers: RootTag[];
  readonly slices: Slice[];
  /** The slices as they go to the other side. */
  readonly elements: string[];
  ended: number;
}

export function readerWithLog(limits?: XmlLimits): { reader: StreamReader; log: StreamLog } {
  const log: StreamLog = { headers: [], slices: [], elements: [], ended: 0 };
  const reader = new StreamReader(
    {
      header: (root) => void log.headers.push(root),
      element(slice) {
        log.slices.push(slice);
        log.elements.push(standAlone(slice));
      },
      end: () => void log.ended++,
    },
    limits,
  );
  return { reader, log };
}

/** Reads a stream in the given pieces. Throws what the reader throws. */
export function readStream(...pieces: (string | Uint8Array)[]): StreamLog {
  const { reader, log } = readerWithLog();
  for (const piece of pieces) reader.write(typeof piece === 'string' ? Buffer.from(piece) : piece);
  return log;
}
