/** What the benchmarks of synchronisation in browsers do, with little: both sides do the same work, and all of it arrives. */
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { DAYBOOK_APPLICATION, DAYBOOK_PAGE, RAW_INDEXEDDB } from '../../bench/contenders/contender-list.js';
import { fillLog, firstSync } from '../../bench/load/first-sync.js';
import { pairLatencies, partsLatencies, sumsOf } from '../../bench/load/live-pair.js';
import { runLoad } from '../../bench/load/load-jobs.js';
import { startPartsServer } from '../../bench/load/parts-server.js';
import { createPlainTable } from '../../bench/load/plain-table.js';
import { BrowserLab } from '../../bench/runner/browser-lab.js';
import { buildSite } from '../../bench/runner/site-build.js';
import { serveSite } from '../../bench/runner/site-server.js';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { startNodeHost } from '../../src/server/hosts/index.js';
import type { NodeHost } from '../../src/server/hosts/index.js';
import { browserLaunchOptions } from '../support/browsers.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { BooksDatabase } from './support/books-database.js';
import { startBooksPostgres } from './support/books-postgres.js';

const ROOT = join(import.meta.dirname, '../..');
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
// Not in the titles, which must be the same in each process.
const ANNOTATION = { annotation: { type: 'seed', description: String(SEED) } };
const CONTENDERS = [DAYBOOK_PAGE, DAYBOOK_APPLICATION, RAW_INDEXEDDB];

/** Runs work with two browsers and a server that has an empty log. */
async function withBrowsers(work: (labs: readonly BrowserLab[], host: NodeHost) => Promise<void>): Promise<void> {
  const { executablePath } = browserLaunchOptions('chromium');
  await using ends = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder();
  ends.defer(() => folder.remove());
  const siteFolder = join(folder.path, 'site');
  const places = { benchFolder: join(ROOT, 'bench'), packageDist: join(ROOT, 'dist'), siteFolder };
  await buildSite(places, CONTENDERS);
  const labs: BrowserLab[] = [];
  for (let count = 0; count < 2; count++) {
    const lab = await BrowserLab.open(await serveSite(siteFolder), folder.path, executablePath);
    ends.defer(() => lab.close());
    labs.push(lab);
  }
  const postgres = await startBooksPostgres();
  ends.defer(() => postgres.close());
  const database = await BooksDatabase.create(postgres.url);
  ends.defer(() => database.close());
  const host = await startNodeHost({
    port: 0,
    databaseUrl: database.url,
    corsOrigins: labs.flatMap((lab) => [DAYBOOK_PAGE, DAYBOOK_APPLICATION].map((of) => lab.originOf(of))),
    verifyToken: (token) => ({ subject: token }),
    log: () => undefined,
  });
  ends.defer(() => host.close());
  await work(labs, host);
}

test('a new store gets the whole log, by sync and by hand', ANNOTATION, async () => {
  await withBrowsers(async ([lab], { url, unitLog }) => {
    await fillLog(runLoad, url, { seed: SEED, events: 2_000 });
    expect(await unitLog.head()).toBe(2_000);
    for (const kind of ['firstSync', 'pages'] as const) {
      // It throws where the store has not all of it after it was opened again.
      expect(await firstSync(lab!, kind, { url, events: 2_000, storeName: kind })).toBeGreaterThan(0);
    }
  });
});

test('what is recorded in one browser can be read in the other', ANNOTATION, async () => {
  await withBrowsers(async ([writer, reader], host) => {
    const browsers = { writer: writer!, reader: reader! };
    const round = { seed: SEED, storeName: 'pair', commits: 5 };
    const ours = await pairLatencies(browsers, host.url, await host.unitLog.head(), round);
    expect(ours).toHaveLength(5);
    expect(Math.min(...ours)).toBeGreaterThan(0);
    const server = await startPartsServer();
    const pool = await createPgPool({ connectionString: host.databaseUrl });
    try {
      await createPlainTable(pool, host.recorder.dialect.log?.eventsTable ?? '');
      const sums = sumsOf(await partsLatencies(browsers, server, pool, round));
      expect(sums).toHaveLength(5);
      expect(Math.min(...sums)).toBeGreaterThan(0);
    } finally {
      await pool.end();
      await server.close();
    }
  });
});

test('an application keeps its commands, and decides conflicts again', ANNOTATION, async () => {
  await withBrowsers(async ([lab], { url, unitLog }) => {
    for (const keepsCommands of [true, false]) {
      const work = { kind: 'execute', storeName: `execute-${keepsCommands}`, warmUp: 1, commands: 5 } as const;
      const { tookMs } = await lab!.run(DAYBOOK_APPLICATION, { ...work, keepsCommands });
      expect(tookMs).toHaveLength(5);
    }
    // It throws where what is there in the end is not what was to be.
    const again = { kind: 'decideAgain', storeName: 'again', units: 20, server: { url, token: 'again' } } as const;
    const { decidedAgain, pushes } = await lab!.run(DAYBOOK_APPLICATION, again);
    expect([decidedAgain, pushes > 0]).toEqual([20, true]);
    expect(await unitLog.head()).toBe(40);
    for (const [round, isCommutative] of [true, false].entries()) {
      const hot = { kind: 'hotAggregate', storeName: `hot-${round}`, writers: 7, commands: 2, isCommutative } as const;
      const result = await lab!.run(DAYBOOK_APPLICATION, { ...hot, server: { url, token: `hot-${round}` } });
      expect(result.pushes).toBeGreaterThan(0);
      expect(result.decidedAgain > 0).toBe(!isCommutative);
      expect(await unitLog.head()).toBe(40 + (round + 1) * (1 + 7 * 2));
    }
  });
});
