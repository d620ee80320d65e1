import type { ProfileBrowser } from './support/profile-browser.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

test('a profile that was copied with counts that wait: both browsers send them, at the same time, and each is in the books once', async ({
  warehouse,
  launchDevice,
}) => {
  const { database, proxy, address } = warehouse;
  const original = await launchDevice();
  let copy: ProfileBrowser | undefined;
  try {
    await test.step('some are in the books, some wait, and the profile is copied', async () => {
      const stockPage = await StockPage.open(original.context, address);
      await stockPage.countMore('BLT-0840');
      await stockPage.sendImpatiently(1);
      proxy.otherwise = 'drop-request';
      await stockPage.countMore('GLV-000L', 'GLV-000L', 'TPE-0050');
      await expect(stockPage.pendingCount).toHaveText('3');
      await original.kill();
      copy = await original.copied();
    });

    const pages = await test.step('both are started, and count before anything is sent', async () => {
      await Promise.all([original.start(), copy?.start()]);
      const opened = [
        await StockPage.open(original.context, address),
        await StockPage.open((copy as ProfileBrowser).context, address),
      ] as const;
      for (const stockPage of opened) await expect(stockPage.pendingCount).toHaveText('3');
      await opened[0].countMore('LMP-0HED');
      await opened[1].countMore('BAT-24AA', 'BAT-24AA');
      return opened;
    });

    await test.step('both send', async () => {
      proxy.otherwise = 'pass';
      await Promise.all(
        pages.map((stockPage) =>
          stockPage.pushUntil(async () => {
            await expect(stockPage.pendingCount).toHaveText('0', { timeout: 250 });
          }),
        ),
      );
      await expect.poll(async () => (await database.events()).length).toBe(1 + 3 + 3);
      for (const stockPage of pages) {
        await expect(stockPage.rowsIn('device')).toHaveCount(0);
        await expect(stockPage.badge).toHaveText('All in the warehouse’s books');
      }
    });

    const counted = (await database.events()).map(({ data }) => data.sku).sort();
    expect(counted).toEqual(['BAT-24AA', 'BAT-24AA', 'BLT-0840', 'GLV-000L', 'GLV-000L', 'LMP-0HED', 'TPE-0050']);
    // Each shows what it counted, before the copy was made and after, once; and maybe what the other one did.
    const own = [counted.filter((sku) => sku !== 'BAT-24AA'), counted.filter((sku) => sku !== 'LMP-0HED')];
    for (const [index, stockPage] of pages.entries()) {
      const shown = (await stockPage.shownEvents()).map(({ sku }) => sku);
      expect(shown.filter((sku) => own[index]?.includes(sku)).sort()).toEqual(own[index]);
    }
  } finally {
    await copy?.close();
  }
});
