import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';
import type { AddressInfo } from 'node:net';

const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mp3': 'audio/mpeg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Converse</title>
<link rel="stylesheet" href="/dist/converse.min.css">
<script type="module" src="/dist/converse.min.js"></script>
<script type="module" src="settings.js"></script></head><body></body></html>`;

/** Serves a page with Converse, as a site would: on its own origin, with caching and a strict content policy. */
export interface PageServer {
  /** Where Converse's files are. */
  readonly dist: string;
  /** Adds a page with these Converse settings; its URL. */
  add(settings: object): string;
  /** Adds a page of these files, by name; the one without a name is the page itself. Its URL. */
  addFiles(files: Readonly<Record<string, string | Buffer>>): string;
  stop(): Promise<void>;
}

/** `connect`: where its pages may connect to, beside this machine. */
export async function startPageServer(connect = ''): Promise<PageServer> {
  const dist = dirname(createRequire(import.meta.url).resolve('converse.js/dist/converse.min.js'));
  const pages: Readonly<Record<string, string | Buffer>>[] = [];
  const policy =
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
    "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; " +
    `connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:* ${connect}`;

  async function find(path: string): Promise<string | Buffer | undefined> {
    const [, kind, rest] = /^\/(dist|pages)\/(.*)$/.exec(path) ?? [];
    if (kind === 'dist') return readFile(join(dist, normalize(`/${rest}`))).catch(() => undefined);
    const [, number, file = ''] = /^(\d+)\/(.*)$/.exec(rest ?? '') ?? [];
    return pages[Number(number)]?.[file];
  }

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    void find(pathname).then((content) => {
      const type = pathname.endsWith('/') ? types['.html'] : types[extname(pathname)];
      response.writeHead(content === undefined ? 404 : 200, {
        'Content-Type': type ?? 'application/octet-stream',
        'Cache-Control': 'max-age=3600',
        // For pages of other sites, which load Converse from here.
        'Access-Control-Allow-Origin': '*',
        'Content-Security-Policy': policy,
      });
      response.end(content ?? 'nothing here');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  function addFiles(files: Readonly<Record<string, string | Buffer>>): string {
    return `http://127.0.0.1:${port}/pages/${pages.push(files) - 1}/`;
  }
  return {
    dist: `http://127.0.0.1:${port}/dist`,
    add: (settings) => addFiles({ '': page, 'settings.js': `converse.initialize(${JSON.stringify(settings)});` }),
    addFiles,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
