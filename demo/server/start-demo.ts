/**
 * Runs the demo: the page, the sync server, and PostgreSQL. Node runs this file as it is; build the library and the
 * page before.
 *
 * With `--edge` the server is in Cloudflare's runtime, and the books in a Durable Object of it.
 *
 * Environment: `PORT` (4173, or the next free one; 0 for any), `DATABASE_URL` (a PostgreSQL that runs already),
 * `DAYBOOK_DEMO_DATA` (folder of the PostgreSQL that is started otherwise, or of the object).
 *
 * @module
 */
import { startNodeHost } from 'daybook/node';
import type { NodeHostOptions } from 'daybook/node';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { APPLICATION_NAME } from './books-query.ts';
import { demoRoutes, pageRoutes } from './demo-routes.ts';
import { dataPlace, edgeDir, freePort, HOSTNAME } from './demo-settings.ts';
import type { DataPlace } from './demo-settings.ts';

const projectDir = join(import.meta.dirname, '..', '..');
const STOPPING = 'Stopping. Counts that are on a device only stay there until the demo runs again.';
const pageDir = join(projectDir, 'demo', 'dist');

async function main(): Promise<void> {
  // Before the start, which takes a second: a signal in between must not leave PostgreSQL behind.
  const stopped = firstSignal();
  if (!existsSync(join(pageDir, 'index.html'))) {
    throw new Error('The page is not built. Run the demo with: npm run demo');
  }
  const port = await freePort(process.env);
  const address = `http://localhost:${port}`;
  const origins = [address, `http://${HOSTNAME}:${port}`];
  if (process.argv.includes('--edge')) {
    const dataDir = edgeDir(projectDir, process.env);
    // Loaded only here: it brings Cloudflare's runtime.
    const { startEdge } = await import('./edge/start-edge.ts');
    await using _edge = await startEdge({ projectDir, dataDir, port, origins, page: pageRoutes(pageDir) });
    console.log(welcome(address, [`A Durable Object, in ${dataDir}`, 'Delete that folder to begin anew.']));
    await stopped;
    console.log(STOPPING);
    return;
  }
  const place = dataPlace(projectDir, process.env);
  await using _host = await startNodeHost({
    port,
    hostname: HOSTNAME,
    ...databaseOf(place),
    applicationName: APPLICATION_NAME,
    // It listens on this machine only, and holds counts of goods that do not exist.
    allowAnonymous: true,
    // A page may come through another address than the one it pushes to, when `?sync=` says so.
    corsOrigins: origins,
    routes: demoRoutes(pageDir),
  });
  console.log(welcome(address, booksAt(place)));
  await stopped;
  console.log(STOPPING);
}

/** The host keeps keys beside a database of its own. Of another one, this demo makes one that it finds again. */
function databaseOf({
  databaseUrl,
  databaseDir,
}: DataPlace): Pick<NodeHostOptions, 'databaseDir' | 'databaseUrl' | 'sealKeys'> {
  if (databaseUrl === undefined) return { databaseDir };
  return { databaseUrl, sealKeys: [createHash('sha256').update(`demo ${databaseUrl}`).digest()] };
}

/** What is said of the books. */
function booksAt({ databaseUrl, databaseDir, remark }: DataPlace): readonly string[] {
  if (databaseUrl !== undefined) return [`the PostgreSQL of DATABASE_URL, tables ${APPLICATION_NAME}_*`];
  const why = remark === undefined ? [] : [remark];
  return [`PostgreSQL in ${databaseDir}`, ...why, 'Delete that folder to begin anew.'];
}

function welcome(address: string, [books, ...remarks]: readonly string[]): string {
  const lines = [`Daybook demo: ${address}`, '', `  The books    ${books}`];
  lines.push(...remarks.map((remark) => `               ${remark}`));
  lines.push(`  Two devices  ${address}/side-by-side.html: let them disagree, and see what is decided`);
  lines.push(`  More devices open ${address} in other browsers or profiles, or ${address}/?device=second`);
  lines.push('  Stop         Ctrl+C', '');
  return lines.join('\n');
}

/** Resolves at the first signal to stop. At the second, the process ends without waiting. */
function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(1));
        resolve();
      });
    }
  });
}

await main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? `The demo did not start. ${error.message}` : error);
    process.exit(1);
  },
);
