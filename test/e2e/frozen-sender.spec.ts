import { expectBooksHold } from './support/books-expectations.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';
import { BackgroundChromium } from '../soak/background-chromium.js';

// A tab in the background draws nothing, and Playwright's clicks wait for what is drawn.
async function inFront<T>(tab: StockPage, work: () => Promise<T>): Promise<T> {
  await tab.page.bringToFront();
  return await work();
}

test('the tab that sends is frozen: another one takes its turn, and nothing is sent twice when it thaws', async ({
  warehouse,
  browserName,
}) => {
  test.skip(browserName !== 'chromium', 'only Chromium freezes a page when it is asked to');
  const { database, proxy, address } = warehouse;
  const browser = await BackgroundChromium.launch();
  try {
    const { context } = browser;
    const tabs = [await StockPage.open(context, address), await StockPage.open(context, address)] as const;
    let last: StockPage | undefined;
    for (const tab of tabs) {
      tab.page.on('request', (request) => {
        if (request.url() === `${proxy.url}/v2/push` && request.method() === 'POST') last = tab;
      });
    }
    await inFront(tabs[0], () => tabs[0].countMore('GLV-000L', 'BLT-0840'));
    await inFront(tabs[0], () => tabs[0].sendImpatiently(2));
    const sender = last ?? tabs[0];
    const other = sender === tabs[0] ? tabs[1] : tabs[0];

    await other.page.bringToFront();
    const devTools = await context.newCDPSession(sender.page);
    await devTools.send('Page.setWebLifecycleState', { state: 'frozen' });
    await other.countMore('GLV-000L', 'BAT-24AA', 'GLV-000L');
    await expect(other.eventRows).toHaveCount(5);
    // It has been asked, has not answered, and its turn was taken.
    await expect(other.rowsIn('books')).toHaveCount(5);
    await expect(other.pendingCount).toHaveText('0');
    expect(last).toBe(other);
    await expectBooksHold(database, await other.shownEvents());

    await devTools.send('Page.setWebLifecycleState', { state: 'active' });
    await inFront(sender, async () => {
      await expect(sender.rowsIn('books')).toHaveCount(5);
      await sender.countMore('LMP-0HED');
      await sender.sendImpatiently(6);
    });
    await expectBooksHold(database, await sender.shownEvents());
  } finally {
    await browser.close();
  }
});
