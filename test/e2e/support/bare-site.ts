/**
 * A page with nothing on it but the published build, from a server that answers as a test wants.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '../../..');
const FILES = ['worker.js', 'rescue-part.js', 'backup-worker.js', 'sql-wasm.wasm'];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** What is answered otherwise than by the file. */
export interface BareAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Options of {@link serveBareSite}. */
export interface BareSiteOptions {
  /** Where it listens. @defaultValue `127.0.0.1` */
  readonly host?: string;
  /** Where the page's script comes from. @defaultValue this site */
  readonly scriptsUrl?: string;
  /** As what the page's script is bundled. @defaultValue `esm` */
  readonly format?: 'esm' | 'iife';
  /** Other scripts, by their names: what they import of `./dist/` is bundled into them. */
  readonly scripts?: Readonly<Record<string, string>>;
  /** Changes an answer; by the path, without a slash at its beginning. */
  readonly answer?: (path: string) => BareAnswer | undefined;
}

/** A running site. */
export interface BareSite extends AsyncDisposable {
  readonly port: number;
  /** Without a slash at the end. */
  readonly url: string;
}

/** Serves a page whose `window.daybook` is what `daybook`, `daybook/application` and `daybook/sync` export, with the files of the workers beside its script. */
export async function serveBareSite(options: BareSiteOptions = {}): Promise<BareSite> {
  const { host = '127.0.0.1', scriptsUrl = '', format = 'esm', scripts = {}, answer = () => undefined } = options;
  const files = await siteFiles(scriptsUrl, format);
  for (const [name, code] of Object.entries(scripts)) files.set(name, await bundled(code, 'iife'));
  const server = createServer(({ url = '/' }, response) => {
    const path = new URL(url, 'http://any').pathname.slice(1) || 'index.html';
    const changed = answer(path);
    const body = changed?.body ?? files.get(path);
    const status = changed?.status ?? (body === undefined ? 404 : 200);
    const type = TYPES[extname(path)] ?? 'text/plain';
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...changed?.headers });
    response.end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Format = NonNullable<BareSiteOptions['format']>;

async function siteFiles(scriptsUrl: string, format: Format): Promise<Map<string, string | Uint8Array>> {
  const files = new Map<string, string | Uint8Array>();
  for (const name of FILES) files.set(name, await readFile(join(ROOT, 'dist', name)));
  const script = `<script type="module" crossorigin src="${scriptsUrl}/page.js"></script>`;
  files.set('index.html', `<!doctype html><title>Bare</title><link rel="icon" href="data:,">${script}`);
  files.set('page.js', await bundled(PAGE_CODE, format));
  return files;
}

const PAGE_CODE = `import * as daybook from './dist/index.js';
  import * as application from './dist/application.js';
  import * as sync from './dist/sync.js';
  globalThis.daybook = { ...daybook, ...application, ...sync };`;

async function bundled(code: string, format: Format): Promise<string> {
  const entry = join(ROOT, 'bare-page.js');
  const build = await rolldown({
    input: entry,
    cwd: ROOT,
    platform: 'browser',
    logLevel: 'silent',
    plugins: [
      {
        name: 'page',
        load: (id) => (id === entry ? code : undefined),
        resolveId: (id) => (id === entry ? id : undefined),
      },
    ],
  });
  const { output } = await build.generate({ format, minify: true });
  await build.close();
  return output[0].code;
}
