const TOKEN = /<(?:\?[^>]*\?>|!\[CDATA\[[\s\S]*?\]\]>|(\/)?([^\s/>!?]+)(?:"[^"]*"|'[^']*'|[^"'>/]|\/(?!>))*(\/)?>)/y;

/** Cuts what a client sends to a server into headers, first-level elements and end tags. Knows nothing of src/. */
export class StreamScanner {
  readonly #tell: (kind: 'header' | 'element' | 'end', text: string) => void;
  #text = '';
  #depth = 0;
  #from = 0;
  #at = 0;

  constructor(tell: (kind: 'header' | 'element' | 'end', text: string) => void) {
    this.#tell = tell;
  }

  write(text: string): void {
    this.#text += text;
    for (;;) {
      const start = this.#text.indexOf('<', this.#at);
      if (start < 0) return;
      TOKEN.lastIndex = start;
      const match = TOKEN.exec(this.#text);
      if (match === null) return;
      this.#at = TOKEN.lastIndex;
      if (match[2] !== undefined) this.#tag(match[2], start, match[1] !== undefined, match[3] !== undefined);
      if (this.#depth <= 1) {
        this.#text = this.#text.slice(this.#at);
        this.#at = 0;
      }
    }
  }

  #tag(name: string, start: number, isEnd: boolean, isEmpty: boolean): void {
    if (name === 'stream:stream') {
      this.#depth = isEnd ? 0 : 1;
      this.#tell(isEnd ? 'end' : 'header', this.#text.slice(start, this.#at));
      return;
    }
    if (!isEnd && this.#depth === 1) this.#from = start;
    if (!isEnd) this.#depth++;
    if (isEnd || isEmpty) this.#depth--;
    if (this.#depth === 1) this.#tell('element', this.#text.slice(this.#from, this.#at));
  }
}
