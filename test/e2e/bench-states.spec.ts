/** What the benchmarks of states in a browser do, with little: both sides find the same, and what changes is delivered. */
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { DAYBOOK_APPLICATION, DAYBOOK_STATES } from '../../bench/contenders/contender-list.js';
import { BrowserLab } from '../../bench/runner/browser-lab.js';
import { buildSite } from '../../bench/runner/site-build.js';
import { serveSite } from '../../bench/runner/site-server.js';
import { browserLaunchOptions } from '../support/browsers.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const ROOT = join(import.meta.dirname, '../..');
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
// Not in the titles, which must be the same in each process.
const ANNOTATION = { annotation: { type: 'seed', description: String(SEED) } };

test('states are found as by hand in a worker, and are live on a page', ANNOTATION, async () => {
  await using ends = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder();
  ends.defer(() => folder.remove());
  const siteFolder = join(folder.path, 'site');
  const places = { benchFolder: join(ROOT, 'bench'), packageDist: join(ROOT, 'dist'), siteFolder };
  await buildSite(places, [DAYBOOK_STATES, DAYBOOK_APPLICATION]);
  const { executablePath } = browserLaunchOptions('chromium');
  const lab = await BrowserLab.open(await serveSite(siteFolder), folder.path, executablePath);
  ends.defer(() => lab.close());
  // It throws where either side finds something else.
  const find = { kind: 'findStates', storeName: 'states', seed: SEED, rounds: 2, states: 1_000, finds: 30 } as const;
  const { sku, shelf, aisle } = await lab.run(DAYBOOK_STATES, find);
  expect(Math.min(...[sku, shelf, aisle].flatMap(({ ours, theirs }) => [...ours, ...theirs]))).toBeGreaterThan(0);
  // And where a delivery is not what was written, or a row that was not written is another object.
  const live = { kind: 'liveRows', storeName: 'live', rounds: 2, rows: 50, changes: 5 } as const;
  const times = await lab.run(DAYBOOK_APPLICATION, live);
  expect(Math.min(...times.ours, ...times.theirs)).toBeGreaterThan(0);
});
