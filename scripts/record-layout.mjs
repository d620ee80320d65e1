// Keeps what a release's store looks like in IndexedDB: `node scripts/record-layout.mjs <checkout> <name>`, after
// `npm run build` in a checkout of that release. It writes test/browser/layouts/<name>.json, which layouts.test.ts lays
// down and opens with today's code.
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { ROOT } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  const [checkout, name] = process.argv.slice(2);
  if (checkout === undefined || name === undefined) {
    console.error('node scripts/record-layout.mjs <checkout> <name>');
    return 2;
  }
  const [{ chromium }, { createServer }] = await Promise.all([import('playwright'), import('vite')]);
  const scenario = join(ROOT, 'scripts/lib/layout-scenario.js');
  const root = resolve(checkout);
  const server = await createServer({
    ...{ root, configFile: false, logLevel: 'error', appType: 'custom' },
    server: { port: 0, fs: { allow: [root, ROOT] } },
    optimizeDeps: { noDiscovery: true, include: ['comlink', 'dequal', 'uuid', 'valibot'] },
    plugins: [
      {
        name: 'a page',
        configureServer({ middlewares }) {
          middlewares.use('/page', (_request, response) => {
            response.setHeader('content-type', 'text/html');
            response.end('<!doctype html><title>layout</title>');
          });
        },
      },
    ],
  });
  await server.listen();
  const { port } = server.httpServer.address();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(error));
    await page.goto(`http://localhost:${port}/page`);
    const kept = await page.evaluate(
      async ([from, seed]) => (await import(from)).recordLayout(seed),
      [`/@fs${scenario}`, name],
    );
    const file = join(ROOT, 'test/browser/layouts', `${name}.json`);
    await writeFile(file, `${JSON.stringify(kept, undefined, 1)}\n`);
    console.log(`${file}: ${JSON.stringify(kept.found.counts)}`);
  } finally {
    await browser.close();
    await server.close();
  }
});
