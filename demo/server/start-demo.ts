/**
 * Runs the demo: the page, the sync server, and PostgreSQL. Node runs this file as it is; build the library and the
 * page before.
 *
 * Environment: `PORT` (4173, or the next free one; 0 for any), `DATABASE_URL` (a PostgreSQL that runs already),
 * `DAYBOOK_DEMO_DATA` (folder of the PostgreSQL that is started otherwise).
 *
 * @module
 */
import { startNodeHost } from 'daybook/node';
import type { NodeHostOptions } from 'daybook/node';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { APPLICATION_NAME } from './books-query.ts';
import { demoRoutes } from './demo-routes.ts';
import { dataPlace, freePort, HOSTNAME } from './demo-settings.ts';
import type { DataPlace } from './demo-settings.ts';

const projectDir = join(import.meta.dirname, '..', '..');
const pageDir = join(projectDir, 'demo', 'dist');

async function main(): Promise<void> {
  // Before the start, which takes a second: a signal in between must not leave PostgreSQL behind.
  const stopped = firstSignal();
  if (!existsSync(join(pageDir, 'index.html'))) {
    throw new Error('The page is not built. Run the demo with: npm run demo');
  }
  const place = dataPlace(projectDir, process.env);
  const port = await freePort(process.env);
  const address = `http://localhost:${port}`;
  await using _host = await startNodeHost({
    port,
    hostname: HOSTNAME,
    ...databaseOf(place),
    applicationName: APPLICATION_NAME,
    // It listens on this machine only, and holds counts of goods that do not exist.
    allowAnonymous: true,
    // A page may come through another address than the one it pushes to, when `?sync=` says so.
    corsOrigins: [address, `http://${HOSTNAME}:${port}`],
    routes: demoRoutes(pageDir),
  });
  console.log(welcome(address, place));
  await stopped;
  console.log('Stopping. Counts that are on a device only stay there until the demo runs again.');
}

/** The host keeps keys beside a database of its own. Of another one, this demo makes one that it finds again. */
function databaseOf({
  databaseUrl,
  databaseDir,
}: DataPlace): Pick<NodeHostOptions, 'databaseDir' | 'databaseUrl' | 'sealKeys'> {
  if (databaseUrl === undefined) return { databaseDir };
  return { databaseUrl, sealKeys: [createHash('sha256').update(`demo ${databaseUrl}`).digest()] };
}

function welcome(address: string, { databaseUrl, databaseDir, remark }: DataPlace): string {
  const lines = [`Daybook demo: ${address}`, ''];
  if (databaseUrl === undefined) {
    lines.push(`  The books    PostgreSQL in ${databaseDir}`);
    if (remark !== undefined) lines.push(`               ${remark}`);
    lines.push('               Delete that folder to begin anew.');
  } else {
    lines.push(`  The books    the PostgreSQL of DATABASE_URL, tables ${APPLICATION_NAME}_*`);
  }
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
