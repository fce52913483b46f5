/** As much of @xmpp/client 0.14, which has no types of its own, as the tests use. */
declare module '@xmpp/client' {
  export interface Element {
    readonly name: string;
    readonly attrs: Readonly<Record<string, string | undefined>>;
    getChild(name: string, xmlns?: string): Element | undefined;
    getChildren(name: string, xmlns?: string): Element[];
    getChildText(name: string, xmlns?: string): string | null;
    toString(): string;
  }

  export interface Client {
    readonly jid: { toString(): string } | null;
    readonly iqCaller: { request(iq: Element, timeoutMs?: number): Promise<Element> };
    readonly streamManagement: { readonly enabled: boolean; on(event: 'resumed', listener: () => void): unknown };
    readonly options: { readonly service: string; readonly domain: string };
    readonly reconnect: { stop(): void };
    readonly socket: { socket: { close(): void } | null } | null;
    start(): Promise<unknown>;
    connect(service: string): Promise<void>;
    open(options: { domain: string }): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: Element): Promise<void>;
    on(event: 'stanza' | 'send' | 'element', listener: (element: Element) => void): this;
    on(event: 'disconnect', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  export interface Options {
    readonly service: string;
    readonly domain: string;
    readonly username: string;
    readonly password: string;
    readonly resource?: string;
  }

  export function client(options: Options): Client;
  export function xml(name: string, attrs?: Record<string, string>, ...children: (Element | string)[]): Element;
}
