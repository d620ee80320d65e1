import type { Browser, BrowserContextOptions } from '@playwright/test';
import { STOCK_ITEMS } from '../../demo/stock-items.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

const DESK: BrowserContextOptions = { viewport: { width: 1280, height: 900 } };
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true };

async function openProfile(
  browser: Browser,
  address: { readonly pageUrl: string },
  options: BrowserContextOptions,
): Promise<StockPage> {
  return await StockPage.open(await browser.newContext(options), { pageUrl: address.pageUrl });
}

async function quantities(profile: StockPage): Promise<readonly string[]> {
  return await Promise.all(STOCK_ITEMS.map(({ sku }) => profile.quantity(sku).inputValue()));
}

async function expectQuantity(profiles: readonly StockPage[], sku: string, quantity: number): Promise<void> {
  for (const profile of profiles) await expect(profile.quantity(sku)).toHaveValue(String(quantity));
}

test('three profiles, one of them a phone, see each other’s counts; one is offline for a while; a fourth comes later', async ({
  warehouse,
  browser,
}) => {
  const { address, database, server } = warehouse;
  const ana = await openProfile(browser, address, DESK);
  const ben = await openProfile(browser, address, PHONE);
  const cleo = await openProfile(browser, address, { ...DESK, colorScheme: 'dark' });
  const profiles = [ana, ben, cleo] as const;
  await ana.countAs('Ana');
  await ben.countAs('Ben');
  await cleo.countAs('Cleo');

  await test.step('each sees what the others count, with their names, without a reload', async () => {
    await ana.enterCount('BLT-0840', 34);
    await ben.countMore('WSH-0008');
    await cleo.enterCount('GLV-000L', 63);
    await expectQuantity(profiles, 'BLT-0840', 34);
    await expectQuantity(profiles, 'WSH-0008', 25);
    await expectQuantity(profiles, 'GLV-000L', 63);
    await expect(ana.item('WSH-0008').getByTestId('last-count')).toContainText('Ben,');
    await expect(ben.item('WSH-0008').getByTestId('last-count')).toContainText('you,');
    for (const profile of profiles) {
      await expect(profile.othersRows).toHaveCount(2);
      await expect(profile.rowsIn('books')).toHaveCount(1);
      await expect(profile.badge).toHaveText('All in the warehouse’s books');
      await expect(profile.page.getByTestId('sync-state')).toHaveText('Live');
    }
  });

  await test.step('the phone shows one section at a time, and nothing beside the screen', async () => {
    await expect(ben.eventRows).toBeHidden();
    await ben.goTo('Counts');
    await expect(ben.eventRows).toBeVisible();
    await expect(ben.othersRows.filter({ hasText: 'Ana' })).toBeVisible();
    await expect(ben.othersRows.filter({ hasText: 'Cleo' })).toBeVisible();
    await ben.goTo('The books');
    await expect(ben.page.getByTestId('books-total')).toHaveText('3');
    expect(await ben.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await ben.goTo('Shelves');
  });

  await test.step('the phone counts without a network, and says so', async () => {
    await ben.page.context().setOffline(true);
    await expect(ben.page.getByTestId('sync-state')).toHaveText('No network');
    await ben.enterCount('CTN-4030', 38);
    await ben.countMore('LBL-0A6S', 'LBL-0A6S');
    await expect(ben.badge).toHaveText('3 on this device');
    await ana.enterCount('CTN-4030', 41);
    await ana.countMore('LBL-0A6S', 'LBL-0A6S', 'LBL-0A6S');
    await cleo.countLess('LBL-0A6S');
    await cleo.countLess('LMP-0HED');
    await expectQuantity([ana, cleo], 'CTN-4030', 41);
    await expectQuantity([ana, cleo], 'LMP-0HED', 8);
    await expectQuantity([ben], 'CTN-4030', 38);
    await expectQuantity([ben], 'LMP-0HED', 9);
  });

  await test.step('it comes back: all agree, steps add up, and of two counts of one item the later one waits for a decision', async () => {
    await ben.page.context().setOffline(false);
    await expectQuantity(profiles, 'CTN-4030', 41);
    // 15 lay there: two more of one, three more of another, one less of the third.
    await expectQuantity(profiles, 'LBL-0A6S', 19);
    await expectQuantity(profiles, 'LMP-0HED', 8);
    await expect(ben.badge).toHaveText('1 set aside');
    await expect(ana.setAsideItems).toHaveCount(0);
    await expect(cleo.setAsideItems).toHaveCount(0);
    await ben.page.reload();
    await ben.page.getByRole('button', { name: 'Decide' }).click();
    await expect(ben.setAsideItems).toHaveCount(1);
    await expect(ben.setAsideItems).toHaveAttribute('data-code', 'COUNTED_MEANWHILE');
    await expect(ben.setAsideItems).toContainText('38Ben,');
    await expect(ben.setAsideItems).toContainText('41Ana,');
  });

  await test.step('the person decides, and everybody hears of it', async () => {
    await ben.page.getByTestId('aside-again').click();
    await expect(ben.setAsideItems).toHaveCount(0);
    await expect(ben.badge).toHaveText('All in the warehouse’s books');
    await expectQuantity(profiles, 'CTN-4030', 38);
  });

  await test.step('a profile that opens later gets everything', async () => {
    const dan = await openProfile(browser, address, DESK);
    await expect(dan.othersRows).toHaveCount(12);
    await expectQuantity([dan], 'CTN-4030', 38);
    const agreed = await quantities(dan);
    for (const profile of profiles) expect(await quantities(profile)).toEqual(agreed);
    await dan.countAs('Dan');
    await dan.countMore('BLT-0840');
    await expectQuantity(profiles, 'BLT-0840', 35);
  });

  const events = await database.events();
  expect(events.map(({ data }) => data.countedBy?.name)).toHaveLength(13);
  expect(Object.values(await database.eventsOfReplicas()).sort()).toEqual([1, 3, 4, 5]);
  expect(server.errors).toBe('');
});
