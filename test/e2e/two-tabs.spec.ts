import { expectBooksHold } from './support/books-expectations.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

test('two tabs count as one device, one of them sends, and the other goes on when it is closed', async ({
  warehouse,
  launchDevice,
}) => {
  const { database, proxy, address } = warehouse;
  const { context } = await launchDevice();
  const tabs = [await StockPage.open(context, address), await StockPage.open(context, address)] as const;
  const senders: StockPage[] = [];
  for (const tab of tabs) {
    tab.page.on('request', (request) => {
      if (request.url() === `${proxy.url}/v2/push` && request.method() === 'POST') senders.push(tab);
    });
  }

  await test.step('both count, the same item as well', async () => {
    await Promise.all([
      tabs[0].countMore('GLV-000L', 'BLT-0840', 'GLV-000L', 'BLT-0840', 'GLV-000L'),
      tabs[1].countMore('GLV-000L', 'BAT-24AA', 'GLV-000L', 'BAT-24AA', 'GLV-000L'),
    ]);
    for (const tab of tabs) {
      await expect(tab.eventRows).toHaveCount(10);
      // 64 lay there, and six were added.
      await expect(tab.item('GLV-000L').getByTestId('count-input')).toHaveValue('70');
      await expect(tab.page.getByTestId('count-error')).toBeHidden();
    }
  });

  await test.step('one sends, both say so', async () => {
    for (const tab of tabs) await tab.sendImpatiently(10);
    expect(await tabs[1].shownEvents()).toEqual(await tabs[0].shownEvents());
    // It may send one more while one is on its way.
    expect(proxy.concurrentPushesMax).toBeLessThanOrEqual(2);
    expect(await syncLocks(tabs[0])).toEqual({ held: 1, waiting: 1 });
  });

  await test.step('the one that sends is closed', async () => {
    const [first, second] = tabs;
    // A tab that stood still for two seconds was taken over.
    const [sender, other] = senders.at(-1) === first ? [first, second] : [second, first];
    senders.length = 0;
    proxy.otherwise = 'portal';
    await other.countMore('LMP-0HED', 'LMP-0HED');
    await expect(other.pendingCount).toHaveText('2');
    await sender.page.close();
    proxy.otherwise = 'pass';
    await other.countMore('GLV-000L');
    await other.sendImpatiently(13);
    expect(senders).toContain(other);
    expect(await syncLocks(other)).toEqual({ held: 1, waiting: 0 });
    await expectBooksHold(database, await other.shownEvents());
  });
});

async function syncLocks({ page }: StockPage): Promise<{ readonly held: number; readonly waiting: number }> {
  return await page.evaluate(async () => {
    const { held = [], pending = [] } = await navigator.locks.query();
    const isSync = ({ name = '' }: LockInfo): boolean => name.startsWith('daybook:sync:');
    return { held: held.filter(isSync).length, waiting: pending.filter(isSync).length };
  });
}
