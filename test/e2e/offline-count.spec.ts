import { expectBooksHold } from './support/books-expectations.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

const OFFLINE_COUNTS = 50;
// What the pushes meet, and what the server said to each: from the third on it has everything, and nobody hears of it.
const BAD_NETWORK = [
  ['drop-request', undefined],
  ['drop-request', undefined],
  ['drop-response', 200],
  ['drop-response', 200],
  ['cut-response', 200],
  ['cut-response', 200],
  ['portal', undefined],
] as const;

test('counts made offline outlive a killed browser and reach the books once each, through a network that fails in every way', async ({
  warehouse,
  launchDevice,
}) => {
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
    proxy.script(...BAD_NETWORK.map(([fault]) => fault));
    await server.start();
    await proxy.up();
    await stockPage.sendImpatiently(OFFLINE_COUNTS);
    const seen = proxy.pushes.map(({ fault, status }) => [fault, status]);
    expect(seen.slice(0, BAD_NETWORK.length)).toEqual(BAD_NETWORK);
    // In smaller parts now, as what failed may have been too much for the network.
    const after = seen.slice(BAD_NETWORK.length);
    expect(after).toEqual(after.map(() => ['pass', 200]));
    expect(after.length).toBeGreaterThan(0);
    await expect(stockPage.syncError).toBeHidden();
    await expect(stockPage.page.getByTestId('books-total')).toHaveText(String(OFFLINE_COUNTS));
  });

  await expectBooksHold(database, counted);

  await test.step('a second device adds its own counts', async () => {
    const second = await StockPage.open((await launchDevice()).context, address);
    await expect(second.othersRows).toHaveCount(OFFLINE_COUNTS);
    await second.countMore('BLT-0840', 'LMP-0HED', 'LMP-0HED');
    await second.countLess('BLT-0840', 'BAT-24AA');
    await second.sendImpatiently(5);
    await expectBooksHold(database, counted, await second.shownEvents());
    await expect(second.page.getByTestId('books-total')).toHaveText('55');
    await expect(second.page.getByTestId('books-devices')).toHaveText('2');
  });
});

test('a push that arrives twice is recorded once', async ({ warehouse, launchDevice }) => {
  const { database, proxy, address } = warehouse;
  const stockPage = await StockPage.open((await launchDevice()).context, address);
  proxy.otherwise = 'delay-duplicate';
  for (const [index, sku] of ['WSH-0008', 'PLG-0010', 'WSH-0008', 'PLG-0010'].entries()) {
    await stockPage.countMore(sku, sku);
    await stockPage.sendImpatiently(2 * (index + 1));
  }
  // Each came again beside the next one, and was answered as what it is: recorded before.
  expect(proxy.copyStatuses).toEqual(proxy.pushes.slice(1).map(() => 200));
  await expectBooksHold(database, await stockPage.shownEvents());
});
