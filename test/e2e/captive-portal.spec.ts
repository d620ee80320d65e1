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
  const item = stockPage.item('BLT-0840');
  const top = async (): Promise<number> => Math.round((await item.boundingBox())!.y);
  const topBefore = await top();
  proxy.otherwise = 'portal';

  await stockPage.countMore('BLT-0840', 'SCR-0560', 'BLT-0840');
  await stockPage.expectOnDevice(3);
  await expect(stockPage.syncError).toContainText('Your counts are safe on this device.');
  // A list that moves when a notice comes loses the click that is on its way.
  expect(Math.abs((await top()) - topBefore)).toBeLessThan(4);
  const seen = proxy.pushes.length;
  await expect
    .poll(() => proxy.pushes.length, { message: 'tried again, and still not fooled' })
    .toBeGreaterThan(seen + 1);
  await stockPage.expectOnDevice(3);
  expect(await database.events()).toEqual([]);
  expect(await database.eventsOfReplicas()).toEqual({});

  proxy.otherwise = 'pass';
  await stockPage.sendImpatiently(3);
  await expect(stockPage.syncError).toBeHidden();
  await expectBooksHold(database, await stockPage.shownEvents());
});
