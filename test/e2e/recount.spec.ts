import { recountOriginatorId } from '../../demo/stock-events.js';
import { STOCK_ITEMS } from '../../demo/stock-items.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

const SKU = 'BLT-0840';

test('a count that is hard to believe is to be counted again as soon as it is in the books: in every tab, after a reload, until it is', async ({
  warehouse,
  launchDevice,
}) => {
  const { database, proxy, address } = warehouse;
  const { context } = await launchDevice();
  const tabs = [await StockPage.open(context, address), await StockPage.open(context, address)] as const;
  const [first, second] = tabs;

  await test.step('a small difference is believed', async () => {
    await first.enterCount(SKU, 38);
    await expect(first.eventRows).toHaveCount(1);
  });

  await test.step('a large one waits without a network: it may not stay', async () => {
    await proxy.down();
    await first.enterCount(SKU, 380);
    for (const tab of tabs) {
      await expect(tab.item(SKU).getByTestId('recount-waits')).toBeVisible();
      await expect(tab.recountTasks).toHaveCount(0);
    }
    await second.page.reload();
    await expect(second.item(SKU).getByTestId('recount-waits')).toBeVisible();
    await expect(second.recountTasks).toHaveCount(0);
    await expect(second.recountRows).toHaveCount(0);
  });

  await test.step('it is asked about when it is in PostgreSQL, and that is there once, whichever tab has asked', async () => {
    await proxy.up();
    await first.pushUntil(async () => {
      await expect(first.rowsOfRecounts('books')).toHaveCount(1, { timeout: 250 });
    });
    for (const tab of tabs) {
      await expect(tab.recountTask(SKU)).toContainText('380 counted, 38 expected');
      await expect(tab.item(SKU).getByTestId('recount-mark')).toBeVisible();
      await expect(tab.item(SKU).getByTestId('recount-waits')).toHaveCount(0);
      await expect(tab.recountTasks).toHaveCount(1);
      await expect(tab.recountRows).toHaveCount(1);
    }
    const originatorId = STOCK_ITEMS.find(({ sku }) => sku === SKU)!.id;
    expect(await database.events()).toMatchObject([
      { topic: 'stock:Item.Counted', originatorId, originatorVersion: 1 },
      { topic: 'stock:Item.Counted', originatorId, originatorVersion: 2 },
      {
        topic: 'stock:Recount.Asked',
        originatorId: recountOriginatorId(originatorId),
        originatorVersion: 1,
        data: { sku: SKU, expectedQuantity: 38, countedQuantity: 380 },
      },
    ]);
    await expect(first.page.locator('[data-testid=books-row][data-kind=recount-asked][data-own=true]')).toHaveCount(1);
  });

  await test.step('the way to the shelf, and the count that settles it', async () => {
    await second.recountTask(SKU).getByRole('button').click();
    const input = second.item(SKU).getByTestId('count-input');
    await expect(input).toBeFocused();
    await input.fill('38');
    await input.press('Enter');
    for (const tab of tabs) {
      await expect(tab.recountTasks).toHaveCount(0);
      await expect(tab.item(SKU).getByTestId('count-input')).toHaveValue('38');
      await expect(tab.recountRows).toHaveCount(2);
    }
    await first.pushUntil(async () => {
      await expect(first.rowsOfRecounts('books')).toHaveCount(2, { timeout: 250 });
    });
    const events = await database.events();
    expect(events.map(({ topic }) => topic)).toEqual([
      'stock:Item.Counted',
      'stock:Item.Counted',
      'stock:Recount.Asked',
      'stock:Item.Counted',
      'stock:Recount.Done',
    ]);
    await expect(first.badge).toHaveText('All in the warehouse’s books');
    await expect(first.page.getByTestId('books-total')).toHaveText('5');
  });
});
