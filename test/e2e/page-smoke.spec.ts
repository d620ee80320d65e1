import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

test('an ordinary day: nothing is complained of, everything can be named, work offline means that nothing is sent', async ({
  warehouse,
  launchDevice,
}) => {
  const { server, proxy, address, database } = warehouse;
  const { context } = await launchDevice();
  const complaints: string[] = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  // Rejections that nobody handles come here too.
  context.on('weberror', (webError) => complaints.push(String(webError.error())));

  const stockPage = await StockPage.open(context, { pageUrl: address.pageUrl });
  const { page } = stockPage;
  await stockPage.waitForOfflineReady();

  await test.step('count and send', async () => {
    await expect(stockPage.badge).toHaveText('Nothing counted yet');
    await stockPage.countMore('BLT-0840', 'CTN-4030');
    const tape = stockPage.item('TPE-0050').getByTestId('count-input');
    await tape.fill('117');
    await tape.press('Enter');
    await expect(stockPage.badge).toHaveText('All in the warehouse’s books');
    await expect(page.getByTestId('books-row')).toHaveCount(3);
    await page.reload();
    await expect(tape).toHaveValue('117');
    await expect(stockPage.badge).toHaveText('All in the warehouse’s books');
  });

  await test.step('names for everything that can be touched or read', async () => {
    await expect(page).toHaveTitle(/\S/);
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    await expect(page.getByRole('main')).toHaveCount(1);
    const touchable = page.locator('button:visible, input:visible, a:visible, [role=switch]:visible');
    expect(await touchable.count()).toBeGreaterThan(12);
    for (const element of await touchable.all()) await expect(element).toHaveAccessibleName(/\S/);
    await expect(page.locator('img:not([alt])')).toHaveCount(0);
  });

  await test.step('work offline, by choice', async () => {
    await stockPage.offlineSwitch.click();
    await expect(stockPage.offlineSwitch).toHaveAttribute('aria-checked', 'true');
    await stockPage.countMore('CTN-4030', 'CTN-4030');
    await expect(stockPage.badge).toHaveText('2 on this device');
    await page.reload();
    await expect(stockPage.badge).toHaveText('2 on this device');
    expect(await database.events()).toHaveLength(3);
    await stockPage.offlineSwitch.click();
    await expect(stockPage.badge).toHaveText('All in the warehouse’s books');
    expect(await database.events()).toHaveLength(5);
  });

  expect(complaints).toEqual([]);
  expect(server.errors).toBe('');
  expect(proxy.pushes).toEqual([]);
});

test('a device that says it is offline waits, and sends as soon as it says otherwise', async ({
  warehouse,
  launchDevice,
}) => {
  const { proxy, address, database } = warehouse;
  const { context } = await launchDevice();
  const stockPage = await StockPage.open(context, address);
  await context.setOffline(true);
  await expect(stockPage.page.getByTestId('sync-state')).toHaveText('No network');
  await stockPage.countMore('SCR-0560', 'SCR-0560');
  await stockPage.expectOnDevice(2);
  expect(proxy.pushes).toEqual([]);
  await context.setOffline(false);
  await expect(stockPage.badge).toHaveText('All in the warehouse’s books');
  expect(await database.events()).toHaveLength(2);
});
