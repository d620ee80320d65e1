import { expectBooksHold } from './support/books-expectations.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

test('a captive portal that answers 200 with a page is not taken for the server', async ({
  warehouse,
  launchDevice,
}) => {
  const { database, proxy, address } = warehouse;
  const stockPage = await StockPage.open((await launchDevice()).context, address);
  proxy.otherwise = 'portal';

  await stockPage.countMore('VST-00XL', 'VST-00XL', 'LMP-0HED');
  await stockPage.expectOnDevice(3);
  await expect(stockPage.syncError).toContainText('Your counts are safe on this device.');
  const seen = proxy.pushes.length;
  await expect
    .poll(() => proxy.pushes.length, { message: 'tried again, and still not fooled' })
    .toBeGreaterThan(seen + 1);
  await stockPage.expectOnDevice(3);
  expect(await database.events()).toEqual([]);
  expect(await database.tracking()).toEqual({});

  proxy.otherwise = 'pass';
  await stockPage.sendImpatiently(3);
  await expect(stockPage.syncError).toBeHidden();
  await expectBooksHold(database, await stockPage.shownEvents());
});
