import { expectBooksHold } from './support/books-expectations.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { holdStorage } from './support/storage-hold.js';
import { test } from './support/warehouse-test.js';

const KILLS = 3;

test('a count that is shown is kept, even when the browser is killed at that moment', async ({
  warehouse,
  launchDevice,
}) => {
  const { database, proxy, address } = warehouse;
  await proxy.down();
  const device = await launchDevice();
  let stockPage = await StockPage.open(device.context, address);
  for (let kill = 1; kill <= KILLS; kill++) {
    await stockPage.countMore('PLG-0010');
    // Not `expect`, which looks again only after a while: the kill comes as soon as the row is there.
    await stockPage.eventRows.nth(kill - 1).waitFor();
    await device.kill();
    await device.start();
    stockPage = await StockPage.open(device.context, address);
    await stockPage.expectOnDevice(kill);
  }
  const shown = await stockPage.shownEvents();
  expect(shown.map(({ id, quantity }) => [id, quantity])).toEqual([
    [1, 19],
    [2, 20],
    [3, 21],
  ]);

  await proxy.up();
  await stockPage.sendImpatiently(KILLS);
  await expectBooksHold(database, shown);
});

test('a count is not shown, and not sent, before the browser has kept it', async ({ warehouse, launchDevice }) => {
  const { database, proxy, address } = warehouse;
  const stockPage = await StockPage.open((await launchDevice()).context, address);
  const hold = await holdStorage(stockPage.page);
  await stockPage.countMore('PLG-0010', 'FLM-0500');
  await hold.letTimePass();
  await expect(stockPage.eventRows).toHaveCount(0);
  await expect(stockPage.item('PLG-0010').getByTestId('count-input')).toHaveValue('18');
  expect(proxy.pushes).toEqual([]);

  await hold.release();
  await expect(stockPage.eventRows).toHaveCount(2);
  await stockPage.sendImpatiently(2);
  await expectBooksHold(database, await stockPage.shownEvents());
});
