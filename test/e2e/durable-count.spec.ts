import { expect } from '@playwright/test';
import { expectBooksHold } from './support/books-expectations.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

const KILLS = 3;

test('a count that is shown is kept, even when the browser is killed at that moment', async ({
  warehouse,
  launchDevice,
}) => {
  test.setTimeout(90_000);
  const { database, proxy, address } = warehouse;
  await proxy.down();
  const device = await launchDevice();
  let stockPage = await StockPage.open(device.context, address);
  for (let kill = 1; kill <= KILLS; kill++) {
    await stockPage.countMore('PLG-0010');
    await expect(stockPage.eventRows).toHaveCount(kill);
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
  await stockPage.sendImpatiently();
  await expectBooksHold(database, shown);
});
