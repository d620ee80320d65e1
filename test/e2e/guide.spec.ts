/**
 * The guide, walked as a reader walks it: each page's files into one folder, its tests run, its page used, with one
 * browser profile from the beginning to the end.
 *
 * @module
 */
import { test } from '@playwright/test';
import type { Page } from '@playwright/test';
import { guidePage, onlyBlock } from '../support/guide-steps.js';
import { GuideApp } from './support/guide-app.js';
import { GuideServer } from './support/guide-server.js';
import { expect } from './support/patient-expect.js';

test('the guide leads to an app that works offline and syncs', async ({ page, context, browser }) => {
  // Four builds, four runs of tests and a server.
  test.setTimeout(240_000);
  await using server = await GuideServer.prepare();
  await using app = await GuideApp.create(server.address);
  const warnings: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'warning') warnings.push(message.text());
  });
  page.on('pageerror', (error) => warnings.push(String(error)));

  await test.step('1. set up', async () => {
    await app.write(1).serveSources();
    await page.goto(app.url);
    await expect(page.locator('#note')).toHaveText('Nothing is recorded yet.');
  });

  await test.step('2. a decider', async () => {
    expect(await app.write(2).runTests()).toBe(3);
  });

  await test.step('3. recording', async () => {
    await leave(page);
    await app.write(3).serveSources();
    await page.goto(app.url);
    await addItem(page, 'Nails');
    await expect(page.locator('#note')).toHaveText('1 events are recorded.');
    await addItem(page, 'Screws');
    await expect(page.locator('#note')).toHaveText('2 events are recorded.');
    await page.reload();
    await expect(page.locator('#note')).toHaveText('2 events are recorded.');
  });

  await test.step('4. a read model', async () => {
    await leave(page);
    await app.write(4).serveSources();
    await page.goto(app.url);
    await expect(page.locator('#items li')).toHaveText([/Nails/, /Screws/]);
    await count(page, 'Nails', 12);
    await page.reload();
    await expect(page.getByLabel('Nails')).toHaveValue('12');
  });

  await test.step('5. offline and several tabs', async () => {
    await leave(page);
    await app.write(5).serveBuild();
    await page.goto(app.url);
    await untilKeptOffline(page);
    await context.setOffline(true);
    await page.reload();
    await count(page, 'Nails', 7);
    await page.reload();
    await expect(page.getByLabel('Nails')).toHaveValue('7');
    await context.setOffline(false);
    const other = await context.newPage();
    await other.goto(app.url);
    await expect(other.getByLabel('Nails')).toHaveValue('7');
    await count(other, 'Nails', 8);
    await expect(page.getByLabel('Nails')).toHaveValue('8');
    await other.close();
  });

  await test.step('6. sync', async () => {
    await server.start(onlyBlock(guidePage(6), 'sh'));
    await app.write(6).serveBuild();
    await forgetServiceWorker(page);
    await page.goto(app.url);
    await expect(page.locator('#note')).toHaveText('All is saved.');
    await untilKeptOffline(page);
    await context.setOffline(true);
    await count(page, 'Screws', 3);
    await expect(page.locator('#note')).toContainText('1 on this device only.');
    await context.setOffline(false);
    await expect(page.locator('#note')).toHaveText('All is saved.');
    const rows = await server.query(onlyBlock(guidePage(6), 'sql'));
    expect(rows.map(({ topic, originator_version }) => [topic, originator_version])).toEqual([
      ['StockItem:Added', '1'],
      ['StockItem:Added', '1'],
      ['StockItem:Counted', '2'],
      ['StockItem:Counted', '3'],
      ['StockItem:Counted', '4'],
      ['StockItem:Counted', '2'],
    ]);
    const elsewhere = await browser.newContext();
    const others = await elsewhere.newPage();
    await others.goto(app.url);
    await expect(others.getByLabel('Nails')).toHaveValue('8');
    await count(others, 'Screws', 4);
    await expect(page.getByLabel('Screws')).toHaveValue('4');
    await count(page, 'Screws', 3);
    await expect(others.getByLabel('Screws')).toHaveValue('3');
    for (const each of [page, others]) await expect(each.locator('#note')).toHaveText('All is saved.');
    await elsewhere.close();
  });

  await test.step('7. a process', async () => {
    expect(await app.write(7).runTests()).toBe(4);
    await app.serveBuild();
    await forgetServiceWorker(page);
    await page.goto(app.url);
    await expect(page.locator('#tasks li')).toHaveCount(0);
    await count(page, 'Screws', 0);
    await expect(page.locator('#tasks li')).toHaveText(['Please look again: Screws']);
    await page.reload();
    await expect(page.locator('#tasks li')).toHaveText(['Please look again: Screws']);
    await count(page, 'Screws', 2);
    await expect(page.locator('#tasks li')).toHaveCount(0);
  });

  await test.step('8. a new version of an event, and snapshots', async () => {
    expect(await app.write(8).runTests()).toBe(4);
    await app.serveBuild();
    await forgetServiceWorker(page);
    await page.goto(app.url);
    await expect(page.locator('#items li')).toHaveText(['Nails somewhere', 'Screws somewhere']);
    // The fifth event of the nails: a snapshot.
    await count(page, 'Nails', 9);
    await expect(page.locator('#items li')).toHaveText(['Nails A1', 'Screws somewhere']);
    await page.reload();
    await count(page, 'Nails', 10);
    await page.reload();
    await expect(page.getByLabel('Nails')).toHaveValue('10');
    await expect(page.locator('#note')).toHaveText('All is saved.');
  });

  expect(warnings).toEqual([]);
});

/** A page of Vite's dev server reloads by itself when the server comes back, and would be in the way of the next visit. */
async function leave(page: Page): Promise<void> {
  await page.goto('about:blank');
}

async function addItem(page: Page, name: string): Promise<void> {
  await page.getByPlaceholder('What is it?').fill(name);
  await page.getByRole('button', { name: 'Add' }).click();
}

/** Counts, and waits until it is recorded: the attribute, unlike the property, is what is stored. */
async function count(page: Page, name: string, quantity: number): Promise<void> {
  const input = page.getByLabel(name);
  await input.fill(String(quantity));
  await input.blur();
  await expect(input).toHaveAttribute('value', String(quantity));
}

async function untilKeptOffline(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await page.reload();
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller?.state)).toBe('activated');
}

/** A new build is shown at the second visit only; the reader reloads once more, this test begins without the old one. */
async function forgetServiceWorker(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
    for (const name of await caches.keys()) await caches.delete(name);
  });
}
