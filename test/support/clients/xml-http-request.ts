import { Agent, request, type ClientRequest } from 'node:http';
import { DOMParser } from '@xmldom/xmldom';

const agent = new Agent({ keepAlive: true });

/** The part of a browser's XMLHttpRequest that Strophe uses, over node:http. */
export class XmlHttpRequest {
  onreadystatechange: (() => void) | null = null;
  readyState = 0;
  status = 0;
  responseText = '';
  responseXML: ReturnType<DOMParser['parseFromString']> | null = null;
  #request: ClientRequest | undefined;
  #url = '';
  #method = 'GET';
  #headers: Record<string, string> = {};
  #responseHeaders = '';

  open(method: string, url: string): void {
    this.#method = method;
    this.#url = url;
    this.#change(1);
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  getAllResponseHeaders(): string {
    return this.#responseHeaders;
  }

  send(body: string): void {
    const data = Buffer.from(body);
    const headers = { ...this.#headers, 'Content-Length': data.length };
    const sent = request(this.#url, { agent, method: this.#method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        this.#request = undefined;
        this.status = response.statusCode ?? 0;
        this.#responseHeaders = Object.entries(response.headers)
          .map(([name, value]) => `${name}: ${String(value)}\r\n`)
          .join('');
        this.responseText = Buffer.concat(chunks).toString();
        try {
          this.responseXML = new DOMParser().parseFromString(this.responseText, 'text/xml');
        } catch {
          this.responseXML = null;
        }
        this.#change(4);
      });
      response.on('error', () => this.#fail());
    });
    this.#request = sent;
    sent.on('error', () => this.#fail());
    sent.end(data);
  }

  /** As in a browser: the connection is torn down, and the caller hears of it at once. */
  abort(): void {
    const sent = this.#request;
    this.#request = undefined;
    if (sent === undefined) return;
    sent.destroy();
    this.#change(4);
    this.readyState = 0;
  }

  #fail(): void {
    if (this.#request === undefined) return;
    this.#request = undefined;
    this.#change(4);
  }

  #change(state: number): void {
    this.readyState = state;
    this.onreadystatechange?.();
  }
}

/** A browser tab's sessionStorage. */
export class SessionStorage {
  readonly #items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

/** Gives Strophe what it looks for in a browser. */
export function installBrowserGlobals(): void {
  if (Reflect.get(globalThis, 'XMLHttpRequest') === XmlHttpRequest) return;
  for (const [name, value] of Object.entries({
    XMLHttpRequest: XmlHttpRequest,
    sessionStorage: new SessionStorage(),
  })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
