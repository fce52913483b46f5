/** What travels in every scenario, so that whoever gets it back can tell whose it is, which one, and whether it is whole. */
const OPEN = '[[';
const CLOSE = ']]';

/** A message of this size is a short chat message (bytes). */
export const CHAT_BYTES = 200;

/** Through a relay that knows no end of a session: the sink sends no more, and closes. */
export const BYE = '<bye/>';

/** The domain that the sink speaks for. */
export const SINK_DOMAIN = 'bench.test';

export const STREAMS = 'http://etherx.jabber.org/streams';

/** How a stream begins, through a relay that knows of no streams. */
export const STREAM_HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='${SINK_DOMAIN}' version='1.0' xmlns:stream='${STREAMS}'>`;

const fillers = new Map<number, string>();

/** Always the same text for a size: what comes back is compared with it. */
function filler(bytes: number): string {
  let text = fillers.get(bytes);
  if (text === undefined) {
    // Some of what chats have, and characters that must be escaped: a gateway that decodes and encodes again pays for it.
    const words = 'and then she said &lt;3 to all of us, so we went home &amp; slept. ';
    text = words.repeat(Math.ceil(bytes / words.length)).slice(0, bytes);
    // Not in the middle of a reference.
    text = text.replace(/&[a-z]*$/, (cut) => '-'.repeat(cut.length));
    fillers.set(bytes, text);
  }
  return text;
}

/** A chat message of about that many bytes. */
export function messageOf(owner: number, sequence: number, to: string, bytes: number): string {
  const head = `<message xmlns='jabber:client' to='${to}' type='chat' id='${owner}-${sequence}'><body>`;
  const mark = `${OPEN}${owner}:${sequence}:`;
  const tail = `${CLOSE}</body></message>`;
  return head + mark + filler(Math.max(0, bytes - head.length - mark.length - tail.length)) + tail;
}

/** Reads the messages that come back to one owner, and keeps count of what is wrong with them. */
export class Checker {
  received = 0;
  repeated = 0;
  /** Came before one that was sent earlier, or in its place. */
  disordered = 0;
  /** Another owner's, or not the text that was sent. */
  corrupt = 0;
  readonly #owner: number;
  readonly #bytes: number;
  readonly #onMessage: (sequence: number) => void;
  #rest = '';
  #next = 0;
  #to = '';

  constructor(owner: number, bytes: number, onMessage: (sequence: number) => void) {
    this.#owner = owner;
    this.#bytes = bytes;
    this.#onMessage = onMessage;
  }

  /** Where messages go: a part of their size. */
  set to(address: string) {
    this.#to = address;
  }

  /** Text as it comes, in any pieces. */
  read(text: string): void {
    const all = this.#rest === '' ? text : this.#rest + text;
    let at = 0;
    for (;;) {
      const start = all.indexOf(OPEN, at);
      if (start < 0) break;
      const end = all.indexOf(CLOSE, start);
      if (end < 0) {
        this.#rest = all.slice(start);
        return;
      }
      at = end + CLOSE.length;
      this.#check(all.slice(start, at));
    }
    // The mark itself may be cut.
    this.#rest = all.endsWith(OPEN[0] ?? '') ? (OPEN[0] ?? '') : '';
  }

  #check(mark: string): void {
    const match = /^\[\[(\d+):(\d+):/.exec(mark);
    const sequence = Number(match?.[2] ?? -1);
    const sent = messageOf(this.#owner, sequence, this.#to, this.#bytes);
    if (match === null || Number(match[1]) !== this.#owner || !sent.includes(mark)) {
      this.corrupt++;
      return;
    }
    if (sequence < this.#next) {
      this.repeated++;
      return;
    }
    if (sequence > this.#next) this.disordered++;
    this.#next = sequence + 1;
    this.received++;
    this.#onMessage(sequence);
  }
}
