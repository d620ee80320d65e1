/**
 * Files of the browser that were damaged while it did not run: what it makes of them, and that nobody is shown an empty
 * store for one that was there.
 *
 * @module
 */
import { test } from '@playwright/test';
import { appendFile, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SoakBrowser } from '../soak/soak-browser.js';
import type { SoakTabHandle } from '../soak/soak-browser.js';
import { serveSoak } from '../soak/soak-site.js';
import { newWitnessCounts, Witness } from '../soak/witness.js';
import type { BrowserName } from '../support/browsers.js';
import { expect } from './support/patient-expect.js';

const PROJECT_DIR = fileURLToPath(new URL('../../', import.meta.url));

// LevelDB writes the header of a record (checksum, length, kind) and then the record: this is what is left of a record of
// a hundred bytes when the browser is killed between the two.
const TORN_HEADER = new Uint8Array([1, 2, 3, 4, 100, 0, 1]);

interface Device {
  readonly witness: Witness;
  /** Opens the store in a tab, in a browser that is started anew. */
  openAgain(): Promise<SoakTabHandle>;
  /** Units that the last opening has brought back; undefined where the store was there. */
  restoredUnits(): number | undefined;
  /** Commits for a while, and kills the browser. @returns where its profile is */
  commitAndKill(tab: SoakTabHandle): Promise<string>;
}

async function onDevice(browserName: BrowserName, work: (device: Device) => Promise<void>): Promise<void> {
  const counts = newWitnessCounts();
  const witness = new Witness(`damaged-${crypto.randomUUID()}`, counts);
  await using site = await serveSoak(PROJECT_DIR, (message) => witness.hear(message));
  const browser = await SoakBrowser.launch(browserName, site.url);
  let isRunning = true;
  let restoredUnits: number | undefined;
  try {
    await work({
      witness,
      openAgain: async () => {
        if (!isRunning) await browser.start();
        isRunning = true;
        await browser.loadTabs(1);
        const tab = browser.tabs[0]!;
        restoredUnits = (await tab.open(witness.storeName))?.units;
        return tab;
      },
      restoredUnits: () => restoredUnits,
      commitAndKill: async (tab) => {
        const before = counts.acknowledged;
        await tab.start(1);
        await expect.poll(() => counts.acknowledged).toBeGreaterThan(before + 20);
        await browser.kill();
        isRunning = false;
        return await browser.closeKeeping();
      },
    });
  } finally {
    await browser.close();
  }
}

test('a record that a crash left torn: Chromium goes on after it, then throws everything away, and all of it comes back', async ({
  browserName,
}) => {
  test.skip(browserName !== 'chromium', 'LevelDB is what Chromium stores in');
  await onDevice('chromium', async ({ witness, openAgain, restoredUnits, commitAndKill }) => {
    const profileDir = await commitAndKill(await openAgain());
    for (const file of await filesBelow(profileDir, /\.indexeddb\.leveldb\/.*\.log$/)) {
      await appendFile(file, TORN_HEADER);
    }
    const again = await openAgain();
    expect(witness.check([await again.survey(witness.order)]), 'nothing is missing yet').toEqual([]);
    await commitAndKill(again);
    // What no server has is in the origin's private files as well.
    const anew = await openAgain();
    const restored = restoredUnits();
    expect(restored).toBeGreaterThan(20);
    witness.hearRescue(restored ?? 0);
    expect(witness.check([await anew.survey(witness.order)]), 'nothing is missing').toEqual([]);
  });
});

test('a damaged file of Firefox: not opened, and nothing else in its place', async ({ browserName }) => {
  test.skip(browserName !== 'firefox', 'SQLite is what Firefox stores in');
  await onDevice('firefox', async ({ openAgain, commitAndKill }) => {
    const profileDir = await commitAndKill(await openAgain());
    for (const path of await filesBelow(profileDir, /\/idb\/.*\.sqlite$/)) await overwriteSecondHalf(path);
    await expect(openAgain()).rejects.toThrow(/StorageUnavailableError/);
    await expect(openAgain()).rejects.toThrow(/StorageUnavailableError/);
  });
});

async function filesBelow(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  const found = names.filter((name) => pattern.test(name)).map((name) => join(folder, name));
  expect(found, 'the browser stores where it is expected to').not.toEqual([]);
  return found;
}

async function overwriteSecondHalf(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  const half = Math.floor(size / 2);
  await file.write(new Uint8Array(size - half).fill(7), 0, size - half, half);
}
