import { expect } from '@playwright/test';
import { expectBooksHold } from './support/books-expectations.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

const OFFLINE_COUNTS = 50;

test('counts made offline outlive a killed browser and reach the books once each, through a network that fails in every way', async ({
  warehouse,
  launchDevice,
}) => {
  test.setTimeout(120_000);
  const { database, server, proxy, address } = warehouse;
  const device = await launchDevice();
  let stockPage = await StockPage.open(device.context, address);
  await stockPage.waitForOfflineReady();

  await test.step('no network at all: neither sync nor the page itself', async () => {
    await proxy.down();
    await server.stop();
  });

  await test.step(`count ${OFFLINE_COUNTS} times`, async () => {
    for (let round = 0; round < OFFLINE_COUNTS / 5; round++) {
      await stockPage.countMore('BLT-0840', 'SCR-0560', 'BLT-0840', 'TPE-0050');
      await stockPage.countLess('GLV-000L');
    }
    await stockPage.expectOnDevice(OFFLINE_COUNTS);
  });
  const counted = await stockPage.shownEvents();
  expect(counted.map(({ id }) => id)).toEqual(Array.from({ length: OFFLINE_COUNTS }, (_, index) => index + 1));

  await test.step('reload', async () => {
    await stockPage.page.reload();
    await stockPage.expectOnDevice(OFFLINE_COUNTS);
    expect(await stockPage.shownEvents()).toEqual(counted);
  });

  await test.step('kill the browser, start it on the same profile', async () => {
    await device.kill();
    await device.start();
    stockPage = await StockPage.open(device.context, address);
    await stockPage.expectOnDevice(OFFLINE_COUNTS);
    expect(await stockPage.shownEvents()).toEqual(counted);
  });

  await test.step('a network that drops requests, then answers, then cuts answers short, then has a portal', async () => {
    proxy.script('drop-request', 'drop-request', 'drop-response', 'drop-response', 'cut-response', 'cut-response', 'portal');
    await server.start();
    await proxy.up();
    await stockPage.sendImpatiently();
    expect(proxy.faultsLeft).toBe(0);
    await expect(stockPage.syncError).toBeHidden();
    await expect(stockPage.page.locator('[data-testid=event-row][data-state=books]')).toHaveCount(OFFLINE_COUNTS);
    await expect(stockPage.page.getByTestId('books-total')).toHaveText(String(OFFLINE_COUNTS));
  });

  await expectBooksHold(database, counted);

  await test.step('a second device adds its own counts', async () => {
    const second = await StockPage.open((await launchDevice()).context, address);
    await second.countMore('BLT-0840', 'LMP-0HED', 'LMP-0HED');
    await second.countLess('BLT-0840', 'BAT-24AA');
    await expect(second.eventRows).toHaveCount(5);
    await second.sendImpatiently();
    await expectBooksHold(database, counted, await second.shownEvents());
    await expect(second.page.getByTestId('books-total')).toHaveText('55');
    await expect(second.page.getByTestId('books-devices')).toHaveText('2');
  });
});

test('a push that arrives twice is recorded once', async ({ warehouse, launchDevice }) => {
  const { database, proxy, address } = warehouse;
  const stockPage = await StockPage.open((await launchDevice()).context, address);
  proxy.otherwise = 'delay-duplicate';
  for (const sku of ['WSH-0008', 'PLG-0010', 'WSH-0008', 'PLG-0010']) {
    await stockPage.countMore(sku, sku);
    await stockPage.sendImpatiently();
  }
  await expectBooksHold(database, await stockPage.shownEvents());
});
