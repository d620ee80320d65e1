/**
 * Serves the page of the soak with the published worker, and takes what the tabs tell.
 *
 * @module
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { rolldown } from 'rolldown';
import type { WitnessMessage } from './soak-messages.js';

const FILES = ['worker.js', 'rescue-part.js', 'sql-wasm.wasm'];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};
const PAGE = '<!doctype html><title>Soak</title><script type="module" src="/page.js"></script>';

/** A running site. */
export interface SoakSite extends AsyncDisposable {
  /** Without a slash at the end; the same as long as the site lives, because it is the stores' origin. */
  readonly url: string;
}

/**
 * @param projectDir - where dist/ is, built
 * @param hear - called with what a tab tells, before the tab is answered
 */
export async function serveSoak(projectDir: string, hear: (message: WitnessMessage) => void): Promise<SoakSite> {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-soak-site-'));
  await buildPage(projectDir, folder);
  const server = createServer((request, response) => {
    const answering =
      request.url === '/witness' ? takeWord(request, response, hear) : sendFile(folder, request, response);
    answering.catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function buildPage(projectDir: string, folder: string): Promise<void> {
  const build = await rolldown({
    input: join(projectDir, 'test/soak/soak-page.ts'),
    cwd: projectDir,
    platform: 'browser',
    // The published build, not the sources that the compiler knows by the same name.
    resolve: { alias: { daybook: join(projectDir, 'dist/index.js') }, extensionAlias: { '.js': ['.ts', '.js'] } },
    tsconfig: false,
    logLevel: 'warn',
  });
  await build.write({ file: join(folder, 'page.js'), format: 'esm' });
  await build.close();
  await Promise.all(FILES.map((name) => copyFile(join(projectDir, 'dist', name), join(folder, name))));
  await writeFile(join(folder, 'index.html'), PAGE);
}

async function takeWord(
  request: IncomingMessage,
  response: ServerResponse,
  hear: (message: WitnessMessage) => void,
): Promise<void> {
  const chunks: Buffer[] = [];
  // Rejects when the browser is killed in the middle of it: what did not arrive was not told.
  for await (const chunk of request) chunks.push(chunk as Buffer);
  hear(JSON.parse(Buffer.concat(chunks).toString()) as WitnessMessage);
  response.writeHead(204).end();
}

async function sendFile(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = request.url === '/' ? 'index.html' : (request.url ?? '').slice(1);
  if (!['index.html', 'page.js', ...FILES].includes(name)) {
    response.writeHead(404).end();
    return;
  }
  const body = await readFile(join(folder, name));
  response.writeHead(200, { 'content-type': TYPES[extname(name)], 'cache-control': 'no-store' }).end(body);
}
