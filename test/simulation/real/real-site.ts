/**
 * Serves the page of a real run with the published workers.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { rolldown } from 'rolldown';

const FILES = ['worker.js', 'rescue-part.js', 'sql-wasm.wasm'];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};
const PAGE = '<!doctype html><title>Simulation</title><script type="module" src="/page.js"></script>';

/** A site that runs; its address is the origin of the stores. */
export interface RealSite extends AsyncDisposable {
  readonly url: string;
}

/** @param projectDir - where dist/ is, built */
export async function serveRealPage(projectDir: string): Promise<RealSite> {
  const files = new Map<string, string | Uint8Array>([
    ['index.html', PAGE],
    ['page.js', await pageCode(projectDir)],
  ]);
  for (const name of FILES) files.set(name, await readFile(join(projectDir, 'dist', name)));
  const server = createServer(({ url = '/' }, response) => {
    const name = url === '/' ? 'index.html' : url.slice(1);
    const body = files.get(name);
    const headers = { 'content-type': TYPES[extname(name)] ?? 'text/plain', 'cache-control': 'no-store' };
    response.writeHead(body === undefined ? 404 : 200, headers).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function pageCode(projectDir: string): Promise<string> {
  const dist = (name: string): string => join(projectDir, 'dist', `${name}.js`);
  const build = await rolldown({
    input: join(projectDir, 'test/simulation/real/real-page.ts'),
    cwd: projectDir,
    platform: 'browser',
    resolve: {
      alias: { 'daybook/application': dist('application'), 'daybook/sync': dist('sync'), daybook: dist('index') },
      extensionAlias: { '.js': ['.ts', '.js'] },
    },
    plugins: [
      {
        name: 'published',
        // What the simulation takes from the sources: an error is known again by its class, which must be the published one.
        resolveId: (id) => (id.includes('/src/domain/') ? dist('application') : undefined),
      },
    ],
    tsconfig: false,
    logLevel: 'warn',
  });
  const { output } = await build.generate({ format: 'esm' });
  await build.close();
  return output[0].code;
}
