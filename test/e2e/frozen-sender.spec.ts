import { expectBooksHold } from './support/books-expectations.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

test('the tab that sends is frozen while nothing waits: another tab takes over, and nothing is sent twice when it thaws', async ({
  warehouse,
  launchDevice,
}) => {
  const { database, proxy, address } = warehouse;
  const { context } = await launchDevice();
  const tabs = [await StockPage.open(context, address), await StockPage.open(context, address)] as const;
  let last: StockPage | undefined;
  for (const tab of tabs) {
    tab.page.on('request', (request) => {
      if (request.url() === `${proxy.url}/v1/push` && request.method() === 'POST') last = tab;
    });
  }
  await tabs[0].countMore('GLV-000L', 'BLT-0840');
  for (const tab of tabs) await tab.sendImpatiently(2);
  const sender = tabs.find((tab) => tab === last) ?? tabs[0];
  const other = sender === tabs[0] ? tabs[1] : tabs[0];
  const devTools = await context.newCDPSession(sender.page);
  await devTools.send('Page.setWebLifecycleState', { state: 'frozen' });

  await other.countMore('GLV-000L', 'BAT-24AA', 'GLV-000L');
  await expect(other.pendingCount).toHaveText('0');
  await expect(other.badge).toHaveAttribute('data-place', 'books');
  expect(last).toBe(other);
  await expectBooksHold(database, await other.shownEvents());

  await devTools.send('Page.setWebLifecycleState', { state: 'active' });
  await expect(sender.eventRows).toHaveCount(5);
  await expect(sender.pendingCount).toHaveText('0');
  await sender.countMore('LMP-0HED');
  for (const tab of tabs) await tab.sendImpatiently(6);
  await expectBooksHold(database, await other.shownEvents());
});
